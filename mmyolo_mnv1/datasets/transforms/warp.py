"""Warp a part of an image into another image, by a resize if possible."""

from math import ceil, floor
from typing import NamedTuple

import cv2
import numpy as np

Crop = tuple[int, int, int, int]

#: Centres of the output pixels at which the visible part of a resize may start.
STARTS = np.arange(64) + 0.5
#: Tolerance of a position in source pixels: warpAffine rounds to 1/32 as well.
ROUNDING = 1 / 32


def warp_into(
    image: np.ndarray, tile: np.ndarray, crop: Crop, matrix: np.ndarray
) -> None:
    """Warp a part of a tile into an image, bilinearly; other pixels are unchanged.

    Without rotation and shear it is a resize, which takes a third of the time of
    warpAffine.

    Args:
        image (np.ndarray): (H, W, 3), uint8; changed.
        tile (np.ndarray): (h, w, 3), uint8.
        crop (tuple[int, int, int, int]): x1, y1, x2, y2 of the part of the tile.
        matrix (np.ndarray): Affine map from tile pixels to image pixels, (3, 3).
    """
    x1, y1, x2, y2 = crop
    if x1 >= x2 or y1 >= y2:
        return
    # Python numbers: NumPy's overhead is larger for a few numbers.
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
    """One axis of a resize whose output pixels coincide with those of the warp.

    A resize starts at an integer source position, and its first output pixel is
    centred half an output pixel later, usually not at the first output pixel of the
    warp. So the resize starts ``skip`` output pixels earlier, for which the source
    position is an integer.

    Args:
        scale (float): Output pixels per source pixel.
        start (int): First output pixel.
        stop (int): Last output pixel plus one.
        skip (int): Output pixels of the resize to drop before ``start``.
        first (int): First source pixel; below 0 the source is padded.
        last (int): Last source pixel plus one; beyond the end the source is padded.
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
    """Find where a resize must start on one axis; None if it cannot match the warp.

    Source position x, from ``crop[0]`` to ``crop[1]``, maps to scale * x + shift, which
    is between 0 and ``size``.
    """
    start, stop = (ceil(scale * (x - 0.5) + shift) for x in crop)
    start, stop = max(start, 0), min(stop, size)
    origins = (start - shift - STARTS) / scale + 0.5
    # When enlarging, output pixels before the first source pixel's centre would lack
    # the source pixel before it.
    fits = (np.abs(origins - np.rint(origins)) <= ROUNDING) & (scale <= 2 * STARTS)
    skip = int(fits.argmax())
    first = round(float(origins[skip]))
    if not fits[skip] or first >= crop[1]:
        return None
    last = first + ceil((stop - start + skip) / scale) + 1
    return _Span(scale, start, stop, skip, first, last)


def _resize_into(
    image: np.ndarray, tile: np.ndarray, columns: _Span, rows: _Span
) -> bool:
    """Resize into an image; False if sizes are equal, where OpenCV only copies."""
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
