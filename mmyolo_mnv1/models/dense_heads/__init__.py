"""Dense heads."""

from .yolo11_dual_head import YOLO11DualHead
from .yolo11_head import YOLO11Head, YOLO11HeadModule

__all__ = ["YOLO11DualHead", "YOLO11Head", "YOLO11HeadModule"]
