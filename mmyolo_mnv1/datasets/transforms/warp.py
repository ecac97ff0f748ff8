"""Warping an image into a part of another."""

from math import ceil, floor
from typing import NamedTuple

import cv2
import numpy as np

Crop = tuple[int, int, int, int]

#: Centres of outputs before the first wanted one, from which a resize may start.
STARTS = np.arange(64) + 0.5
#: Largest error of a resize in pixels of the source: warpAffine's own, which rounds
#: positions to 1/32.
ROUNDING = 1 / 32


def warp_into(
    image: np.ndarray, tile: np.ndarray, crop: Crop, matrix: np.ndarray
) -> None:
    """Warp a part of a tile into an image, bilinearly; nothing else of it changes.

    Without rotation and shear this is a resize, which takes a third of warpAffine's
    time.

    Args:
        image (np.ndarray): (H, W, 3), uint8; changed.
        tile (np.ndarray): (h, w, 3), uint8.
        crop (tuple[int, int, int, int]): x1, y1, x2, y2 of the part.
        matrix (np.ndarray): From pixels of the tile to pixels of the image, (3, 3).
    """
    x1, y1, x2, y2 = crop
    if x1 >= x2 or y1 >= y2:
        return
    # Plain numbers: NumPy takes longer than this for so few.
    (a, b, c), (d, e, f), _ = matrix.tolist()
    if b == d == 0 and a > 0 and e > 0:
        columns = _find_span(a, c, (x1, x2), image.shape[1])
        rows = _find_span(e, f, (y1, y2), image.shape[0])
        if columns and rows and _resize_into(image, tile, columns, rows):
            return
    xs = [a * x + b * y + c for x in (x1, x2) for y in (y1, y2)]
    ys = [d * x + e * y + f for x in (x1, x2) for y in (y1, y2)]
    left, top = max(floor(min(xs)), 0), max(floor(min(ys)), 0)
    part = image[top : max(ceil(max(ys)) + 1, 0), left : max(ceil(max(xs)) + 1, 0)]
    if part.size:
        moved = (a, b, a * x1 + b * y1 + c - left), (d, e, d * x1 + e * y1 + f - top)
        cv2.warpAffine(
            tile[y1:y2, x1:x2],
            np.array(moved),
            dsize=part.shape[1::-1],
            dst=part,
            borderMode=cv2.BORDER_TRANSPARENT,
        )


class _Span(NamedTuple):
    """One axis of a resize whose result lies right.

    A resize starts at a whole pixel of the source, and its first output half an output
    pixel further; seldom is that where the wanted first output lies. But some output
    after the first does, so the resize starts as much earlier.

    Args:
        scale (float): Pixels of the result for one of the source.
        start (int): First pixel of the result.
        stop (int): One after its last.
        skip (int): Outputs of the resize before it.
        first (int): First pixel of the source; below 0 it is to be made.
        last (int): One after its last; beyond the source they are to be made.
    """

    scale: float
    start: int
    stop: int
    skip: int
    first: int
    last: int


def _find_span(
    scale: float, shift: float, crop: tuple[int, int], size: int
) -> _Span | None:
    """Where a resize must start on an axis; None if no start will do.

    Args:
        scale, shift (float): Pixel x of the source lies at scale * x + shift.
        crop (tuple[int, int]): The part of the source.
        size (int): Of the result.
    """
    start, stop = (ceil(scale * (x - 0.5) + shift) for x in crop)
    start, stop = max(start, 0), min(stop, size)
    origins = (start - shift - STARTS) / scale + 0.5
    # Of an enlargement, outputs before the first pixel's centre lack its neighbour.
    fits = (np.abs(origins - np.rint(origins)) <= ROUNDING) & (2 * STARTS >= scale)
    skip = int(fits.argmax())
    first = round(float(origins[skip]))
    if not fits[skip] or first >= crop[1]:
        return None
    last = first + ceil((stop - start + skip) / scale) + 1
    return _Span(scale, start, stop, skip, first, last)


def _resize_into(
    image: np.ndarray, tile: np.ndarray, columns: _Span, rows: _Span
) -> bool:
    """Resize into an image; False if OpenCV would copy, as it does at equal sizes."""
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return True
    height, width = tile.shape[:2]
    part = tile[max(rows.first, 0) : rows.last, max(columns.first, 0) : columns.last]
    missing = (
        *(max(-rows.first, 0), max(rows.last - height, 0)),
        *(max(-columns.first, 0), max(columns.last - width, 0)),
    )
    if any(missing):
        part = cv2.copyMakeBorder(part, *missing, cv2.BORDER_REPLICATE)
    resized = cv2.resize(part, None, fx=columns.scale, fy=rows.scale)
    if resized.shape == part.shape:
        return False
    image[rows.start : rows.stop, columns.start : columns.stop] = resized[
        rows.skip : rows.skip + rows.stop - rows.start,
        columns.skip : columns.skip + columns.stop - columns.start,
    ]
    return True
