"""Taking a trained detector elsewhere; its runtime needs no torch and no OpenMMLab."""

from .runtime.detector import Detections, Detector

__all__ = ["Detections", "Detector"]
