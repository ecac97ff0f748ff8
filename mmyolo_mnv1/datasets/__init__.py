"""Datasets with their start-up checks, and transforms."""

from .coco import CheckedCocoDataset
from .transforms import Letterbox, LoadResized, MosaicAffine, SeededAlbu

__all__ = [
    "CheckedCocoDataset",
    "Letterbox",
    "LoadResized",
    "MosaicAffine",
    "SeededAlbu",
]
