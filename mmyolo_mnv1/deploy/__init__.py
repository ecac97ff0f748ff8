"""Deployment: model files for other runtimes, and detection without PyTorch.

Importing this package imports neither torch nor OpenMMLab.
"""

from .runtime.detector import Detections, Detector

__all__ = ["Detections", "Detector"]
