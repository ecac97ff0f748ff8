"""The five scales of YOLO11 and the rules that turn them into widths and depths."""

import math
from typing import NamedTuple

from mmyolo.models.utils import make_divisible, make_round

from ..errors import InputError

#: PyTorch's own initialisation of Conv2d, which YOLO11 keeps; mmcv's ConvModule would
#: otherwise start from another one.
TORCH_CONV_INIT = dict(
    type="Kaiming",
    layer="Conv2d",
    a=math.sqrt(5),
    distribution="uniform",
    mode="fan_in",
    nonlinearity="leaky_relu",
)


class Scale(NamedTuple):
    """Compound scaling of YOLO11 (reference: ultralytics 8.3 ``yolo11.yaml``).

    Args:
        depth (float): Multiplies the number of blocks.
        width (float): Multiplies the number of channels.
        max_channels (int): Cap on the nominal channels, applied before ``width``.
        c3k (bool): Whether every C3k2 is built of C3k blocks, not only those that
            the architecture table marks.
    """

    depth: float
    width: float
    max_channels: int
    c3k: bool

    def channels(self, nominal: int) -> int:
        """Channels of a layer whose nominal width is ``nominal``, a multiple of 8."""
        return make_divisible(min(nominal, self.max_channels), self.width)

    def blocks(self, nominal: int) -> int:
        """Number of blocks, at least 1, of a layer with ``nominal`` blocks."""
        return make_round(nominal, self.depth)


SCALES = {
    "n": Scale(depth=0.50, width=0.25, max_channels=1024, c3k=False),
    "s": Scale(depth=0.50, width=0.50, max_channels=1024, c3k=False),
    "m": Scale(depth=0.50, width=1.00, max_channels=512, c3k=True),
    "l": Scale(depth=1.00, width=1.00, max_channels=512, c3k=True),
    "x": Scale(depth=1.00, width=1.50, max_channels=512, c3k=True),
}


def get_scale(letter: str) -> Scale:
    """Look up a scale by its letter.

    Raises:
        InputError: If ``letter`` is not one of n, s, m, l, x.
    """
    if letter not in SCALES:
        raise InputError(
            f"model.scale is {letter!r}: choose one of {', '.join(SCALES)}"
        )
    return SCALES[letter]
