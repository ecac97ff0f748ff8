"""The networks: backbones, layers, necks, heads, losses, assigners and the detector."""

from .backbones import MobileNetV1, YOLO11CSPDarknet
from .dense_heads import YOLO11Head, YOLO11HeadModule
from .detectors import YOLO11Detector, YOLO11TTAModel
from .losses import SparseBCELoss
from .necks import YOLO11PAFPN
from .task_modules import YOLO11TaskAlignedAssigner

__all__ = [
    "YOLO11PAFPN",
    "MobileNetV1",
    "SparseBCELoss",
    "YOLO11CSPDarknet",
    "YOLO11Detector",
    "YOLO11Head",
    "YOLO11HeadModule",
    "YOLO11TTAModel",
    "YOLO11TaskAlignedAssigner",
]
