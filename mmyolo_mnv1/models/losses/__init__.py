"""Loss functions."""

from .sparse_bce import SparseBCELoss

__all__ = ["SparseBCELoss"]
