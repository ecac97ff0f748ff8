"""Detectors."""

from .yolo11_detector import YOLO11Detector

__all__ = ["YOLO11Detector"]
