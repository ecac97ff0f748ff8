"""What went wrong: false positives and misses by kind, the worst first."""

from dataclasses import dataclass

from .matching import Matching, by_image, nearest

#: Below this IoU two boxes have nothing to do with each other (Hoiem et al., Diagnosing
#: Error in Object Detectors, ECCV 2012).
NEAR_IOU = 0.1

LOCALISATION = "localisation"
CONFUSION = "class confusion"
FALSE_POSITIVES = {
    "background": "no object there",
    LOCALISATION: "an object of this class is there, the box fits badly",
    CONFUSION: "the object there is of another class",
    "duplicate": "another detection has found that object",
}
MISSES = {
    "not found": "no detection there",
    LOCALISATION: "a detection of this class is there, the box fits badly",
    CONFUSION: "the detection there is of another class",
    "low score": "found, with a score below the threshold",
}


@dataclass(frozen=True)
class DetectionError:
    """A false positive or a miss.

    Args:
        kind (str): One of :data:`FALSE_POSITIVES` or :data:`MISSES`.
        detection (dict, optional): What was detected; None if nothing was.
        object (dict, optional): What is there; None if nothing is.
        iou (float): Of the two, 0 if there is one only.
        reason (str): What it is and why it counts as an error.
    """

    kind: str
    detection: dict | None
    object: dict | None
    iou: float
    reason: str


def false_positives(matching: Matching) -> list[DetectionError]:
    """Detections that found nothing, the highest score first.

    The object with the greatest IoU, whatever its class, decides the kind.
    """
    objects = by_image(matching.objects)
    found_by = {found["id"]: detection for detection, found in matching.pairs}
    errors = []
    for detection in sorted(matching.false, key=lambda d: -d["score"]):
        there, iou = nearest(detection, objects[detection["image_id"]])
        if iou < NEAR_IOU:
            there, iou, kind, why = None, 0.0, "background", "no object there"
        elif there["category_id"] != detection["category_id"]:
            kind, why = CONFUSION, f"is {matching.name(there)}, IoU {iou:.2f}"
        elif iou < matching.iou_thr:
            kind, why = LOCALISATION, f"IoU {iou:.2f}"
        else:
            score = found_by[there["id"]]["score"]
            kind, why = "duplicate", f"already found with {score:.2f}"
        reason = f"{matching.name(detection)} {detection['score']:.2f}: {why}"
        errors.append(DetectionError(kind, detection, there, iou, reason))
    return errors


def misses(matching: Matching, score_thr: float) -> list[DetectionError]:
    """Objects that nothing found, the largest in its photo first.

    The false positive there, if there are several that with the highest score, decides
    the kind; without one, a detection below the threshold that found the object.

    Args:
        matching (Matching): With the detections of every score.
        score_thr (float): Detections with a lower score do not count.
    """
    kept = matching.above(score_thr)
    instead = {}
    for error in false_positives(kept):
        if error.object:
            instead.setdefault(error.object["id"], error)
    found_by = {found["id"]: detection for detection, found in matching.pairs}
    errors = []
    for missed in sorted(kept.missed, key=lambda o: -_share(o, matching)):
        if error := instead.get(missed["id"]):
            detection, iou, kind = error.detection, error.iou, error.kind
            what = f"{matching.name(detection)} {detection['score']:.2f}"
            why = f"detected as {what}, IoU {iou:.2f}"
        elif detection := found_by.get(missed["id"]):
            _, iou = nearest(missed, [detection])
            kind, why = "low score", f"found with {detection['score']:.2f} only"
        else:
            iou, kind, why = 0.0, "not found", "no detection there"
        reason = f"{matching.name(missed)}: {why}"
        errors.append(DetectionError(kind, detection, missed, iou, reason))
    return errors


def _share(box: dict, matching: Matching) -> float:
    """Share of its photo that a box covers."""
    image = matching.truth.coco.imgs[box["image_id"]]
    width, height = box["bbox"][2:]
    return width * height / (image["width"] * image["height"])
