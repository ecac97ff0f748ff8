"""COCO documents: create, add a box, count boxes."""

from collections import Counter
from collections.abc import Sequence
from typing import Any


def coco_dict(classes: Sequence[str], info: dict | None = None) -> dict:
    """Create a COCO document without images; category ids count from 1."""
    categories = [
        dict(id=i, name=name, supercategory="none") for i, name in enumerate(classes, 1)
    ]
    return dict(info=info or {}, images=[], annotations=[], categories=categories)


def add_box(
    coco: dict, image_id: int, category_id: int, xywh: Sequence[float], **extra: Any
) -> None:
    """Append a box to a COCO document: left, top, width and height in pixels.

    ``extra`` are further fields of the annotation.
    """
    coco["annotations"].append(
        dict(
            id=len(coco["annotations"]) + 1,
            image_id=image_id,
            category_id=category_id,
            bbox=[round(float(v), 2) for v in xywh],
            area=round(float(xywh[2] * xywh[3]), 2),
            iscrowd=0,
        )
        | extra
    )


def count_boxes(coco: dict) -> dict[str, int]:
    """Count the boxes of each class, by class name, without ignored regions."""
    counts = Counter(
        ann["category_id"] for ann in coco["annotations"] if not ann["iscrowd"]
    )
    return {cat["name"]: counts[cat["id"]] for cat in coco["categories"]}
