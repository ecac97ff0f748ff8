"""Checks of annotations and images that are fast enough to run at every start."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

from ..coco_file import count_items
from ..errors import InputError
from ..photos import decoded_size, is_decodable

#: First bytes of a file by format, and the mark at its end; other bytes may follow.
MARKS = {b"\xff\xd8": b"\xff\xd9", b"\x89PNG": b"IEND"}
TAIL_BYTES = 256
#: What to do with a bad image.
POLICIES = ("stop", "skip")
#: Pixels that a box may reach beyond its image: annotations are rounded.
TOLERANCE = 1.0


def check_classes(
    categories: Sequence[str], classes: Sequence[str], ignored: Sequence[str]
) -> str:
    """Compare the categories of an annotation file with the class names.

    The order matters: MMDetection numbers labels in the order of the file.

    Args:
        categories (Sequence[str]): Category names in the order of the file.
        classes (Sequence[str]): Class names of the config.
        ignored (Sequence[str]): Categories to leave out.

    Returns:
        str: The first problem in one line; empty if there is none.
    """
    missing = [name for name in classes if name not in categories]
    if missing:
        return (
            f"it has no category {missing} of classes, but {list(categories)}: make "
            "classes and the file agree, case included"
        )
    unused = [c for c in categories if c not in classes and c not in ignored]
    if unused:
        return (
            f"its categories {unused} are not among classes {list(classes)}: add them "
            "to classes, or to ignore_classes to leave their boxes out"
        )
    ordered = [name for name in categories if name in classes]
    if ordered != list(classes):
        return (
            f"its categories stand in another order than classes: set classes = "
            f"{tuple(ordered)}, or to test a detector trained with the present ones, "
            "order the categories"
        )
    return ""


def find_bad_boxes(coco: dict) -> str:
    """Count boxes that exceed their image, and those that MMDetection leaves out.

    Args:
        coco (dict): A COCO document that :func:`.read_coco` has read.

    Returns:
        str: Their number and the first three in one line; empty if there are none.
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
        count_items([f"annotation {a.get('id')}: {a['bbox']}" for a in anns], problem)
        for anns, problem in (
            (outside, "boxes reach out of their image"),
            (degenerate, "boxes are left out: below 1 px, outside, or of area 0"),
        )
        if anns
    )


def check_policy(policy: str) -> str:
    """Return a policy for bad images, one of :data:`POLICIES`.

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
    """Find missing and truncated images.

    A truncated JPEG or PNG lacks its end mark; OpenCV would decode it half grey without
    an error. Files of other formats only have to exist and not to be empty.

    Args:
        paths (Iterable[str]): Local paths of images.

    Returns:
        dict[str, str]: ``'missing'`` or ``'truncated'`` by path, for bad images only.
    """
    bad = {}
    for path in paths:
        try:
            if not _is_complete(path):
                bad[path] = "truncated"
        except OSError:
            bad[path] = "missing"
    return bad


def find_wrong_sizes(images: Iterable[dict]) -> dict[str, str]:
    """Find images whose size, turned by EXIF, is not that of the annotations.

    Args:
        images (Iterable[dict]): ``img_path``, ``width`` and ``height`` of each.

    Returns:
        dict[str, str]: The problem by path, for these images only.
    """
    wrong = {}
    for image in images:
        try:
            size = decoded_size(Path(image["img_path"]))
        except (OSError, ValueError):
            wrong[image["img_path"]] = "not readable as an image"
            continue
        if size != (image["width"], image["height"]):
            wrong[image["img_path"]] = "of another size than the annotations give"
    return wrong


def find_undecodable(paths: Iterable[str]) -> list[str]:
    """Find images that OpenCV cannot decode.

    JPEG files are not decoded: OpenCV decodes any whose header is whole.

    Args:
        paths (Iterable[str]): Local paths of images.
    """
    others = [p for p in paths if not p.lower().endswith((".jpg", ".jpeg"))]
    return [path for path in others if not is_decodable(Path(path))]


def describe_bad_images(bad: dict[str, str]) -> str:
    """Number of images with each problem, and the first three, in one line."""
    return "; ".join(
        count_items([path for path in bad if bad[path] == problem], problem)
        for problem in sorted(set(bad.values()))
    )


def _is_complete(path: str) -> bool:
    """Whether a file is not empty and ends with the mark of its format.

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
    try:  # cameras append more than TAIL_BYTES to some images: decode the file
        with Image.open(path) as image:
            image.load()
    except Image.DecompressionBombError:  # too large for Pillow, not for OpenCV
        return is_decodable(Path(path))
    except (OSError, SyntaxError, ValueError):
        return False
    return True
