"""Letterbox: resize with the aspect ratio kept, then pad."""

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
        self.resize = YOLOv5KeepRatioResize(scale=scale)
        # LetterResize expands only an int to three channels; a float would pad in blue.
        self.pad = LetterResize(
            scale=scale, allow_scale_up=allow_scale_up, pad_val=dict(img=int(pad_val))
        )

    def transform(self, results: dict) -> dict:
        """Resize, then pad."""
        return self.pad(self.resize(results))
