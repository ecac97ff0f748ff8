"""How many boxes of which class and size a dataset has, as tables and pictures."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import init_default_scope
from mmyolo.registry import DATASETS
from prettytable import PrettyTable

from ..errors import InputError
from .browse_dataset import split_dataset

SMALL, LARGE = 32, 96  # px, sides of COCO's squares between small, medium and large


@dataclass
class DatasetStats:
    """Boxes of one annotation file, as the network is trained or tested with them.

    Args:
        name (str): Of the split or file.
        classes (Sequence[str]): Class names by label.
        labels (np.ndarray): Of the boxes, (n,).
        sizes (np.ndarray): Their width and height in pixels of the photo, (n, 2).
        per_image (np.ndarray): Boxes of each image, (images,).
        zooms (np.ndarray): From the photo to the network's input, (n,).
        input_size (tuple[int, int], optional): Width and height. Defaults to None, not
            known; zooms are 1.
    """

    name: str
    classes: Sequence[str]
    labels: np.ndarray
    sizes: np.ndarray
    per_image: np.ndarray
    zooms: np.ndarray
    input_size: tuple[int, int] | None = None

    @property
    def per_class(self) -> dict[str, int]:
        """Number of boxes by class name."""
        counts = np.bincount(self.labels, minlength=len(self.classes))
        return dict(zip(self.classes, counts.tolist(), strict=True))

    @property
    def sides(self) -> np.ndarray:
        """Square roots of the boxes' areas in pixels of the photo, (n,)."""
        return np.sqrt(self.sizes.prod(1))

    @property
    def bands(self) -> dict[str, int]:
        """Number of small, medium and large boxes in COCO's sense."""
        small, large = self.sides < SMALL, self.sides >= LARGE
        return dict(
            small=int(small.sum()),
            medium=int((~small & ~large).sum()),
            large=int(large.sum()),
        )


def config_stats(cfg: Config, splits: Sequence[str] = ()) -> list[DatasetStats]:
    """Statistics of a config's splits.

    Args:
        cfg (Config): A detector's config, resolved.
        splits (Sequence[str]): Of ``train``, ``val``, ``test``. Defaults to all that
            the config has, without one that repeats another.

    Raises:
        InputError: If a split is missing or its annotations cannot be read.
    """
    init_default_scope(cfg.get("default_scope", "mmyolo"))
    input_size = cfg.get("input_scale")
    have = [s for s in ("train", "val", "test") if cfg.get(f"{s}_dataloader")]
    stats, seen = [], []
    for split in splits or have:
        dataset = split_dataset(cfg, split)
        if splits or dataset not in seen:
            seen.append(dataset.copy())
            dataset.pipeline = []
            built = DATASETS.build(dataset)
            stats.append(_measure(split, built, input_size))
    return stats


def file_stats(paths: Sequence[Path]) -> list[DatasetStats]:
    """Statistics of COCO annotation files; all their categories count.

    Raises:
        InputError: If one is missing or not COCO JSON.
    """
    init_default_scope("mmyolo")
    names = [path.stem for path in paths]
    if len(set(names)) < len(names):
        names = list(map(str, paths))
    return [
        _measure(name, _open(path)) for name, path in zip(names, paths, strict=True)
    ]


def _open(path: Path) -> BaseDataset:
    try:
        categories = json.loads(path.read_text(encoding="utf-8"))["categories"]
        classes = tuple(category["name"] for category in categories)
    except OSError:
        raise InputError(
            f"annotation file {path} not found: correct the path"
        ) from None
    except (KeyError, TypeError, ValueError) as e:
        raise InputError(
            f"annotation file {path} is not COCO JSON ({type(e).__name__}: {e}): "
            "convert it with tools/dataset_converters"
        ) from None
    return DATASETS.build(
        dict(
            type="CheckedCocoDataset",
            ann_file=str(path),
            data_prefix=dict(img=""),
            metainfo=dict(classes=classes),
            require_boxes=False,
            verify_images=False,
        )
    )


def _measure(
    name: str, dataset: BaseDataset, input_size: tuple[int, int] | None = None
) -> DatasetStats:
    labels, sizes, per_image, zooms = [], [], [], []
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        boxes = [i for i in info["instances"] if not i["ignore_flag"]]
        per_image.append(len(boxes))
        zoom = 1.0
        if input_size:
            zoom = min(input_size[0] / info["width"], input_size[1] / info["height"])
        for box in boxes:
            x1, y1, x2, y2 = box["bbox"]
            labels.append(box["bbox_label"])
            sizes.append((x2 - x1, y2 - y1))
            zooms.append(zoom)
    return DatasetStats(
        name,
        dataset.metainfo["classes"],
        np.array(labels, int),
        np.array(sizes, float).reshape(-1, 2),
        np.array(per_image, int),
        np.array(zooms, float),
        input_size,
    )


def stats_table(stats: Sequence[DatasetStats]) -> str:
    """Counts and medians, a column for each of ``stats``."""
    table = PrettyTable(["", *[s.name for s in stats]], align="r")
    table.align[""] = "l"

    def add(row: str, values: Sequence) -> None:
        table.add_row([row, *values])

    add("images", [len(s.per_image) for s in stats])
    add("  without boxes", [int((s.per_image == 0).sum()) for s in stats])
    add("  boxes, median", [f"{_median(s.per_image):g}" for s in stats])
    add("  boxes, most", [max(s.per_image, default=0) for s in stats])
    add("boxes", [len(s.labels) for s in stats])
    for name in class_names(stats):
        add(f"  {name}", [s.per_class.get(name, 0) for s in stats])
    add(f"  small, below {SMALL} x {SMALL} px", [s.bands["small"] for s in stats])
    add("  medium", [s.bands["medium"] for s in stats])
    add(f"  large, from {LARGE} x {LARGE} px", [s.bands["large"] for s in stats])
    for axis, side in enumerate(("width", "height")):
        add(f"  {side}, median px", [f"{_median(s.sizes[:, axis]):.0f}" for s in stats])
        if any(s.input_size for s in stats):
            fed = [_median(s.sizes[:, axis] * s.zooms) for s in stats]
            add(f"  {side} at input, median px", [f"{value:.0f}" for value in fed])
    return str(table)


def class_names(stats: Sequence[DatasetStats]) -> list[str]:
    """Class names of all, in order of first appearance."""
    return list(dict.fromkeys(name for s in stats for name in s.classes))


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else 0.0
