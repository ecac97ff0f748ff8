"""Detections matched to ground truth at one IoU threshold, and what follows from it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from pycocotools import mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from .data import GroundTruth

#: Score thresholds at which precision and recall are computed.
THRESHOLDS = np.arange(1001) / 1000


@dataclass(frozen=True)
class Matching:
    """COCO's assignment of detections to objects.

    Boxes are pycocotools' dicts (``id``, ``image_id``, ``category_id``, ``bbox``).
    Crowds, and detections matched to a crowd, are left out.

    Args:
        truth (GroundTruth): The test set.
        iou_thr (float): IoU threshold of a match.
        objects (list[dict]): All ground-truth boxes.
        pairs (list[tuple[dict, dict]]): True positives: detection and its object.
        false (list[dict]): False positives: detections without an object.
    """

    truth: GroundTruth
    iou_thr: float
    objects: list[dict]
    pairs: list[tuple[dict, dict]]
    false: list[dict]

    def above(self, score_thr: float) -> "Matching":
        """Drop the detections whose score is below ``score_thr``."""
        return replace(
            self,
            pairs=[pair for pair in self.pairs if pair[0]["score"] >= score_thr],
            false=[d for d in self.false if d["score"] >= score_thr],
        )

    @property
    def missed(self) -> list[dict]:
        """False negatives: objects without a detection."""
        matched = {thing["id"] for _, thing in self.pairs}
        return [o for o in self.objects if o["id"] not in matched]

    def label(self, box: dict) -> int:
        """Label of a detection or an object."""
        return self.truth.cat_ids.index(box["category_id"])

    def name(self, box: dict) -> str:
        """Class name of a detection or an object."""
        return self.truth.classes[self.label(box)]


def match(truth: GroundTruth, detections: COCO, iou_thr: float) -> Matching:
    """Match within each image and class by COCOeval, highest score first.

    As for AP, the 100 best detections per image and class take part.

    Args:
        truth (GroundTruth): The test set.
        detections (COCO): See :func:`~mmyolo_mnv1.average_precision.index_detections`.
        iou_thr (float): IoU threshold of a match.
    """
    evaluation = COCOeval(truth.coco, detections, "bbox")
    params = evaluation.params
    params.imgIds = image_ids = sorted(truth.image_paths)
    params.catIds, params.iouThrs = truth.cat_ids, np.array([iou_thr])
    params.areaRng = params.areaRng[:1]  # all sizes
    evaluation.evaluate()
    pairs, false = [], []
    for image in filter(None, evaluation.evalImgs):
        rows = (image["dtIds"], image["dtMatches"][0], image["dtIgnore"][0])
        for detection, match_id, ignored in zip(*rows, strict=True):
            detection = detections.anns[detection]
            if match_id and not ignored:
                pairs.append((detection, truth.coco.anns[int(match_id)]))
            elif not ignored:
                false.append(detection)
    objects = truth.coco.loadAnns(
        truth.coco.getAnnIds(image_ids, truth.cat_ids, iscrowd=False)
    )
    return Matching(truth, iou_thr, objects, pairs, false)


def by_image(boxes: Iterable[dict]) -> defaultdict[int, list[dict]]:
    """Group boxes by ``image_id``; other ids give an empty list."""
    groups = defaultdict(list)
    for box in boxes:
        groups[box["image_id"]].append(box)
    return groups


def nearest(box: dict, others: list[dict]) -> tuple[dict | None, float]:
    """Box with the highest IoU; of equal ones, one of the same class.

    Args:
        box (dict): A detection or an object.
        others (list[dict]): Boxes of the same image.

    Returns:
        tuple[dict | None, float]: The box and its IoU; None and 0 without ``others``.
    """
    if not others:
        return None, 0.0
    ious = mask.iou([box["bbox"]], [o["bbox"] for o in others], [0] * len(others))[0]
    same = [o["category_id"] == box["category_id"] for o in others]
    best = np.lexsort((same, ious))[-1]
    return others[best], float(ious[best])


def score_curves(matching: Matching) -> dict[str, np.ndarray]:
    """Precision, recall and F1 of all classes together by score threshold.

    Returns:
        dict[str, np.ndarray]: ``precision`` (NaN without detections), ``recall`` and
        ``f1`` at each of :data:`THRESHOLDS`.
    """
    true = _count_above([detection["score"] for detection, _ in matching.pairs])
    false = _count_above([detection["score"] for detection in matching.false])
    objects = len(matching.objects)
    precision = np.full(len(THRESHOLDS), np.nan)
    np.divide(true, true + false, out=precision, where=true + false > 0)
    return dict(
        precision=precision,
        recall=true / objects,
        f1=2 * true / (true + false + objects),
    )


def _count_above(scores: list[float]) -> np.ndarray:
    """Count the scores that reach each of :data:`THRESHOLDS`."""
    return len(scores) - np.searchsorted(np.sort(scores), THRESHOLDS, side="left")


def class_counts(matching: Matching) -> list[dict]:
    """:func:`ratios` of each class, by label."""

    def count(boxes: Iterable[dict]) -> list[int]:
        labels = np.array([matching.label(box) for box in boxes], int)
        return np.bincount(labels, minlength=len(matching.truth.classes)).tolist()

    true = count(detection for detection, _ in matching.pairs)
    counts = count(matching.objects), true, count(matching.false)
    return [ratios(*row) for row in zip(*counts, strict=True)]


def ratios(objects: int, true: int, false: int) -> dict:
    """``objects``, ``detections``, ``precision``, ``recall`` and ``f1`` from counts.

    A ratio whose denominator is 0 is None.
    """
    return dict(
        objects=objects,
        detections=true + false,
        precision=_divide(true, true + false),
        recall=_divide(true, objects),
        f1=_divide(2 * true, true + false + objects),
    )


def _divide(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator else None


def confusion_matrix(matching: Matching) -> np.ndarray:
    """Counts by true class (rows) and predicted class (columns); background is last.

    The diagonal holds the true positives. Then each false positive, highest score
    first, takes the missed object of any class with the highest IoU, if it is at least
    ``iou_thr``. False positives left over are in the last row, objects in the last
    column; each object counts once.

    Returns:
        np.ndarray: (classes + 1, classes + 1) integers.
    """
    size = len(matching.truth.classes) + 1
    counts = np.zeros((size, size), int)
    for detection, thing in matching.pairs:
        counts[matching.label(thing), matching.label(detection)] += 1
    missed = by_image(matching.missed)
    for detection in sorted(matching.false, key=lambda d: -d["score"]):
        rest = missed[detection["image_id"]]
        taken, iou = nearest(detection, rest)
        row = -1
        if iou >= matching.iou_thr:
            row = matching.label(taken)
            rest.remove(taken)
        counts[row, matching.label(detection)] += 1
    for rest in missed.values():
        for box in rest:
            counts[matching.label(box), -1] += 1
    return counts
