"""COCO annotation files as people have them: encodings, missing and wrong fields."""

import codecs
import json
import math
from pathlib import Path
from typing import Any

from ..errors import InputError

#: Byte order marks and their encodings; a file without one is UTF-8.
ENCODINGS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_json(path: Path) -> Any:
    """Read a JSON file in UTF-8 or UTF-16, with or without byte order mark.

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


def repair(coco: dict) -> None:
    """Complete and convert the fields of annotations, in place.

    - numbers written as text become numbers;
    - ``iscrowd`` is 0 where it is missing, ``area`` is width times height of the box;
    - annotations get ids from 1 if one has none or 0, which COCOeval reads as "no
      match".

    Args:
        coco (dict): A COCO document; changed.

    Raises:
        InputError: If a field cannot be read as a number; names the item and the
            field, without the file.
    """
    for image in coco["images"]:
        for field in ("width", "height"):
            size = _number(image, field, f"image {image.get('id')}", "pixels")
            image[field] = int(size)
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
        crowd = ann.get("iscrowd")
        if crowd not in (None, 0, 1, "0", "1"):
            raise InputError(f"{what}: iscrowd is {crowd!r}: give 0 or 1")
        ann["iscrowd"] = int(crowd or 0)


def number_annotations(coco: dict) -> None:
    """Number annotations from 1 if an id is missing, 0 or no number, in place.

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
