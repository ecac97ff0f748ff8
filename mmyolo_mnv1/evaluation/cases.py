"""False positives and misses as cut-outs of their photos."""

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

CELL = 320  # px, side of a cut-out
CONTEXT = 1.8  # side of a cut-out in sides of the boxes
MIN_SIDE = 64  # px of the photo
COLUMNS = 4
#: Colours that colour-blind readers tell apart (Okabe and Ito).
OBJECT_COLOUR, DETECTION_COLOUR = "#56b4e9", "#e69f00"
OBJECT_WIDTH, DETECTION_WIDTH = 7, 3  # px: both are seen where the boxes are equal


@dataclass(frozen=True)
class Case:
    """An error to look at.

    Args:
        picture (np.ndarray): (CELL, CELL, 3) uint8 RGB.
        reason (str): What it is and why it counts as an error.
        image (str): Name of the photo.
    """

    picture: np.ndarray
    reason: str
    image: str


def cut_out(errors: dict[str, dict], image_paths: dict[int, str]) -> dict[str, list]:
    """Cut the listed errors out of their photos.

    Args:
        errors (dict[str, dict]): By kind, with ``worst``; see
            :func:`.eval_numbers.evaluate`.
        image_paths (dict[int, str]): Files by image id.

    Returns:
        dict[str, list[Case]]: By heading; kinds without an error are left out.

    Raises:
        InputError: If a photo cannot be read.
    """
    return {
        f"{kind}, {group['count']}: {group['meaning']}": [
            Case(
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
    """The photo around the boxes, with the boxes."""
    drawn = [
        (np.add(box["bbox"], [0, 0, *box["bbox"][:2]]), colour, width)
        for box, colour, width in (
            (thing, OBJECT_COLOUR, OBJECT_WIDTH),
            (detection, DETECTION_COLOUR, DETECTION_WIDTH),
        )
        if box
    ]
    photo = mmcv.imread(path)  # turned as the network gets it
    if photo is None:
        raise InputError(f"image {path} cannot be read: restore it")
    image = Image.fromarray(photo[..., ::-1])
    low = np.min([corners[:2] for corners, *_ in drawn], axis=0)
    high = np.max([corners[2:] for corners, *_ in drawn], axis=0)
    side = max(math.ceil(CONTEXT * (high - low).max()), MIN_SIDE)
    side = min(side, max(image.size))
    corner = ((low + high - side) / 2).astype(int)
    left, top = corner.clip(0, np.subtract(image.size, side).clip(0)).tolist()
    image = image.crop((left, top, left + side, top + side))  # black outside
    image = image.resize((CELL, CELL), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(image)
    for corners, colour, width in drawn:
        scaled = (corners - [left, top, left, top]) * CELL / side
        draw.rectangle(scaled.tolist(), outline=colour, width=width)
    return np.asarray(image)


def draw_cases(title: str, cases: dict[str, list[Case]]) -> Figure:
    """A page of cut-outs, a block for each kind.

    Args:
        title (str): Of the page.
        cases (dict[str, list[Case]]): By heading.
    """
    rows = [math.ceil(len(block) / COLUMNS) for block in cases.values()]
    height = 0.5 + sum(0.5 + 3.35 * count for count in rows)
    figure = plt.figure(figsize=(3.1 * COLUMNS, height), layout="constrained")
    figure.suptitle(title if cases else f"{title}: none", fontsize=15)
    if not cases:
        return figure
    blocks = figure.subfigures(len(rows), height_ratios=rows, squeeze=False)[:, 0]
    for block, count, (heading, group) in zip(blocks, rows, cases.items(), strict=True):
        block.suptitle(heading, x=0.01, ha="left", fontsize=12)
        axes = block.subplots(count, COLUMNS, squeeze=False).ravel()
        for ax in axes:
            ax.axis("off")
        for ax, case in zip(axes, group, strict=False):
            ax.imshow(case.picture)
            caption = f"{textwrap.fill(case.reason, 46)}\n{case.image[-46:]}"
            ax.set_title(caption, fontsize=8, loc="left")
    return figure
