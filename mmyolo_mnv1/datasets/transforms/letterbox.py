"""Letterbox: resize with the aspect ratio kept, then pad."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmyolo.datasets.transforms import LetterResize, YOLOv5KeepRatioResize
from mmyolo.registry import TRANSFORMS

from ...config import input_scale


@TRANSFORMS.register_module()
class Letterbox(BaseTransform):
    """MMYOLO's ``YOLOv5KeepRatioResize`` and ``LetterResize`` with one size.

    Adds ``scale_factor`` and ``pad_param``. An image with a ``batch_shape`` is padded
    to that shape instead.

    Args:
        img_scale (tuple[int, int]): Width and height in pixels, multiples of 32.
        multiplier (float): Factor of ``img_scale``, rounded to multiples of 32, for
            test-time augmentation; above 0, at most 1. Defaults to 1.0.
        allow_scale_up (bool): Whether ``LetterResize`` may enlarge an image too.
            Defaults to True.
        pad_val (int): Grey level of the padding. Defaults to 114.

    Raises:
        InputError: If ``img_scale`` or ``multiplier`` is out of range.
    """

    def __init__(
        self,
        img_scale: tuple[int, int],
        multiplier: float = 1.0,
        allow_scale_up: bool = True,
        pad_val: int = 114,
    ) -> None:
        scale = input_scale(img_scale, multiplier)
        self.scale = scale
        self.resize = YOLOv5KeepRatioResize(scale=scale)
        # LetterResize expands only an int to three channels; a float would pad in blue.
        self.pad = LetterResize(
            scale=scale, allow_scale_up=allow_scale_up, pad_val=dict(img=int(pad_val))
        )

    def transform(self, results: dict) -> dict:
        """Resize, then pad; the shorter side of a thin image becomes 1 px, not 0."""
        shape = np.array(results["img"].shape[:2])
        ratio = self.resize._get_rescale_ratio(tuple(shape), self.scale)
        repeats = np.ceil(1 / (shape * ratio)).clip(1).astype(int)
        if repeats.max() > 1:
            results["img"] = results["img"].repeat(repeats[0], 0).repeat(repeats[1], 1)
        results = self.resize(results)
        if repeats.max() > 1:
            scale_x, scale_y = results["scale_factor"]
            results["scale_factor"] = scale_x * repeats[1], scale_y * repeats[0]
        return self.pad(results)
