"""Summary table of a conversion."""

from collections import Counter
from itertools import combinations

from prettytable import PrettyTable

from .coco import count_boxes
from .conversion import ConvertedSplit

MAX_LISTED = 3  # dropped annotations of each split


def summary(results: dict[str, ConvertedSplit]) -> str:
    """Table of images and boxes by split, followed by the first dropped annotations."""
    columns = {split: _count(result) for split, result in results.items()}
    rows = dict.fromkeys(row for column in columns.values() for row in column)
    total = "total" if "total" not in results else "all splits"
    table = PrettyTable(["", *results, total], align="r")
    table.align[""] = "l"
    for group, item in rows:
        counts = [column.get((group, item), 0) for column in columns.values()]
        table.add_row([f"  {item}" if item else group, *counts, sum(counts)])
    notes = [note for result in results.values() for note in result.notes]
    lines = [*_list_dropped(results), *_list_shared(results), *notes]
    return "\n".join([str(table), *lines])


def _count(result: ConvertedSplit) -> dict[tuple[str, str], int]:
    """Counts of a split by group and item; the item of a group's total is empty."""
    coco, per_class = result.coco, count_boxes(result.coco)
    with_boxes = {a["image_id"] for a in coco["annotations"] if not a["iscrowd"]}
    ignored = len(coco["annotations"]) - sum(per_class.values())
    reasons = Counter(dropped.reason for dropped in result.dropped)
    return {
        ("images", ""): len(coco["images"]),
        ("images", "without boxes"): len(coco["images"]) - len(with_boxes),
        ("boxes", ""): sum(per_class.values()),
        **{("boxes", name): count for name, count in per_class.items()},
        **({("ignored regions", ""): ignored} if ignored else {}),
        ("boxes clipped to the image", ""): result.clipped,
        ("dropped", ""): len(result.dropped),
        **{("dropped", reason): count for reason, count in sorted(reasons.items())},
    }


def _list_dropped(results: dict[str, ConvertedSplit]) -> list[str]:
    lines = []
    for split, result in results.items():
        for drop in result.dropped[:MAX_LISTED]:
            lines.append(f"{split} dropped {drop.description}: {drop.reason}")
        if (more := len(result.dropped) - MAX_LISTED) > 0:
            lines.append(f"{split} dropped {more} more")
    return lines


def _list_shared(results: dict[str, ConvertedSplit]) -> list[str]:
    """Numbers of images that two splits share."""
    names = {
        split: {image["file_name"] for image in result.coco["images"]}
        for split, result in results.items()
    }
    return [
        f"{count} images are in both {a} and {b}"
        for a, b in combinations(names, 2)
        if (count := len(names[a] & names[b]))
    ]
