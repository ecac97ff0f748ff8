"""Training engine parts."""

from .runner import YOLO11Runner

__all__ = ["YOLO11Runner"]
