"""COCO annotation files as people have them: encodings, missing and wrong fields."""

import codecs
import json
import math
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .errors import PREFIX, InputError

#: Byte order marks and their encodings; a file without one is UTF-8.
ENCODINGS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}

#: Errors for a document of another structure.
NOT_COCO = (AssertionError, AttributeError, LookupError, TypeError, ValueError)


def read_coco(path: Path, sizes: bool = False) -> dict:
    """Read a COCO file, complete missing fields, and check ids and references.

    Training, validation, test, the evaluation report, ``--eval`` of exported models and
    the converters read COCO files by this function:

    - numbers written as text become numbers, and names written as numbers text;
    - ``iscrowd`` is 0 where it is missing, ``area`` is width times height of the box;
    - ``ignore`` becomes ``iscrowd``, because COCOeval overwrites ``ignore`` and would
      count such objects;
    - a category that repeats the name of another one and has no box is left out, such
      as Roboflow's category 0 with the name of the project.

    Args:
        path (Path): File in UTF-8, or in UTF-16 with a byte order mark.
        sizes (bool): Whether every image needs a width and a height.
            Defaults to False.

    Returns:
        dict: The COCO document.

    Raises:
        InputError: If the file is missing or is not COCO JSON, an id, a file name or a
            category name is repeated, a field is no number, or a box refers to an image
            or a category that is not listed.
    """
    name = f"annotation file {path}"
    try:
        coco = read_json(path)
        _repair(coco)
        _repair_sizes(coco, required=sizes)
        problem = _check_references(coco)
    except InputError as e:
        raise InputError(f"{name}, {str(e).removeprefix(PREFIX)}") from None
    except FileNotFoundError:
        raise InputError(f"{name} not found: correct the path") from None
    except OSError as e:
        raise InputError(f"{name} cannot be read: {e.strerror}") from None
    except NOT_COCO as e:
        raise InputError(
            f"{name} is not COCO JSON ({type(e).__name__}: {e}): convert it with "
            "tools/dataset_converters"
        ) from None
    if problem:
        raise InputError(f"{name}: {problem}")
    return coco


def read_json(path: Path) -> Any:
    """Read a JSON file in UTF-8, or in UTF-16 with a byte order mark.

    Raises:
        ValueError: If it is not JSON, with the reason.
        OSError: If it cannot be read.
    """
    data = path.read_bytes()
    encoding = next((e for mark, e in ENCODINGS.items() if data.startswith(mark)), None)
    text = data.decode(encoding or "utf-8")
    try:
        return json.loads(text)
    except json.JSONDecodeError as e:
        lines = text.splitlines()
        if e.msg == "Extra data" and len(lines) > 1 and lines[1][:1] in "{[":
            raise ValueError(
                "one JSON value a line (JSON lines), where one object with images, "
                "annotations and categories is expected"
            ) from None
        raise


def _repair(coco: dict) -> None:
    """Complete and convert the fields of annotations, in place.

    Raises:
        InputError: If a field cannot be read as a number; names the item and the
            field, without the file.
    """
    for category in coco["categories"]:
        if isinstance(category.get("name"), int):
            category["name"] = str(category["name"])
    annotations = coco.get("annotations") or []
    coco["annotations"] = annotations
    for number, ann in enumerate(annotations):
        what = f"annotation {ann.get('id', f'number {number}')}"
        box = ann.get("bbox")
        if not isinstance(box, list) or len(box) != 4:
            raise InputError(f"{what}: bbox is {box!r}: give x, y, width, height")
        ann["bbox"] = [_to_float(v) for v in box]
        if None in ann["bbox"]:
            raise InputError(f"{what}: bbox is {box!r}, one is no number: mend it")
        if ann.get("area") is None:
            ann["area"] = ann["bbox"][2] * ann["bbox"][3]
        ann["area"] = _number(ann, "area", what, "square pixels, or leave it out")
        flags = [ann.get("iscrowd"), ann.pop("ignore", None)]
        for field, flag in zip(("iscrowd", "ignore"), flags, strict=True):
            if flag not in (None, 0, 1, "0", "1"):
                raise InputError(f"{what}: {field} is {flag!r}: give 0 or 1")
        ann["iscrowd"] = max(int(flag or 0) for flag in flags)
    _drop_repeated_categories(coco)


def _drop_repeated_categories(coco: dict) -> None:
    """Leave out categories without a box whose name another category has, in place."""
    used = {ann["category_id"] for ann in coco["annotations"]}
    counts = Counter(category.get("name") for category in coco["categories"])
    kept = []
    for category in coco["categories"]:
        name = category.get("name")
        if counts[name] > 1 and category["id"] not in used:
            counts[name] -= 1
        else:
            kept.append(category)
    coco["categories"] = kept


def _repair_sizes(coco: dict, required: bool) -> None:
    """Convert ``width`` and ``height`` of images to integers, in place.

    Raises:
        InputError: If one is missing and required, or no number; names the image and
            the field.
    """
    for image in coco["images"]:
        for field in ("width", "height"):
            if required or image.get(field) is not None:
                size = _number(image, field, f"image {image.get('id')}", "pixels")
                image[field] = int(size)


def number_annotations(coco: dict) -> None:
    """Renumber all annotations from 1 if any id is missing, 0 or not an integer.

    COCOeval reads the id 0 as "no match".

    Args:
        coco (dict): A COCO document; changed.
    """
    ids = [ann.get("id") for ann in coco["annotations"]]
    if all(isinstance(i, int) and i > 0 for i in ids):
        return
    for number, ann in enumerate(coco["annotations"], 1):
        ann["id"] = number


def _number(item: dict, field: str, what: str, unit: str) -> float:
    value = _to_float(item.get(field))
    if value is None:
        raise InputError(
            f"{what}: {field} is {item.get(field)!r}, it is no number: give {unit}"
        )
    return value


def _to_float(value: Any) -> float | None:
    """A finite number from a number or its text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _check_references(coco: dict) -> str:
    """Describe the first problem of ids, names or references; empty if none."""
    for items, problem, remedy in _find_problems(coco):
        if items:
            return f"{count_items(items, problem)}: {remedy}"
    return ""


def _find_problems(coco: dict) -> Iterator[tuple[list, str, str]]:
    """Yield affected ids or names, description and remedy of each kind of problem."""
    annotations = coco["annotations"]
    for part, field in (("images", "file_name"), ("categories", "name")):
        ids = [
            item["id"] for item in coco[part] if not isinstance(item.get(field), str)
        ]
        yield ids, f"ids of {part} have no text as {field}", "add it"
    for part in ("images", "annotations", "categories"):
        ids = _repeated(item["id"] for item in coco[part] if "id" in item)
        yield ids, f"ids of {part} stand twice", "number them anew"
    files = _repeated(image["file_name"] for image in coco["images"])
    remedy = "merge their annotations into one entry"
    yield files, "file names of images stand twice", remedy
    names = _repeated(category["name"] for category in coco["categories"])
    yield names, "names of categories stand twice", "merge them"
    for part, key in (("images", "image_id"), ("categories", "category_id")):
        known = {item["id"] for item in coco[part]}
        ids = [a.get("id") for a in annotations if a[key] not in known]
        problem = f"annotation ids have a {key} that is not in {part}"
        yield ids, problem, "list it or remove them"


def _repeated(values: Iterable[Hashable]) -> list:
    return [value for value, count in Counter(values).items() if count > 1]


def count_items(items: Sequence, problem: str) -> str:
    """Number of items with a problem, and the first three."""
    first = ", ".join(map(str, items[:3]))
    return f"{len(items)} {problem} ({first}{', ...' if len(items) > 3 else ''})"
