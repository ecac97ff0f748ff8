"""Transforms: quick, repeatable, and with the input size said once."""

from .albu import SeededAlbu
from .letterbox import Letterbox
from .load_resized import LoadResized
from .mosaic_affine import MosaicAffine

__all__ = ["Letterbox", "LoadResized", "MosaicAffine", "SeededAlbu"]
