"""Transforms: quick, repeatable, and with the input size said once."""

from .albu import SeededAlbu
from .flip import HorizontalFlip
from .hsv import HSVRandomAug
from .letterbox import Letterbox
from .load_resized import LoadResized
from .mosaic_affine import LetterboxAffine, MosaicAffine
from .pack import PackTrainInputs, channels_last_collate

__all__ = [
    "HorizontalFlip",
    "HSVRandomAug",
    "Letterbox",
    "LetterboxAffine",
    "LoadResized",
    "MosaicAffine",
    "PackTrainInputs",
    "SeededAlbu",
    "channels_last_collate",
]
