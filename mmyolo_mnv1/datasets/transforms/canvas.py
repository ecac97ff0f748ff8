"""Random affine crop of a canvas of images, without drawing the canvas."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import NamedTuple

import mmcv
import numpy as np
from mmdet.structures.bbox import BaseBoxes
from mmyolo.datasets.transforms import YOLOv5RandomAffine

from ...errors import InputError
from .warp import Crop, warp_into


class Tile(NamedTuple):
    """An image on the canvas.

    Args:
        image (np.ndarray): (h, w, 3), uint8.
        boxes (np.ndarray): (n, 4) as x1, y1, x2, y2 in pixels of the image.
        crop (tuple[int, int, int, int]): x1, y1, x2, y2 of its visible part.
        offset (tuple[int, int]): Position of its pixel (0, 0) on the canvas.
    """

    image: np.ndarray
    boxes: np.ndarray
    crop: Crop
    offset: tuple[int, int]


class CanvasCrop:
    """Random affine crop of a canvas with the random numbers of ``YOLOv5RandomAffine``.

    Each image is warped directly into its part of the result, so that no canvas is
    filled. Pixels are equal to MMYOLO's except for rounding and a one-pixel line at the
    borders between images.

    Args:
        canvas (tuple[int, int]): Width and height of the canvas in pixels.
        size (tuple[int, int]): Width and height of the result in pixels.
        pad_val (float): Grey level outside the images.
        affine (dict): Arguments of ``YOLOv5RandomAffine``.

    Raises:
        InputError: If ``scaling_ratio_range`` is not ascending, or not above 0.
    """

    def __init__(
        self, canvas: tuple[int, int], size: tuple[int, int], pad_val: float, **affine
    ) -> None:
        self.canvas = canvas
        self.size = size
        self.pad_val = pad_val
        smallest, largest = affine.get("scaling_ratio_range", (0.5, 1.5))
        if not 0 < smallest <= largest:
            raise InputError(
                f"scaling_ratio_range is ({smallest}, {largest}): give the smallest "
                "zoom, above 0, then the largest"
            )
        self.affine = YOLOv5RandomAffine(**affine)

    def __call__(
        self, tiles: Sequence[Tile]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw a transform and apply it.

        Returns:
            tuple[np.ndarray, np.ndarray, np.ndarray]: Image (H, W, 3); kept boxes,
            (m, 4); and a mask (n,) of the kept boxes among all boxes of the tiles.
        """
        width, height = self.size
        matrix, zoom = self.affine._get_random_homography_matrix(height, width)
        matrix = matrix @ translation(-self.canvas[0] / 2, -self.canvas[1] / 2)
        image = np.full((height, width, 3), self.pad_val, np.uint8)
        for tile in tiles:
            warp_into(image, tile.image, tile.crop, matrix @ translation(*tile.offset))
        boxes = np.concatenate(
            [tile.boxes + np.float32(tile.offset * 2) for tile in tiles]
        )
        boxes, kept = self._project(boxes, matrix, zoom)
        return image, boxes, kept

    def _project(
        self, boxes: np.ndarray, matrix: np.ndarray, zoom: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Project boxes and filter them, step by step as MMYOLO does: boxes, mask."""
        boxes = _clip(boxes, self.canvas)
        corners = boxes[:, [0, 1, 2, 1, 0, 3, 2, 3]].reshape(-1, 4, 2)
        corners = corners @ matrix[:2, :2].T + matrix[:2, 2]
        moved = np.concatenate([corners.min(1), corners.max(1)], 1)
        if self.affine.bbox_clip_border:
            moved = _clip(moved, self.size)
        kept = self.affine.filter_gt_bboxes(_sides(boxes, zoom), _sides(moved, 1))
        return moved[kept], kept


def fit(
    image: np.ndarray, boxes: np.ndarray | BaseBoxes, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Scale an image and its boxes to fit; those of ``LoadResized`` fit already.

    Args:
        image (np.ndarray): (h, w, 3).
        boxes (np.ndarray or BaseBoxes): (n, 4).
        size (tuple[int, int]): Width and height to fit into, in pixels.
    """
    if isinstance(boxes, BaseBoxes):
        boxes = boxes.numpy()
    resized = resize_to_fit(image, size)
    if resized is image:
        return image, boxes
    return resized, boxes * np.float32(fit_ratio(image.shape, size))


def resize_to_fit(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale an image (h, w, 3) to fit a width and height; bilinear, may enlarge."""
    height, width = image.shape[:2]
    ratio = fit_ratio(image.shape, size)
    scaled = max(int(width * ratio), 1), max(int(height * ratio), 1)
    return image if scaled == (width, height) else mmcv.imresize(image, scaled)


def fit_ratio(shape: Sequence[int], size: tuple[int, int]) -> float:
    """Scale factor by which a (height, width, ...) shape fits a (width, height)."""
    return min(size[1] / shape[0], size[0] / shape[1])


def translation(x: float, y: float) -> np.ndarray:
    """Matrix (3, 3) of a translation."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float32)


def _clip(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.clip(boxes, 0, np.float32(size * 2))


def _sides(boxes: np.ndarray, zoom: float) -> SimpleNamespace:
    """The attributes of a box object that MMYOLO's filter reads."""
    widths, heights = (zoom * (boxes[:, 2:] - boxes[:, :2])).T
    return SimpleNamespace(widths=widths, heights=heights)
