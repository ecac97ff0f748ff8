"""Taking a trained detector elsewhere; its runtime needs no torch and no OpenMMLab."""

from .runtime import Detections, Detector

__all__ = ["Detections", "Detector"]
