"""All numbers of an evaluation report."""

import numpy as np

from ..average_precision import ALL, AveragePrecision, index_detections
from .data import GroundTruth
from .error_kinds import (
    FALSE_POSITIVES,
    MISSES,
    DetectionError,
    false_positives,
    misses,
)
from .matching import (
    THRESHOLDS,
    Matching,
    class_counts,
    confusion_matrix,
    match,
    ratios,
    score_curves,
)

#: IoU thresholds of the precision-recall curves, by index among COCO's.
PR_IOUS = dict(iou_50=0, iou_75=5, iou_mean=ALL)


def evaluate(
    truth: GroundTruth,
    detections: list[dict],
    score_thr: float | None = None,
    iou_thr: float = 0.5,
    worst: int = 8,
) -> dict:
    """Evaluate detections on a test set.

    Args:
        truth (GroundTruth): The test set.
        detections (list[dict]): Detections in COCO's results format.
        score_thr (float, optional): Score threshold of the confusion matrix and the
            lists of errors. Defaults to None, the lowest at which F1 of all classes
            together is best.
        iou_thr (float): IoU threshold of a match, except in AP. Defaults to 0.5.
        worst (int): Number of errors to list of each kind. Defaults to 8.

    Returns:
        dict: Document for JSON. ``summary`` and each of ``classes`` are table rows: AP
        by :data:`~mmyolo_mnv1.average_precision.COLUMNS` and ``by_iou``; ``objects``,
        ``detections``, ``precision``, ``recall`` and ``f1`` at ``score_thr``.
        Undefined ratios are None.
    """
    indexed = index_detections(detections, truth.coco)
    images = [*truth.image_paths]
    precision = AveragePrecision(truth.coco, indexed, truth.cat_ids, images)
    matching = match(truth, indexed, iou_thr)
    scores = score_curves(matching)
    best = float(THRESHOLDS[scores["f1"].argmax()])
    score_thr = best if score_thr is None else score_thr
    kept = matching.above(score_thr)
    return dict(
        images=len(truth.image_paths),
        detections=len(detections),
        iou_thr=iou_thr,
        score_thr=score_thr,
        best_score_thr=best,
        summary=dict(
            name="all",
            **_average_precision(precision, ALL),
            **ratios(len(kept.objects), len(kept.pairs), len(kept.false)),
        ),
        classes=[
            dict(name=name, **_average_precision(precision, label), **counts)
            for label, (name, counts) in enumerate(
                zip(truth.classes, class_counts(kept), strict=True)
            )
        ],
        confusion=confusion_matrix(kept).tolist(),
        pr_curves=_pr_curves(precision, truth.classes),
        score_curves=dict(
            score=THRESHOLDS.tolist(),
            **{
                name: [None if np.isnan(x) else x for x in curve.tolist()]
                for name, curve in scores.items()
            },
        ),
        false_positives=_group(false_positives(kept), FALSE_POSITIVES, worst, kept),
        misses=_group(misses(matching, score_thr), MISSES, worst, kept),
    )


def _average_precision(precision: AveragePrecision, labels: int | slice) -> dict:
    return dict(**precision.table(labels), by_iou=precision.by_iou(labels))


def _pr_curves(precision: AveragePrecision, classes: tuple[str, ...]) -> dict:
    curves = {
        name: dict(
            mean=precision.curve(ious),
            classes=[precision.curve(ious, label) for label in range(len(classes))],
        )
        for name, ious in PR_IOUS.items()
    }
    return dict(recall=precision.recalls.tolist(), **curves)


def _group(
    errors: list[DetectionError], kinds: dict[str, str], worst: int, matching: Matching
) -> dict[str, dict]:
    """Count the errors of each kind, and list the first of them."""
    groups = {kind: [e for e in errors if e.kind == kind] for kind in kinds}
    return {
        kind: dict(
            meaning=kinds[kind],
            count=len(group),
            worst=[_to_row(error, matching) for error in group[:worst]],
        )
        for kind, group in groups.items()
    }


def _to_row(error: DetectionError, matching: Matching) -> dict:
    image_id = (error.object or error.detection)["image_id"]
    detection = error.detection
    return dict(
        image_id=image_id,
        image=matching.truth.coco.imgs[image_id]["file_name"],
        reason=error.reason,
        iou=error.iou,
        object=_box(error.object, matching),
        detection=detection
        and dict(_box(detection, matching), score=detection["score"]),
    )


def _box(box: dict | None, matching: Matching) -> dict | None:
    return box and dict(name=matching.name(box), bbox=list(box["bbox"]))
