"""Building blocks of YOLO11."""

from .attention import C2PSA
from .csp import C3k, C3k2

__all__ = ["C2PSA", "C3k", "C3k2"]
