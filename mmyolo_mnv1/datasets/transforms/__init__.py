"""Transforms that take the input size once."""

from .letterbox import Letterbox
from .mosaic_affine import MosaicAffine

__all__ = ["Letterbox", "MosaicAffine"]
