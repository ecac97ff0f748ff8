"""Average precision of a detector on COCO annotations, without torch."""

import io
import json
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from ...coco_file import number_annotations, read_coco
from ...errors import InputError
from .detector import Detector
from .images import read_image
from .tiles import TiledDetector

#: Figures by name: IoU thresholds by index among COCO's ten, and object size.
FIGURES = dict(
    mAP=(slice(None), "all"),
    mAP_50=(0, "all"),
    mAP_75=(5, "all"),
    mAP_s=(slice(None), "small"),
    mAP_m=(slice(None), "medium"),
    mAP_l=(slice(None), "large"),
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
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError:
        raise InputError("--eval needs pycocotools: pip install pycocotools") from None
    if len(folders) != 1 or not Path(folders[0]).is_dir():
        raise InputError("--eval: give the folder of the images as the one source")
    truth = COCO()
    truth.dataset = read_coco(annotations)
    number_annotations(truth.dataset)
    with redirect_stdout(io.StringIO()):
        truth.createIndex()
    ids = {each["name"]: each["id"] for each in truth.dataset["categories"]}
    files = {each["id"]: each["file_name"] for each in truth.dataset["images"]}
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
    with redirect_stdout(io.StringIO()):
        found = COCO()
        found.dataset = dict(truth.dataset, annotations=[])
        found.createIndex()
        if rows:
            found = truth.loadRes(json.loads(json.dumps(rows)))
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.params.catIds = categories
        evaluation.params.maxDets = [max(len(rows), 1)]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][..., 0]  # IoU, recall, class, area
    precision[precision < 0] = np.nan
    areas = evaluation.params.areaRngLbl
    order = np.searchsorted(evaluation.params.catIds, categories)
    return Evaluation(
        {
            **{
                name: _mean(precision[iou, ..., areas.index(area)])
                for name, (iou, area) in FIGURES.items()
            },
            **{
                name: _mean(precision[:, :, label, 0])
                for name, label in zip(detector.names, order, strict=True)
            },
        },
        len(files),
        1000 * float(np.median(times)),
    )


def _mean(values: np.ndarray) -> float:
    values = values[~np.isnan(values)]
    return float(values.mean()) if values.size else float("nan")
