"""Average precision of a detector on COCO annotations, without torch."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from ...coco_file import number_annotations, read_coco
from ...errors import InputError
from .detector import Detector
from .images import read_image
from .tiles import TiledDetector

#: Figures by name: columns of :mod:`mmyolo_mnv1.average_precision`.
FIGURES = dict(
    mAP="AP", mAP_50="AP50", mAP_75="AP75", mAP_s="APs", mAP_m="APm", mAP_l="APl"
)


class Evaluation(NamedTuple):
    """Result of :func:`evaluate`.

    Args:
        figures (dict[str, float]): :data:`FIGURES`, then the AP of each class, from 0
            to 1; NaN without objects.
        images (int): Number of images.
        milliseconds (float): Median time of an image, from pixels to detections.
    """

    figures: dict[str, float]
    images: int
    milliseconds: float

    def __str__(self) -> str:
        """Figures in one line each, then images and time."""
        lines = [f"{name:12s} {value:.4f}" for name, value in self.figures.items()]
        lines += [f"{self.images} images, {self.milliseconds:.1f} ms each (median)"]
        return "\n".join(lines)


def evaluate(
    detector: Detector | TiledDetector, folders: Sequence[str], annotations: Path
) -> Evaluation:
    """Measure average precision as COCO defines it, by pycocotools.

    Up to ``max_detections`` boxes of an image count, in place of COCO's 100 of a class.

    Args:
        detector (Detector or TiledDetector): The detector.
        folders (Sequence[str]): The folder that the file names start from.
        annotations (Path): COCO annotations; categories are matched by name.

    Raises:
        InputError: If pycocotools is not installed, the annotations cannot be read or
            have no class of the detector, or an image is missing or damaged.
    """
    try:
        from ...average_precision import AveragePrecision, index_coco, index_detections
    except ImportError:
        raise InputError("--eval needs pycocotools: pip install pycocotools") from None
    if len(folders) != 1 or not Path(folders[0]).is_dir():
        raise InputError("--eval: give the folder of the images as the one source")
    document = read_coco(annotations)
    number_annotations(document)
    truth = index_coco(document)
    ids = {each["name"]: each["id"] for each in document["categories"]}
    files = {each["id"]: each["file_name"] for each in document["images"]}
    if missing := [name for name in detector.names if name not in ids]:
        raise InputError(
            f"annotations {annotations} have no category {missing[0]!r} of the model"
        )
    categories = [ids[name] for name in detector.names]
    rows, times = [], []
    for image_id, name in tqdm(files.items(), unit="image", disable=None):
        try:
            image = read_image(str(Path(folders[0], name)))
        except ValueError as e:
            raise InputError(f"image {Path(folders[0], name)}: {e}") from None
        start = time.perf_counter()
        found = detector(image)
        times.append(time.perf_counter() - start)
        rows += found.to_coco(image_id, categories)
    precision = AveragePrecision(
        truth,
        index_detections(rows, truth),
        categories,
        max_detections=max(len(rows), 1),
    )
    table = precision.table()
    by_class = {
        name: precision.table(label)["AP"] for label, name in enumerate(detector.names)
    }
    figures = {name: table[column] for name, column in FIGURES.items()} | by_class
    figures = {k: float("nan") if v is None else v for k, v in figures.items()}
    return Evaluation(figures, len(files), 1000 * float(np.median(times)))
