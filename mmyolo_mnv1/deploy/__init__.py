"""Deployment: model files for other runtimes, and detection without PyTorch.

Importing this package imports neither torch nor OpenMMLab.
"""

from .runtime.detections import Detections
from .runtime.detector import Detector
from .runtime.tiles import TiledDetector
from .runtime.tracking import Tracker

__all__ = ["Detections", "Detector", "TiledDetector", "Tracker"]
