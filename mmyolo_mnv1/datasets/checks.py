"""Checks of the data that are cheap enough to run at every start."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from math import isfinite

from PIL import Image

from ..errors import InputError

#: How a file of each format begins, and how it ends; something may follow.
MARKS = {b"\xff\xd8": b"\xff\xd9", b"\x89PNG": b"IEND"}
TAIL_BYTES = 256
#: What a bad image does to training.
POLICIES = ("stop", "skip")
#: Boxes may reach this far, in pixels, out of their image: annotations are rounded.
TOLERANCE = 1.0


def check_classes(
    have: Sequence[str], classes: Sequence[str], ignored: Sequence[str]
) -> str:
    """Compare the categories of an annotation file with the class names.

    The order counts too: MMDetection numbers labels in the order of the file.

    Args:
        have (Sequence[str]): Names of the categories in the file's order.
        classes (Sequence[str]): Names that the config gives.
        ignored (Sequence[str]): Categories left out on purpose.

    Returns:
        str: What is wrong, in one line; empty if nothing.
    """
    missing = [name for name in classes if name not in have]
    if missing:
        return (
            f"it has no category {missing} of classes, but {list(have)}: make classes "
            "and the file agree, case included"
        )
    unused = [name for name in have if name not in classes and name not in ignored]
    if unused:
        return (
            f"its categories {unused} are not among classes {list(classes)}: add them "
            "to classes, or to ignore_classes to leave their boxes out"
        )
    ordered = [name for name in have if name in classes]
    if ordered != list(classes):
        return (
            f"its categories stand in another order than classes: set classes = "
            f"{tuple(ordered)}"
        )
    return ""


def check_references(coco: dict) -> str:
    """Look for what is missing, stands twice or refers to nothing.

    Args:
        coco (dict): A COCO document.

    Returns:
        str: What is wrong, in one line; empty if nothing.
    """
    for part, field in (("images", "file_name"), ("categories", "name")):
        wrong = [i["id"] for i in coco[part] if not isinstance(i.get(field), str)]
        if wrong:
            what = f"ids of {part} have no text as {field}"
            return f"{_count(wrong, what)}: add it"
    for part in ("images", "annotations", "categories"):
        counts = Counter(item["id"] for item in coco.get(part, []))
        if twice := [i for i, count in counts.items() if count > 1]:
            return f"{_count(twice, f'ids of {part} stand twice')}: number them anew"
    names = Counter(category["name"] for category in coco["categories"])
    if twice := [name for name, count in names.items() if count > 1]:
        return f"{_count(twice, 'names of categories stand twice')}: merge them"
    annotations = coco.get("annotations", [])
    for part, key in (("images", "image_id"), ("categories", "category_id")):
        known = {item["id"] for item in coco[part]}
        if lost := [a["id"] for a in annotations if a[key] not in known]:
            what = f"annotation ids have a {key} that is not in {part}"
            return f"{_count(lost, what)}: list it or remove them"
    wrong = [a["id"] for a in annotations if not isfinite(sum(a["bbox"]) + a["area"])]
    if wrong:
        what = "annotation ids have a bbox or an area that is no number"
        return f"{_count(wrong, what)}: mend them"
    return ""


def find_bad_boxes(coco: dict) -> str:
    """Count boxes that reach out of their image, and those that MMDetection leaves out.

    Args:
        coco (dict): A COCO document whose references hold.

    Returns:
        str: How many, and the first three, in one line; empty if none.
    """
    sizes = {image["id"]: (image["width"], image["height"]) for image in coco["images"]}
    outside, degenerate = [], []
    for ann in coco.get("annotations", []):
        x, y, w, h = ann["bbox"]
        width, height = sizes[ann["image_id"]]
        inside = min(x + w, width) > max(x, 0) and min(y + h, height) > max(y, 0)
        if not inside or w < 1 or h < 1 or ann["area"] <= 0:
            degenerate.append(ann)
        elif min(x, y) < -TOLERANCE or max(x + w - width, y + h - height) > TOLERANCE:
            outside.append(ann)
    return "; ".join(
        _count([f"annotation {a['id']}: {a['bbox']}" for a in anns], what)
        for anns, what in (
            (outside, "boxes reach out of their image"),
            (degenerate, "boxes are left out: below 1 px, outside, or of area 0"),
        )
        if anns
    )


def _count(items: Sequence, what: str) -> str:
    """How many, and the first three."""
    first = ", ".join(map(str, items[:3]))
    return f"{len(items)} {what} ({first}{', ...' if len(items) > 3 else ''})"


def check_policy(policy: str) -> str:
    """The same policy for bad images.

    Raises:
        InputError: If it is unknown.
    """
    if policy not in POLICIES:
        raise InputError(
            f"on_bad_image (bad_images in a config) is {policy!r}: give one of "
            f"{', '.join(POLICIES)}"
        )
    return policy


def find_bad_images(paths: Iterable[str]) -> dict[str, str]:
    """Look for images that are not there or not complete.

    A JPEG or PNG cut short lacks its end mark: OpenCV would decode it half grey
    without an error. Other formats are checked for being there and not empty.

    Args:
        paths (Iterable[str]): Local paths of images.

    Returns:
        dict[str, str]: ``'missing'`` or ``'truncated'`` by path; good ones are left
        out.
    """
    bad = {}
    for path in paths:
        try:
            if not _is_complete(path):
                bad[path] = "truncated"
        except OSError:
            bad[path] = "missing"
    return bad


def describe_bad_images(bad: dict[str, str]) -> str:
    """How many images are bad, and the first three, in one line."""
    problems = sorted(set(bad.values()))
    return "; ".join(
        _count([path for path in bad if bad[path] == problem], problem)
        for problem in problems
    )


def _is_complete(path: str) -> bool:
    """Whether the file is not empty and ends as its format does.

    Raises:
        OSError: If it cannot be read.
    """
    with open(path, "rb") as file:
        head = file.read(4)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL_BYTES))
        tail = file.read()
    marks = [end for start, end in MARKS.items() if head.startswith(start)]
    if not marks or marks[0] in tail:
        return size > 0
    try:  # cameras append data of their own: only decoding tells
        with Image.open(path) as image:
            image.load()
    except (OSError, SyntaxError, ValueError):
        return False
    return True
