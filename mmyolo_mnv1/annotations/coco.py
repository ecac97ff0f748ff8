"""Writing COCO-format annotations."""

import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path


def coco_dict(classes: Sequence[str], info: dict | None = None) -> dict:
    """An empty COCO document with 1-based category ids in the order of ``classes``."""
    categories = [dict(id=i, name=name) for i, name in enumerate(classes, 1)]
    return dict(info=info or {}, images=[], annotations=[], categories=categories)


def add_box(
    coco: dict, image_id: int, category_id: int, xywh: Sequence[float], **extra
) -> None:
    """Append a box, ``(x, y, width, height)`` in pixels, to a COCO document."""
    coco["annotations"].append(
        dict(
            id=len(coco["annotations"]) + 1,
            image_id=image_id,
            category_id=category_id,
            bbox=[round(float(v), 2) for v in xywh],
            area=round(float(xywh[2] * xywh[3]), 2),
            iscrowd=0,
            **extra,
        )
    )


def write_json(document: dict, path: Path) -> None:
    """Write JSON under a temporary name, then rename it: never half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(document), encoding="utf-8")
    os.replace(temporary, path)


def count_boxes(coco: dict) -> dict[str, int]:
    """Number of boxes of each class, by name."""
    counts = Counter(ann["category_id"] for ann in coco["annotations"])
    return {cat["name"]: counts[cat["id"]] for cat in coco["categories"]}
