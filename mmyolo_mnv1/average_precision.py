"""COCO average precision (AP) of boxes per class, IoU threshold and object size."""

from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

ALL = slice(None)
#: One class by its label, or several classes to average over.
Labels = int | slice

#: Columns of an AP table: IoU thresholds by index among COCO's ten, and COCO's area.
COLUMNS = dict(
    AP=(ALL, "all"),
    AP50=(0, "all"),
    AP75=(5, "all"),
    APs=(ALL, "small"),
    APm=(ALL, "medium"),
    APl=(ALL, "large"),
)


def index_coco(document: dict) -> COCO:
    """Build pycocotools' index of a COCO document without printing its messages."""
    coco = COCO()
    coco.dataset = document
    with redirect_stdout(StringIO()):
        coco.createIndex()
    return coco


def index_detections(detections: list[dict], truth: COCO) -> COCO:
    """Index detections like :meth:`COCO.loadRes`, which refuses an empty list.

    Args:
        detections (list[dict]): In COCO's results format.
        truth (COCO): Annotations of the images.
    """
    annotations = [
        dict(d, id=number, area=d["bbox"][2] * d["bbox"][3], iscrowd=0)
        for number, d in enumerate(detections, 1)
    ]
    return index_coco(dict(truth.dataset, annotations=annotations))


class AveragePrecision:
    """COCO average precision of boxes, at 101 recall thresholds.

    Args:
        truth (COCO): Annotations.
        detections (COCO): See :func:`index_detections`.
        cat_ids (Sequence[int]): Category ids by label.
        image_ids (Sequence[int], optional): Images to evaluate. Defaults to all.
        max_detections (int): Maximum number of detections per image and class, those of
            highest score. Defaults to 100, as COCO.
    """

    def __init__(
        self,
        truth: COCO,
        detections: COCO,
        cat_ids: Sequence[int],
        image_ids: Sequence[int] | None = None,
        max_detections: int = 100,
    ) -> None:
        evaluation = COCOeval(truth, detections, "bbox")
        params = evaluation.params
        params.catIds, params.maxDets = list(cat_ids), [max_detections]
        if image_ids is not None:
            params.imgIds = sorted(image_ids)
        with redirect_stdout(StringIO()):
            evaluation.evaluate()
            evaluation.accumulate()
        self.ious = params.iouThrs
        self.recalls = params.recThrs
        self._areas = params.areaRngLbl
        # COCOeval sorts classes by category id, and marks classes without objects -1.
        order = np.searchsorted(params.catIds, cat_ids)
        precision = evaluation.eval["precision"][..., -1][:, :, order]
        precision[precision < 0] = np.nan
        self._precision = precision.swapaxes(0, 1)  # recall, IoU, class, area

    def table(self, labels: Labels = ALL) -> dict[str, float | None]:
        """AP for each of :data:`COLUMNS`; None without objects.

        Args:
            labels (int or slice): A class, or the classes to average over. Defaults to
                all classes that have objects.
        """
        return {
            name: _mean(self._precision[:, ious, labels, self._areas.index(area)])
            for name, (ious, area) in COLUMNS.items()
        }

    def by_iou(self, labels: Labels = ALL) -> dict[str, float | None]:
        """AP by IoU threshold, "0.50" to "0.95"; see :meth:`table`."""
        return {
            f"{iou:.2f}": _mean(self._precision[:, number, labels, 0])
            for number, iou in enumerate(self.ious)
        }

    def curve(self, ious: int | slice, labels: Labels = ALL) -> list[float] | None:
        """Precision at each of :attr:`recalls`; None without objects.

        Args:
            ious (int or slice): Index of an IoU threshold, or those to average over.
            labels (int or slice): See :meth:`table`.
        """
        curves = self._precision[:, ious, labels, 0].reshape(len(self.recalls), -1)
        curves = curves[:, ~np.isnan(curves[0])]
        return curves.mean(1).tolist() if curves.size else None


def _mean(values: np.ndarray) -> float | None:
    values = values[~np.isnan(values)]
    return float(values.mean()) if values.size else None
