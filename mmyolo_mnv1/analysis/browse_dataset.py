"""What the network is fed, as pictures."""

import copy
import math
from pathlib import Path

import numpy as np
from matplotlib import font_manager
from mmcv.transforms import LoadAnnotations, LoadImageFromFile
from mmdet.structures import DetDataSample
from mmengine.config import Config, ConfigDict
from mmengine.dataset import BaseDataset
from mmengine.registry import init_default_scope
from mmengine.runner import set_random_seed
from mmyolo.registry import DATASETS
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from ..errors import InputError
from .pictures import BoxDrawer, save_grid

MIN_CELL = 320  # px: smaller inputs are enlarged by a whole factor
CAPTION = 24  # px


def browse_dataset(
    cfg: Config,
    out: Path,
    split: str = "train",
    stage2: bool = False,
    number: int | None = None,
    grid: tuple[int, int] = (3, 4),
    seed: int = 0,
) -> list[Path]:
    """Save grids of images as they enter the network, with their boxes.

    Args:
        cfg (Config): A detector's config, resolved.
        out (Path): Folder for ``<split>_<page>.png``.
        split (str): ``train``, ``val`` or ``test``. Defaults to "train".
        stage2 (bool): Whether to take the pipeline that training switches to, without
            mosaic. Defaults to False.
        number (int, optional): Images. Defaults to None, one grid full.
        grid (tuple[int, int]): Rows and columns. Defaults to (3, 4).
        seed (int): Of the choice of images and of augmentation. Defaults to 0.

    Returns:
        list[Path]: The pictures.

    Raises:
        InputError: If a number is below 1, the config has no such split or second
            pipeline, or its data cannot be read.
    """
    rows, columns = grid
    per_page = rows * columns
    number = per_page if number is None else number
    if min(rows, columns, number) < 1:
        raise InputError(f"--number {number} --grid {rows}x{columns}: give 1 or more")
    dataset = build_fed_dataset(cfg, split, stage2)
    set_random_seed(seed)
    indices = np.random.default_rng(seed).permutation(len(dataset))[:number]
    stem = f"{split}_stage2" if stage2 else split
    paths = []
    for start in tqdm(range(0, len(indices), per_page), "pages", disable=None):
        fed = [feed(dataset, int(i)) for i in indices[start : start + per_page]]
        paths.append(out / f"{stem}_{len(paths) + 1}.png")
        save_grid(_draw(fed, dataset), paths[-1], columns)
    return paths


def split_dataset(cfg: Config, split: str) -> ConfigDict:
    """The config of a split's dataset, to be changed freely.

    Raises:
        InputError: If there is none.
    """
    if "model" in cfg and "bbox_head" not in cfg.model:
        raise InputError(f"{cfg.filename} is no detector's config: give one")
    loader = cfg.get(f"{split}_dataloader")
    if not loader:
        raise InputError(
            f"{cfg.filename}: no {split}_dataloader: add one or choose another --split"
        )
    return copy.deepcopy(loader.dataset)


def build_fed_dataset(cfg: Config, split: str, stage2: bool = False) -> BaseDataset:
    """The dataset of a split as the network gets it, with boxes on its images.

    Pipelines for testing read the boxes last, for evaluation in pixels of the photo;
    here they are read first, so that every transform moves them.
    """
    init_default_scope(cfg.get("default_scope", "mmyolo"))
    dataset = split_dataset(cfg, split)
    if stage2:
        dataset.pipeline = _second_pipeline(cfg, split)
    dataset = DATASETS.build(dataset)
    transforms = dataset.pipeline.transforms
    # Sorting is stable: what loads comes first, all else stays in its order.
    transforms.sort(
        key=lambda t: not isinstance(t, (LoadImageFromFile, LoadAnnotations))
    )
    return dataset


def feed(dataset: BaseDataset, index: int) -> tuple[np.ndarray, DetDataSample]:
    """One image after the whole pipeline.

    Returns:
        tuple[np.ndarray, DetDataSample]: (H, W, 3) uint8 BGR, and the boxes on it.
    """
    fed = dataset[index]
    return fed["inputs"].permute(1, 2, 0).numpy(), fed["data_samples"]


def _second_pipeline(cfg: Config, split: str) -> list[ConfigDict]:
    for hook in cfg.get("custom_hooks") or ():
        if split == "train" and "switch_pipeline" in hook:
            return copy.deepcopy(hook.switch_pipeline)
    raise InputError(
        f"{cfg.filename}: {split} has no second pipeline (PipelineSwitchHook in "
        "custom_hooks): leave --stage2 out"
    )


def _draw(
    fed: list[tuple[np.ndarray, DetDataSample]], dataset: BaseDataset
) -> list[np.ndarray]:
    """Pictures of one size: image with boxes, and what it is."""
    side = max(max(image.shape[:2]) for image, _ in fed)
    cell = side * math.ceil(MIN_CELL / side)
    draw = BoxDrawer(dataset.metainfo["classes"], cell)
    shapes = [np.divide(image.shape[:2], max(image.shape[:2])) for image, _ in fed]
    high, wide = np.ceil(cell * np.max(shapes, axis=0)).astype(int)
    names = [type(transform).__name__ for transform in dataset.pipeline.transforms]
    mixed = any("Mosaic" in name or "MixUp" in name for name in names)
    pictures = []
    for image, sample in fed:
        height, width = image.shape[:2]
        name = Path(sample.img_path).name + (", …" if mixed else "")
        text = f"{len(sample.gt_instances)} boxes, {width} x {height} px, {name}"
        pictures.append(_add_caption(draw(image, sample)[:high, :wide], text))
    return pictures


def _add_caption(picture: np.ndarray, text: str) -> np.ndarray:
    """The picture in a white frame with a line of text above it."""
    picture = np.pad(
        picture, ((CAPTION, 8), (4, 4), (0, 0)), "constant", constant_values=255
    )
    image = Image.fromarray(picture)
    font = ImageFont.truetype(font_manager.findfont("DejaVu Sans"), 12)
    ImageDraw.Draw(image).text((4, 5), text, fill=0, font=font)
    return np.asarray(image)
