"""Transforms: faster equivalents of MMYOLO's, repeatable, with one input size."""

from .albu import SeededAlbu
from .flip import HorizontalFlip
from .hsv import HSVRandomAug
from .letterbox import Letterbox
from .load_resized import LoadResized
from .mosaic_affine import LetterboxAffine, MosaicAffine
from .pack import PackTrainInputs, channels_last_collate

__all__ = [
    "HSVRandomAug",
    "HorizontalFlip",
    "Letterbox",
    "LetterboxAffine",
    "LoadResized",
    "MosaicAffine",
    "PackTrainInputs",
    "SeededAlbu",
    "channels_last_collate",
]
