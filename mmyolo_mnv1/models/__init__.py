"""The networks: backbones, layers, necks, dense heads and the detector."""

from .backbones import MobileNetV1, YOLO11CSPDarknet
from .dense_heads import YOLO11Head, YOLO11HeadModule
from .detectors import YOLO11Detector
from .necks import YOLO11PAFPN

__all__ = [
    "MobileNetV1",
    "YOLO11CSPDarknet",
    "YOLO11Detector",
    "YOLO11Head",
    "YOLO11HeadModule",
    "YOLO11PAFPN",
]
