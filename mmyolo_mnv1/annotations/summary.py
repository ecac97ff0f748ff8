"""What a conversion did, as a table."""

from collections import Counter
from itertools import combinations

from prettytable import PrettyTable

from .coco import count_boxes
from .conversion import Converted

NAMED = 3  # dropped annotations named for each split


def summary(results: dict[str, Converted]) -> str:
    """A table of images and boxes by split, and the first annotations dropped.

    Args:
        results (dict[str, Converted]): By split.
    """
    columns = {split: _count(result) for split, result in results.items()}
    rows = dict.fromkeys(row for column in columns.values() for row in column)
    table = PrettyTable(["", *results, "total"], align="r")
    table.align[""] = "l"
    for group, item in rows:
        counts = [column.get((group, item), 0) for column in columns.values()]
        table.add_row([f"  {item}" if item else group, *counts, sum(counts)])
    return "\n".join([str(table), *_dropped(results), *_shared(results)])


def _count(result: Converted) -> dict[tuple[str, str], int]:
    """Counts of one split by group and item; the group's own count has no item."""
    coco, per_class = result.coco, count_boxes(result.coco)
    with_boxes = {ann["image_id"] for ann in coco["annotations"]}
    reasons = Counter(dropped.reason for dropped in result.dropped)
    return {
        ("images", ""): len(coco["images"]),
        ("images", "without boxes"): len(coco["images"]) - len(with_boxes),
        ("boxes", ""): len(coco["annotations"]),
        **{("boxes", name): count for name, count in per_class.items()},
        ("boxes clipped to the image", ""): result.clipped,
        ("dropped", ""): len(result.dropped),
        **{("dropped", reason): count for reason, count in sorted(reasons.items())},
    }


def _dropped(results: dict[str, Converted]) -> list[str]:
    lines = []
    for split, result in results.items():
        named, more = result.dropped[:NAMED], len(result.dropped) - NAMED
        lines += [f"{split} dropped {drop.what}: {drop.reason}" for drop in named]
        if more > 0:
            lines.append(f"{split} dropped {more} more")
    return lines


def _shared(results: dict[str, Converted]) -> list[str]:
    """Lines about images that are in two splits."""
    names = {
        split: {image["file_name"] for image in result.coco["images"]}
        for split, result in results.items()
    }
    return [
        f"{count} images are in both {a} and {b}"
        for a, b in combinations(names, 2)
        if (count := len(names[a] & names[b]))
    ]
