"""Label assignment."""

from .task_aligned_assigner import YOLO11TaskAlignedAssigner

__all__ = ["YOLO11TaskAlignedAssigner"]
