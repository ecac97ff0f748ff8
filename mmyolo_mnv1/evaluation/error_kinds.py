"""False positives and misses by kind of error, the worst first."""

from dataclasses import dataclass

from .matching import Matching, by_image, nearest

#: IoU below which two boxes are unrelated (Hoiem et al., Diagnosing Error in Object
#: Detectors, ECCV 2012).
NEAR_IOU = 0.1

LOCALISATION = "localisation"
CONFUSION = "class confusion"
#: Kinds of error and what they mean.
FALSE_POSITIVES = {
    "background": f"overlaps no object (IoU < {NEAR_IOU})",
    LOCALISATION: "overlaps an object of its class, below the IoU threshold",
    CONFUSION: "overlaps an object of another class",
    "duplicate": "another detection is matched to the same object",
}
MISSES = {
    "not found": "no detection overlaps it",
    LOCALISATION: "a detection of its class overlaps it, below the IoU threshold",
    CONFUSION: "a detection of another class overlaps it",
    "low score": "found, with a score below the threshold",
}


@dataclass(frozen=True)
class DetectionError:
    """A false positive or a miss.

    Args:
        kind (str): One of :data:`FALSE_POSITIVES` or :data:`MISSES`.
        detection (dict, optional): The detection involved, if any.
        object (dict, optional): The object involved, if any.
        iou (float): IoU of both; 0 if one is missing.
        reason (str): Class, score and why it is an error.
    """

    kind: str
    detection: dict | None
    object: dict | None
    iou: float
    reason: str


def false_positives(matching: Matching) -> list[DetectionError]:
    """False positives, highest score first.

    The object with the highest IoU, of any class, decides the kind.
    """
    objects = by_image(matching.objects)
    matched = {thing["id"]: detection for detection, thing in matching.pairs}
    errors = []
    for detection in sorted(matching.false, key=lambda d: -d["score"]):
        thing, iou = nearest(detection, objects[detection["image_id"]])
        if iou < NEAR_IOU:
            thing, iou, kind, why = None, 0.0, "background", "no object there"
        elif thing["category_id"] != detection["category_id"]:
            kind, why = CONFUSION, f"is {matching.name(thing)}, IoU {iou:.2f}"
        elif iou < matching.iou_thr:
            kind, why = LOCALISATION, f"IoU {iou:.2f}"
        else:
            score = matched[thing["id"]]["score"]
            kind, why = "duplicate", f"already found with {score:.2f}"
        reason = f"{matching.name(detection)} {detection['score']:.2f}: {why}"
        errors.append(DetectionError(kind, detection, thing, iou, reason))
    return errors


def misses(matching: Matching, score_thr: float) -> list[DetectionError]:
    """Missed objects, the largest share of their image first.

    The best false positive nearest to the object decides the kind; without one, a
    match below the score threshold.

    Args:
        matching (Matching): Matching of all detections, of any score.
        score_thr (float): Score threshold; detections below do not count.
    """
    kept = matching.above(score_thr)
    instead = {}
    for error in false_positives(kept):
        if error.object:
            instead.setdefault(error.object["id"], error)
    matched = {thing["id"]: detection for detection, thing in matching.pairs}
    errors = []
    for missed in sorted(kept.missed, key=lambda o: -_image_share(o, matching)):
        if error := instead.get(missed["id"]):
            detection, iou, kind = error.detection, error.iou, error.kind
            what = f"{matching.name(detection)} {detection['score']:.2f}"
            why = f"detected as {what}, IoU {iou:.2f}"
        elif detection := matched.get(missed["id"]):
            _, iou = nearest(missed, [detection])
            kind, why = "low score", f"found with {detection['score']:.2f} only"
        else:
            iou, kind, why = 0.0, "not found", "no detection there"
        reason = f"{matching.name(missed)}: {why}"
        errors.append(DetectionError(kind, detection, missed, iou, reason))
    return errors


def _image_share(box: dict, matching: Matching) -> float:
    """Fraction of its image that a box covers."""
    image = matching.truth.coco.imgs[box["image_id"]]
    width, height = box["bbox"][2:]
    return width * height / (image["width"] * image["height"])
