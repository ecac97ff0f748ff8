"""Detectors."""

from .tta import YOLO11TTAModel
from .yolo11_detector import YOLO11Detector

__all__ = ["YOLO11Detector", "YOLO11TTAModel"]
