"""Datasets and their start-up checks."""

from .coco import CheckedCocoDataset

__all__ = ["CheckedCocoDataset"]
