"""Image crops of false positives and misses, with their boxes."""

import math
import textwrap
from dataclasses import dataclass

import mmcv
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image, ImageDraw
from tqdm import tqdm

from ..errors import InputError

CROP_SIZE = 320  # px, side of a crop as drawn
CONTEXT = 1.8  # side of a crop, in sides of its boxes
MIN_SIDE = 64  # px of the image
COLUMNS = 4
#: Okabe and Ito's colours, distinguishable with colour vision deficiencies.
OBJECT_COLOUR, DETECTION_COLOUR = "#56b4e9", "#e69f00"
OBJECT_WIDTH, DETECTION_WIDTH = 7, 3  # px: both stay visible where boxes coincide


@dataclass(frozen=True)
class ErrorCrop:
    """Crop around one error.

    Args:
        picture (np.ndarray): (CROP_SIZE, CROP_SIZE, 3) uint8 RGB.
        reason (str): Class, score and why it is an error.
        image (str): File name of the image.
    """

    picture: np.ndarray
    reason: str
    image: str


def crop_errors(
    errors: dict[str, dict], image_paths: dict[int, str]
) -> dict[str, list[ErrorCrop]]:
    """Crop the listed errors out of their images.

    Args:
        errors (dict[str, dict]): Errors by kind, each with ``worst``; see
            :func:`.metrics.evaluate`.
        image_paths (dict[int, str]): Image files by image id.

    Returns:
        dict[str, list[ErrorCrop]]: Crops by heading, without kinds that have none.

    Raises:
        InputError: If an image cannot be read.
    """
    return {
        f"{kind}, {group['count']}: {group['meaning']}": [
            ErrorCrop(
                _draw(image_paths[row["image_id"]], row["object"], row["detection"]),
                row["reason"],
                row["image"],
            )
            for row in tqdm(group["worst"], kind, disable=None)
        ]
        for kind, group in errors.items()
        if group["worst"]
    }


def _draw(path: str, thing: dict | None, detection: dict | None) -> np.ndarray:
    """Crop an image around an object and a detection, and draw their boxes."""
    drawn = [
        (np.add(box["bbox"], [0, 0, *box["bbox"][:2]]), colour, width)
        for box, colour, width in (
            (thing, OBJECT_COLOUR, OBJECT_WIDTH),
            (detection, DETECTION_COLOUR, DETECTION_WIDTH),
        )
        if box
    ]
    photo = mmcv.imread(path)  # applies the EXIF orientation, like the test pipeline
    if photo is None:
        raise InputError(f"image {path} cannot be read: restore it")
    image = Image.fromarray(photo[..., ::-1])
    low = np.min([corners[:2] for corners, *_ in drawn], axis=0)
    high = np.max([corners[2:] for corners, *_ in drawn], axis=0)
    side = max(math.ceil(CONTEXT * (high - low).max()), MIN_SIDE)
    side = min(side, max(image.size))
    corner = ((low + high - side) / 2).astype(int)
    left, top = corner.clip(0, np.subtract(image.size, side).clip(0)).tolist()
    image = image.crop((left, top, left + side, top + side))  # pads with black
    image = image.resize((CROP_SIZE, CROP_SIZE), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(image)
    for corners, colour, width in drawn:
        scaled = (corners - [left, top, left, top]) * CROP_SIZE / side
        draw.rectangle(scaled.tolist(), outline=colour, width=width)
    return np.asarray(image)


def draw_crops(title: str, crops: dict[str, list[ErrorCrop]]) -> Figure:
    """Draw crops on one page, a block for each kind of error.

    Args:
        title (str): Title of the page.
        crops (dict[str, list[ErrorCrop]]): Crops by heading.
    """
    rows = [math.ceil(len(block) / COLUMNS) for block in crops.values()]
    height = 0.5 + sum(0.5 + 3.35 * count for count in rows)
    figure = plt.figure(figsize=(3.1 * COLUMNS, height), layout="constrained")
    figure.suptitle(title if crops else f"{title}: none", fontsize=15)
    if not crops:
        return figure
    blocks = figure.subfigures(len(rows), height_ratios=rows, squeeze=False)[:, 0]
    for block, count, (heading, group) in zip(blocks, rows, crops.items(), strict=True):
        block.suptitle(heading, x=0.01, ha="left", fontsize=12)
        axes = block.subplots(count, COLUMNS, squeeze=False).ravel()
        for ax in axes:
            ax.axis("off")
        for ax, crop in zip(axes, group, strict=False):
            ax.imshow(crop.picture)
            caption = f"{textwrap.fill(crop.reason, 46)}\n{crop.image[-46:]}"
            ax.set_title(caption, fontsize=8, loc="left")
    return figure
