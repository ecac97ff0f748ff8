"""Datasets with their start-up checks, and transforms."""

from .coco import CheckedCocoDataset
from .transforms import (
    HorizontalFlip,
    HSVRandomAug,
    Letterbox,
    LetterboxAffine,
    LoadResized,
    MosaicAffine,
    PackTrainInputs,
    SeededAlbu,
    channels_last_collate,
)

__all__ = [
    "CheckedCocoDataset",
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
