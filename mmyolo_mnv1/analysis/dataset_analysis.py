"""Statistics of data sets: boxes by class and size."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import init_default_scope
from mmyolo.registry import DATASETS

from .. import register_all
from ..coco_file import read_coco
from .browse_dataset import split_config
from .tables import Column, Table

SMALL, LARGE = 32, 96  # px, square roots of COCO's areas of small and large objects


@dataclass
class DatasetStats:
    """Boxes of one annotation file, crowds excluded.

    Args:
        name (str): Name of the split or file.
        classes (Sequence[str]): Class names by label.
        labels (np.ndarray): Labels of the boxes, (n,).
        sizes (np.ndarray): Widths and heights in pixels of the original image, (n, 2).
        per_image (np.ndarray): Number of boxes of each image, (images,).
        zooms (np.ndarray): Scale factors to the network's input, (n,).
        input_size (tuple[int, int], optional): Width and height of the input in pixels.
            Defaults to None, unknown; ``zooms`` are 1.
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
        """Square roots of the areas in pixels of the original image, (n,)."""
        return np.sqrt(self.sizes.prod(1))

    @property
    def bands(self) -> dict[str, int]:
        """Number of small, medium and large boxes, as COCO defines them."""
        counts, _ = np.histogram(self.sides, [0, SMALL, LARGE, np.inf])
        return dict(zip(("small", "medium", "large"), counts.tolist(), strict=True))


def config_stats(cfg: Config, splits: Sequence[str] = ()) -> list[DatasetStats]:
    """Compute the statistics of a config's splits.

    Args:
        cfg (Config): Config of a detector.
        splits (Sequence[str]): Of ``train``, ``val``, ``test``. Defaults to all that
            the config has, each dataset once.

    Raises:
        InputError: If a split is missing or its annotations cannot be read.
    """
    init_default_scope(cfg.get("default_scope", "mmyolo"))
    input_size = cfg.get("input_scale")
    available = [s for s in ("train", "val", "test") if cfg.get(f"{s}_dataloader")]
    stats, seen = [], []
    for split in splits or available:
        dataset = split_config(cfg, split)
        if splits or dataset not in seen:
            seen.append(dataset.copy())
            dataset.pipeline = []
            stats.append(_measure(split, DATASETS.build(dataset), input_size))
    return stats


def file_stats(paths: Sequence[Path]) -> list[DatasetStats]:
    """Compute the statistics of COCO annotation files, with all their categories.

    Raises:
        InputError: If a file is missing or is not COCO JSON.
    """
    register_all()
    init_default_scope("mmyolo")
    names = [path.stem for path in paths]
    if len(set(names)) < len(names):
        names = list(map(str, paths))
    return [
        _measure(name, _open(path)) for name, path in zip(names, paths, strict=True)
    ]


def _open(path: Path) -> BaseDataset:
    classes = tuple(each["name"] for each in read_coco(path)["categories"])
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


def stats_table(stats: Sequence[DatasetStats]) -> Table:
    """Table of counts and medians, one column for each of ``stats``."""
    rows = []

    def add(title: str, values: Sequence[float]) -> None:
        rows.append(dict(enumerate(values), title=title))

    add("images", [len(s.per_image) for s in stats])
    add("  without boxes", [int((s.per_image == 0).sum()) for s in stats])
    add("  boxes, median", [_median(s.per_image) for s in stats])
    add("  boxes, most", [max(s.per_image, default=0) for s in stats])
    add("boxes", [len(s.labels) for s in stats])
    for name in class_names(stats):
        add(f"  {name}", [s.per_class.get(name, 0) for s in stats])
    add(f"  small, below {SMALL} x {SMALL} px", [s.bands["small"] for s in stats])
    add("  medium", [s.bands["medium"] for s in stats])
    add(f"  large, from {LARGE} x {LARGE} px", [s.bands["large"] for s in stats])
    for axis, side in enumerate(("width", "height")):
        sizes = [s.sizes[:, axis] for s in stats]
        add(f"  {side}, median px", [round(_median(values)) for values in sizes])
        if any(s.input_size for s in stats):
            inputs = [v * s.zooms for v, s in zip(sizes, stats, strict=True)]
            medians = [round(_median(values)) for values in inputs]
            add(f"  {side} at input, median px", medians)
    names = enumerate(s.name for s in stats)
    columns = [Column(number, name, "{:.12g}".format) for number, name in names]
    return Table([Column("title", ""), *columns], rows)


def class_names(stats: Sequence[DatasetStats]) -> list[str]:
    """List the class names of all, in order of first appearance."""
    return list(dict.fromkeys(name for s in stats for name in s.classes))


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else 0.0
