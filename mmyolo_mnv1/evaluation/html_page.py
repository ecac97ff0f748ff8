"""Rendering of the evaluation report as one self-contained HTML page."""

import io
from base64 import b64encode

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from ..average_precision import COLUMNS
from .error_crops import DETECTION_COLOUR, OBJECT_COLOUR, ErrorCrop

TEMPLATE = "report.html.j2"
TABLE = ("objects", "detections", *COLUMNS, "precision", "recall", "f1")


def render_page(
    report: dict,
    crops: dict[str, dict[str, list[ErrorCrop]]],
    pictures: dict[str, bytes],
) -> str:
    """Render the page; it loads no other file and nothing from the network.

    Args:
        report (dict): See :func:`.eval_report.eval_report`.
        crops (dict[str, dict[str, list[ErrorCrop]]]): Crops of ``false_positives``
            and ``misses``, by heading.
        pictures (dict[str, bytes]): Figures as PNG, by name.

    Returns:
        str: HTML.
    """
    environment = Environment(
        loader=PackageLoader(__package__, "."),
        autoescape=True,
        undefined=StrictUndefined,
    )
    environment.filters["base64"] = lambda data: b64encode(data).decode()
    environment.filters["jpeg"] = _to_jpeg
    return environment.get_template(TEMPLATE).render(
        columns=TABLE,
        rows=[*report["classes"], report["summary"]],
        object_colour=OBJECT_COLOUR,
        detection_colour=DETECTION_COLOUR,
        report=report,
        crops=crops,
        pictures=pictures,
    )


def _to_jpeg(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=85)
    return file.getvalue()
