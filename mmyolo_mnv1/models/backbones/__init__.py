"""Backbones."""

from .mobilenet_v1 import MobileNetV1
from .yolo11_csp import YOLO11CSPDarknet

__all__ = ["MobileNetV1", "YOLO11CSPDarknet"]
