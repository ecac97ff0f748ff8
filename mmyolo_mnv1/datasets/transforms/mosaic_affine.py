"""Mosaic or letterbox, and a random affine crop, in one step."""

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
    """MMYOLO's ``Mosaic`` and ``YOLOv5RandomAffine`` without the canvas between them.

    Random numbers are drawn in the same order; boxes are equal, and pixels are equal
    except at image borders, see :class:`.CanvasCrop`.

    Expects ``img``, ``gt_bboxes`` (n, 4) as array or box object, ``gt_bboxes_labels``,
    ``gt_ignore_flags`` and ``dataset``; returns ``gt_bboxes`` as an array.

    Args:
        img_scale (tuple[int, int]): Width and height of the result in pixels,
            multiples of 32.
        pre_transform (Sequence[dict]): Loads the other three images.
        pad_val (float): Grey level outside the images. Defaults to 114.0.
        recent (int): If above 0, draw the other three images from the last ``recent``
            images of this process, when there are as many, instead of from the whole
            dataset. A sample then loads one image, not four; for data that do not fit
            into memory. Defaults to 0.
        max_refetch (int): Maximum number of draws when images are skipped.
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
        """Draw three more images and compose the four.

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
            results (dict): The first image; ``mix_results`` holds the other three.

        Returns:
            dict: Results of the first image, with the composed image and boxes.
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

    Replaces :class:`MosaicAffine` in the last epochs, with the same keys, but without
    ``dataset``.

    Args:
        img_scale (tuple[int, int]): Width and height of the result in pixels,
            multiples of 32.
        pad_val (float): Grey level outside the image. Defaults to 114.0.
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
    """Put image, boxes, labels and flags of the crop into the results."""
    image, boxes, kept = crop(tiles)
    for key in ("gt_bboxes_labels", "gt_ignore_flags"):
        results[key] = np.concatenate([part[key] for part in parts])[kept]
    results.update(img=image, img_shape=image.shape[:2], gt_bboxes=boxes)
    return results
