"""Mosaic and random affine crop in one step; and the same for one image."""

from collections import deque
from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmyolo.datasets.transforms import Mosaic
from mmyolo.registry import TRANSFORMS

from ...config import input_scale
from .canvas import CanvasCrop, Tile, fit

CORNERS = ("top_left", "top_right", "bottom_left", "bottom_right")


@TRANSFORMS.register_module()
class MosaicAffine(Mosaic):
    """MMYOLO's ``Mosaic`` and ``YOLOv5RandomAffine``, without the canvas between them.

    Random numbers are drawn in the same order, boxes are the same, and pixels are but
    for those at borders; see :class:`.CanvasCrop`.

    Expects ``img``, ``gt_bboxes`` (n, 4) as array or box object, ``gt_bboxes_labels``,
    ``gt_ignore_flags`` and ``dataset``; leaves ``gt_bboxes`` as an array.

    Args:
        img_scale (tuple[int, int]): Width and height of the result in pixels.
        pre_transform (Sequence[dict]): Loads the other three images.
        pad_val (float): Grey level where no image is. Defaults to 114.0.
        recent (int): Take the other three from the last so many images of this
            process, once there are as many, instead of from all: one image is loaded
            for a sample and not four, for data that do not fit into memory.
            Defaults to 0, from all.
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
        recent: int = 0,
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
        self.recent = deque(maxlen=recent)
        self.crop = CanvasCrop(
            (2 * width, 2 * height), (width, height), pad_val, **affine
        )

    def transform(self, results: dict) -> dict | None:
        """Draw three more images and compose.

        Returns:
            dict, optional: None if no three images could be loaded.
        """
        np.random.uniform(0, 1)  # the parent's draw for its probability
        if self.recent.maxlen:
            self.recent.append({k: v for k, v in results.items() if k != "dataset"})
        if self.recent and len(self.recent) == self.recent.maxlen:
            tiles = [self.recent[i] for i in self.get_indexes(self.recent)]
            return self.mix_img_transform(dict(results, mix_results=tiles))
        dataset = results["dataset"]
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
        parts = [results, *results.pop("mix_results")]
        low, high = self.center_ratio_range
        centre = [int(np.random.uniform(low, high) * side) for side in self.img_scale]
        tiles = []
        for part, corner in zip(parts, CORNERS, strict=True):
            image, boxes = fit(part["img"], part["gt_bboxes"], self.img_scale)
            paste, crop = self._mosaic_combine(corner, centre, image.shape[1::-1])
            offset = paste[0] - crop[0], paste[1] - crop[1]
            tiles.append(Tile(image, boxes, crop, offset))
        return _compose(results, parts, self.crop, tiles)


@TRANSFORMS.register_module()
class LetterboxAffine(BaseTransform):
    """:class:`.Letterbox` and ``YOLOv5RandomAffine`` in one step.

    What follows :class:`MosaicAffine` in the last epochs. Expects and leaves what that
    does, but needs no ``dataset``.

    Args:
        img_scale (tuple[int, int]): Width and height of the result in pixels.
        pad_val (float): Grey level where no image is. Defaults to 114.0.
        affine (dict): Arguments of ``YOLOv5RandomAffine``. Defaults to none.

    Raises:
        InputError: If ``img_scale`` is out of range.
    """

    def __init__(
        self, img_scale: tuple[int, int], pad_val: float = 114.0, **affine
    ) -> None:
        self.img_scale = input_scale(img_scale, 1)
        self.crop = CanvasCrop(self.img_scale, self.img_scale, pad_val, **affine)

    def transform(self, results: dict) -> dict:
        """Warp the image."""
        image, boxes = fit(results["img"], results["gt_bboxes"], self.img_scale)
        height, width = image.shape[:2]
        offset = (self.img_scale[0] - width) // 2, (self.img_scale[1] - height) // 2
        tile = Tile(image, boxes, (0, 0, width, height), offset)
        return _compose(results, [results], self.crop, [tile])


def _compose(
    results: dict, parts: Sequence[dict], crop: CanvasCrop, tiles: Sequence[Tile]
) -> dict:
    """Put image and boxes of the crop into the results."""
    image, boxes, kept = crop(tiles)
    for key in ("gt_bboxes_labels", "gt_ignore_flags"):
        results[key] = np.concatenate([part[key] for part in parts])[kept]
    results.update(img=image, img_shape=image.shape[:2], gt_bboxes=boxes)
    return results
