"""Compound scaling: the five scales of YOLO11."""

from typing import NamedTuple

from mmyolo.models.utils import make_divisible, make_round

from ..errors import InputError


class Scale(NamedTuple):
    """Width and depth rules of a scale (reference: ultralytics 8.3 ``yolo11.yaml``).

    Args:
        depth (float): Factor of the number of blocks.
        width (float): Factor of the number of channels.
        max_channels (int): Cap on the nominal channels, applied before ``width``.
        c3k (bool): Whether every C3k2 has C3k blocks, not only those that the
            architecture table marks.
    """

    depth: float
    width: float
    max_channels: int
    c3k: bool

    def channels(self, nominal: int) -> int:
        """Channels, a multiple of 8, of a layer with ``nominal`` channels."""
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
