"""Mosaic of four images and a random affine crop of it, in one step."""

from collections.abc import Sequence

import cv2
import mmcv
import numpy as np
from mmdet.structures.bbox import HorizontalBoxes
from mmyolo.datasets.transforms import Mosaic, YOLOv5RandomAffine
from mmyolo.registry import TRANSFORMS

from ...config import input_scale

CORNERS = ("top_left", "top_right", "bottom_left", "bottom_right")


@TRANSFORMS.register_module()
class MosaicAffine(Mosaic):
    """MMYOLO's ``Mosaic`` and ``YOLOv5RandomAffine``, without the canvas between them.

    Each of the four images is warped straight into its part of the result, instead of
    being pasted on a canvas of twice the width and height which is then warped. Random
    numbers are drawn in the same order, boxes are the same, and pixels are, but for
    rounding and a line of one pixel where images meet.

    Expects ``img``, ``gt_bboxes`` (n, 4) as array or box object, ``gt_bboxes_labels``,
    ``gt_ignore_flags`` and ``dataset``; leaves ``gt_bboxes`` as ``HorizontalBoxes``.

    Args:
        img_scale (tuple[int, int]): Width and height of the result in pixels.
        pre_transform (Sequence[dict]): Loads the other three images.
        pad_val (float): Grey level where no image is. Defaults to 114.0.
        max_refetch (int): How often to draw other images when one is skipped.
            Defaults to 15.
        affine (dict): Arguments of ``YOLOv5RandomAffine``. Defaults to none.

    Raises:
        InputError: If ``img_scale`` is out of range.
    """

    def __init__(
        self,
        img_scale: tuple[int, int],
        pre_transform: Sequence[dict],
        pad_val: float = 114.0,
        max_refetch: int = 15,
        **affine,
    ) -> None:
        width, height = input_scale(img_scale, 1)
        super().__init__(
            img_scale=(width, height),
            pad_val=pad_val,
            pre_transform=pre_transform,
            max_refetch=max_refetch,
        )
        self.affine = YOLOv5RandomAffine(
            border=(-width // 2, -height // 2), border_val=(pad_val,) * 3, **affine
        )

    def transform(self, results: dict) -> dict | None:
        """Draw three more images and compose.

        Returns:
            dict, optional: None if no three images could be loaded.
        """
        dataset = results["dataset"]
        np.random.uniform(0, 1)  # the parent's draw for its probability
        for _ in range(self.max_refetch):
            drawn = map(dataset.get_data_info, self.get_indexes(dataset))
            tiles = [self.pre_transform(info) for info in drawn]
            if None not in tiles:
                return self.mix_img_transform(dict(results, mix_results=tiles))
        return None

    def mix_img_transform(self, results: dict) -> dict:
        """Warp four images into one.

        Args:
            results (dict): The first image; ``mix_results`` holds the others.

        Returns:
            dict: The first image's, with the result in place of its own.
        """
        tiles = [results, *results.pop("mix_results")]
        width, height = self.img_scale
        low, high = self.center_ratio_range
        centre = [int(np.random.uniform(low, high) * side) for side in self.img_scale]
        matrix, zoom = self.affine._get_random_homography_matrix(height, width)
        matrix = matrix @ _translation(-width, -height)  # the canvas's centre

        image = np.full((height, width, 3), self.pad_val, np.uint8)
        boxes = []
        for tile, corner in zip(tiles, CORNERS, strict=True):
            pixels, ratio = self._fit(tile["img"])
            paste, crop = self._mosaic_combine(corner, centre, pixels.shape[1::-1])
            offset = paste[0] - crop[0], paste[1] - crop[1]
            _warp_into(image, pixels, crop, matrix @ _translation(*offset))
            boxes.append(_array(tile["gt_bboxes"]) * ratio + np.array(offset * 2))

        boxes = HorizontalBoxes(np.concatenate(boxes, dtype=np.float32))
        boxes, kept = self._project(boxes, matrix, zoom)
        for key in ("gt_bboxes_labels", "gt_ignore_flags"):
            results[key] = np.concatenate([tile[key] for tile in tiles])[kept]
        results.update(img=image, img_shape=image.shape[:2], gt_bboxes=boxes)
        return results

    def _fit(self, image: np.ndarray) -> tuple[np.ndarray, float]:
        """An image scaled to fit, as :class:`LoadResized` gives it, and by how much."""
        height, width = image.shape[:2]
        ratio = min(self.img_scale[1] / height, self.img_scale[0] / width)
        size = int(width * ratio), int(height * ratio)
        if size == (width, height):
            return image, 1.0
        return mmcv.imresize(image, size), ratio

    def _project(
        self, boxes: HorizontalBoxes, matrix: np.ndarray, zoom: float
    ) -> tuple[HorizontalBoxes, np.ndarray]:
        """Boxes of the canvas in the result, those that are left, and which these are.

        As the parents do it, step by step.
        """
        width, height = self.img_scale
        if self.bbox_clip_border:
            boxes.clip_([2 * height, 2 * width])
        before = boxes.clone()
        before.rescale_([zoom, zoom])
        boxes.project_(matrix)
        if self.affine.bbox_clip_border:
            boxes.clip_([height, width])
        kept = self.affine.filter_gt_bboxes(before, boxes).numpy()
        return boxes[kept], kept


def _warp_into(
    image: np.ndarray,
    tile: np.ndarray,
    crop: tuple[int, int, int, int],
    matrix: np.ndarray,
) -> None:
    """Warp a part of a tile into an image; nothing else of the image changes.

    Args:
        image (np.ndarray): (H, W, 3), uint8; changed.
        tile (np.ndarray): (h, w, 3), uint8.
        crop (tuple[int, int, int, int]): x1, y1, x2, y2 of the part.
        matrix (np.ndarray): From pixels of the tile to pixels of the image, (3, 3).
    """
    x1, y1, x2, y2 = crop
    if x1 >= x2 or y1 >= y2:
        return
    corners = np.array([(x, y, 1) for x in (x1, x2) for y in (y1, y2)], np.float32)
    corners = (corners @ matrix.T)[:, :2]
    left, top = np.maximum(np.floor(corners.min(0)), 0).astype(int).tolist()
    right, bottom = (np.ceil(corners.max(0)).astype(int) + 1).tolist()
    part = image[top : max(bottom, 0), left : max(right, 0)]
    if part.size:
        cv2.warpAffine(
            tile[y1:y2, x1:x2],
            (_translation(-left, -top) @ matrix @ _translation(x1, y1))[:2],
            dsize=part.shape[1::-1],
            dst=part,
            borderMode=cv2.BORDER_TRANSPARENT,
        )


def _translation(x: float, y: float) -> np.ndarray:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float32)


def _array(boxes: HorizontalBoxes | np.ndarray) -> np.ndarray:
    return boxes if isinstance(boxes, np.ndarray) else boxes.numpy()
