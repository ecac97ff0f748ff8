"""COCO-format dataset with start-up checks, transforms, and shared memory."""

from . import transforms
from .coco import CheckedCocoDataset

__all__ = ["CheckedCocoDataset", "transforms"]
