"""Datasets with their start-up checks, and transforms."""

from .coco import CheckedCocoDataset
from .transforms import Letterbox, MosaicAffine, SeededAlbu

__all__ = ["CheckedCocoDataset", "Letterbox", "MosaicAffine", "SeededAlbu"]
