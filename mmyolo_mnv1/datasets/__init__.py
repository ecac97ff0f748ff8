"""COCO-format dataset with start-up checks, transforms, and shared memory."""

from . import transforms
from .coco import CheckedCocoDataset
from .coco_metric import CheckedCocoMetric

__all__ = ["CheckedCocoDataset", "CheckedCocoMetric", "transforms"]
