"""Transforms: the input size said once, and repeatable random numbers."""

from .albu import SeededAlbu
from .letterbox import Letterbox
from .mosaic_affine import MosaicAffine

__all__ = ["Letterbox", "MosaicAffine", "SeededAlbu"]
