"""Pictures of the network's training, validation and test inputs."""

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
from ..evaluation.pictures import BoxDrawer, save_grid

MIN_CELL = 320  # px: smaller inputs are enlarged by an integer factor
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
    """Save grids of network inputs with their boxes.

    Args:
        cfg (Config): Config of a detector.
        out (Path): Folder for ``<split>_<page>.png``.
        split (str): ``train``, ``val`` or ``test``. Defaults to "train".
        stage2 (bool): Whether to use the pipeline of the last epochs, without mosaic.
            Defaults to False.
        number (int, optional): Number of images. Defaults to None, one grid.
        grid (tuple[int, int]): Rows and columns. Defaults to (3, 4).
        seed (int): Seed of the selection and of augmentation. Defaults to 0.

    Returns:
        list[Path]: The pictures.

    Raises:
        InputError: If a number is below 1, the config has no such split or no second
            pipeline, or the data cannot be read.
    """
    rows, columns = grid
    per_page = rows * columns
    number = per_page if number is None else number
    if min(rows, columns, number) < 1:
        raise InputError(f"--number {number} --grid {rows}x{columns}: give 1 or more")
    dataset = build_input_dataset(cfg, split, stage2)
    set_random_seed(seed)
    indices = np.random.default_rng(seed).permutation(len(dataset))[:number]
    stem = f"{split}_stage2" if stage2 else split
    paths = []
    for start in tqdm(range(0, len(indices), per_page), "pages", disable=None):
        inputs = [read_input(dataset, i) for i in indices[start : start + per_page]]
        paths.append(out / f"{stem}_{len(paths) + 1}.png")
        save_grid(_draw(inputs, dataset), paths[-1], columns)
    return paths


def split_config(cfg: Config, split: str) -> ConfigDict:
    """Copy the dataset config of a split.

    Raises:
        InputError: If the config has no such split.
    """
    if "model" in cfg and "bbox_head" not in cfg.model:
        raise InputError(f"{cfg.filename} is no detector's config: give one")
    loader = cfg.get(f"{split}_dataloader")
    if not loader:
        raise InputError(
            f"{cfg.filename}: no {split}_dataloader: add one or choose another --split"
        )
    return copy.deepcopy(loader.dataset)


def build_input_dataset(cfg: Config, split: str, stage2: bool = False) -> BaseDataset:
    """Build the dataset of a split, with boxes in pixels of the network's input.

    Pipelines for testing load annotations last, in pixels of the original image. Here
    they are loaded first, so that every transform is applied to them.
    """
    init_default_scope(cfg.get("default_scope", "mmyolo"))
    dataset = split_config(cfg, split)
    if stage2:
        dataset.pipeline = _second_pipeline(cfg, split)
    dataset = DATASETS.build(dataset)
    # Stable sort: loading first, the other transforms in their order.
    dataset.pipeline.transforms.sort(
        key=lambda t: not isinstance(t, (LoadImageFromFile, LoadAnnotations))
    )
    return dataset


def read_input(dataset: BaseDataset, index: int) -> tuple[np.ndarray, DetDataSample]:
    """Read one image and apply the whole pipeline.

    Returns:
        tuple[np.ndarray, DetDataSample]: (H, W, 3) uint8 BGR, and its boxes.
    """
    sample = dataset[int(index)]
    return sample["inputs"].permute(1, 2, 0).numpy(), sample["data_samples"]


def _second_pipeline(cfg: Config, split: str) -> list[ConfigDict]:
    for hook in cfg.get("custom_hooks") or ():
        if split == "train" and "switch_pipeline" in hook:
            return copy.deepcopy(hook.switch_pipeline)
    raise InputError(
        f"{cfg.filename}: {split} has no second pipeline (PipelineSwitchHook in "
        "custom_hooks): leave --stage2 out"
    )


def _draw(
    inputs: list[tuple[np.ndarray, DetDataSample]], dataset: BaseDataset
) -> list[np.ndarray]:
    """Draw inputs as pictures of one size: image with boxes, and a caption."""
    side = max(max(image.shape[:2]) for image, _ in inputs)
    cell = side * math.ceil(MIN_CELL / side)
    draw = BoxDrawer(dataset.metainfo["classes"], cell)
    shapes = [np.divide(image.shape[:2], max(image.shape[:2])) for image, _ in inputs]
    high, wide = np.ceil(cell * np.max(shapes, axis=0)).astype(int)
    names = [type(transform).__name__ for transform in dataset.pipeline.transforms]
    mixed = any("Mosaic" in name or "MixUp" in name for name in names)
    pictures = []
    for image, sample in inputs:
        height, width = image.shape[:2]
        name = Path(sample.img_path).name + (", …" if mixed else "")
        text = f"{len(sample.gt_instances)} boxes, {width} x {height} px, {name}"
        pictures.append(_add_caption(draw(image, sample)[:high, :wide], text))
    return pictures


def _add_caption(picture: np.ndarray, text: str) -> np.ndarray:
    """Add a white frame with a line of text above the picture."""
    frame = (CAPTION, 8), (4, 4), (0, 0)
    image = Image.fromarray(np.pad(picture, frame, constant_values=255))
    font = ImageFont.truetype(font_manager.findfont("DejaVu Sans"), 12)
    ImageDraw.Draw(image).text((4, 5), text, fill=0, font=font)
    return np.asarray(image)
