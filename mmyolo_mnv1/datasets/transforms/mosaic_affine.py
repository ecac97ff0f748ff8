"""Mosaic of four images, then a random affine crop of it."""

from collections.abc import Sequence

from mmcv.transforms import BaseTransform
from mmyolo.datasets.transforms import Mosaic, YOLOv5RandomAffine
from mmyolo.registry import TRANSFORMS

from ...config import input_scale


@TRANSFORMS.register_module()
class MosaicAffine(BaseTransform):
    """MMYOLO's ``Mosaic`` and ``YOLOv5RandomAffine`` for one size.

    The mosaic is twice ``img_scale`` wide and high; the affine transform cuts
    ``img_scale`` out of it.

    Args:
        img_scale (tuple[int, int]): Width and height of the result in pixels.
        pre_transform (Sequence[dict]): Loads the other three images.
        pad_val (float): Grey level where no image is. Defaults to 114.0.
        affine (dict): Arguments of ``YOLOv5RandomAffine``. Defaults to none.

    Raises:
        InputError: If ``img_scale`` is out of range.
    """

    def __init__(
        self,
        img_scale: tuple[int, int],
        pre_transform: Sequence[dict],
        pad_val: float = 114.0,
        **affine,
    ) -> None:
        width, height = input_scale(img_scale, 1)
        self.mosaic = Mosaic(
            img_scale=(width, height), pad_val=pad_val, pre_transform=pre_transform
        )
        self.affine = YOLOv5RandomAffine(
            border=(-width // 2, -height // 2), border_val=(pad_val,) * 3, **affine
        )

    def transform(self, results: dict) -> dict:
        """Compose four images, then transform and crop."""
        return self.affine(self.mosaic(results))
