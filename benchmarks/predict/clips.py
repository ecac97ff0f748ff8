"""Clips with known tracks, made of annotated photos."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.predict.mosaics import AnnotatedPhoto, make_mosaic

WIDTH, HEIGHT = 640, 480
FRAMES = 150
#: Least visible part of an object that counts.
VISIBLE = 0.4
BAR = 90  # width of the bar that hides objects, in pixels


class ClipFrame(NamedTuple):
    """A frame and the objects in it.

    Args:
        image (np.ndarray): (480, 640, 3) uint8 BGR.
        ids (np.ndarray): (n,) tracks, from 1.
        boxes (np.ndarray): (n, 4) x1, y1, x2, y2 in pixels.
    """

    image: np.ndarray
    ids: np.ndarray
    boxes: np.ndarray


def pan(photos: Sequence[AnnotatedPhoto]) -> Iterator[ClipFrame]:
    """Yield the frames of a camera pan over a mosaic: objects enter and leave.

    Args:
        photos (Sequence[AnnotatedPhoto]): Sixteen photos of one size.
    """
    mosaic = make_mosaic(photos, 4)
    height, width = mosaic.image.shape[:2]
    for number in range(FRAMES):
        angle = 2 * np.pi * number / FRAMES
        x = round((width - WIDTH) * (0.5 - 0.3 * np.cos(angle)))
        y = round((height - HEIGHT) * (0.5 + 0.3 * np.sin(2 * angle)))
        image = mosaic.image[y : y + HEIGHT, x : x + WIDTH].copy()
        shown = np.ones(len(mosaic.boxes), bool)
        yield _frame(image, mosaic.boxes - [x, y, x, y], shown)


def cells(photos: Sequence[AnnotatedPhoto], category: int) -> Iterator[ClipFrame]:
    """Yield frames of moving cells that cross, are occluded by a bar, and leave.

    Args:
        photos (Sequence[AnnotatedPhoto]): Photos; the first object of the category in
            each is cut out.
        category (int): Category id of the objects.
    """
    sprites = [s for photo in photos if (s := _cut_out(photo, category)) is not None][
        :6
    ]
    background = _background(photos[0])
    # Centre of each cell by frame. The bar covers x = 275 to 365. The fifth cell leaves
    # on the right after a third of the clip; the sixth enters on the left after half.
    t = np.arange(FRAMES) / (FRAMES - 1)
    wave = np.sin(2 * np.pi * t)
    ways = [
        (70 + 500 * t, 90 + 20 * wave),
        (570 - 500 * t, 130 - 20 * wave),
        (80 + 480 * t, 390 + 0 * t),
        (170 + 30 * wave, 130 + 230 * t),
        (480 + 600 * t, 250 + 30 * wave),
        (-700 + 1150 * t, 270 - 20 * wave),
    ]
    for number in range(FRAMES):
        image, boxes = background.copy(), []
        for sprite, (x, y) in zip(sprites, ways, strict=False):
            boxes.append(_paste(image, sprite, round(x[number]), round(y[number])))
        left = (WIDTH - BAR) // 2
        image[:, left : left + BAR] = (90, 60, 40)
        boxes = np.array(boxes, float)
        behind = np.minimum(boxes[:, 2], left + BAR) - np.maximum(boxes[:, 0], left)
        part = 1 - behind.clip(0) / (boxes[:, 2] - boxes[:, 0])
        yield _frame(image, boxes, part >= VISIBLE)


#: Clips by name, from photos.
CLIPS: dict[str, Callable[[Sequence[AnnotatedPhoto]], Iterator[ClipFrame]]] = {
    "pan over a mosaic": lambda photos: pan(photos[:16]),
    "moving cells": lambda photos: cells(photos[16:], 3),
}


def _frame(image: np.ndarray, boxes: np.ndarray, shown: np.ndarray) -> ClipFrame:
    """Keep the objects that are mostly inside the frame, clipped to it."""
    size = [WIDTH, HEIGHT] * 2
    clipped = boxes.clip(0, size)
    areas = [(b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) for b in (clipped, boxes)]
    kept = np.flatnonzero(shown & (areas[0] >= VISIBLE * areas[1]))
    return ClipFrame(image, kept + 1, clipped[kept])


def _cut_out(
    photo: AnnotatedPhoto, category: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """First object of a category that is inside the photo, and its soft ellipse."""
    height, width = photo.image.shape[:2]
    for box, its in zip(photo.boxes.round().astype(int), photo.categories, strict=True):
        x1, y1, x2, y2 = box
        if its == category and min(x1, y1) > 1 and x2 < width - 1 and y2 < height - 1:
            crop = photo.image[y1:y2, x1:x2]
            y, x = np.mgrid[-1 : 1 : (y2 - y1) * 1j, -1 : 1 : (x2 - x1) * 1j]
            return crop, ((1.05 - np.hypot(x, y)) / 0.1).clip(0, 1)[..., None]
    return None


def _background(photo: AnnotatedPhoto) -> np.ndarray:
    """Plain colour of the photo's brightest tenth, with its noise."""
    pixels = photo.image.reshape(-1, 3).astype(float)
    grey = pixels.mean(1)
    bright = pixels[grey > np.percentile(grey, 90)]
    noise = np.random.default_rng(0).normal(0, 2, (HEIGHT, WIDTH, 1))
    return (np.median(bright, 0) + noise).clip(0, 255).astype(np.uint8)


def _paste(
    image: np.ndarray, sprite: tuple[np.ndarray, np.ndarray], x: int, y: int
) -> tuple[int, int, int, int]:
    """Paste a sprite with its centre at (x, y); returns its box, also outside."""
    crop, alpha = sprite
    height, width = crop.shape[:2]
    left, top = x - width // 2, y - height // 2
    x1, y1 = max(left, 0), max(top, 0)
    x2, y2 = min(left + width, WIDTH), min(top + height, HEIGHT)
    if x1 < x2 and y1 < y2:
        inside = slice(y1 - top, y2 - top), slice(x1 - left, x2 - left)
        below, weight = image[y1:y2, x1:x2], alpha[inside]
        mixed = weight * crop[inside] + (1 - weight) * below
        image[y1:y2, x1:x2] = mixed.round()
    return left, top, left + width, top + height
