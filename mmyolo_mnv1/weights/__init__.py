"""Weights: safe reading, comparing, loading and writing of checkpoints."""

from .state_dict import (
    compare_tensors,
    load_tensors,
    load_weights,
    save,
    save_checkpoint,
)
from .unpickling import UNREADABLE, Inert, load_checkpoint, load_inert, load_results

__all__ = [
    "UNREADABLE",
    "Inert",
    "compare_tensors",
    "load_checkpoint",
    "load_inert",
    "load_results",
    "load_tensors",
    "load_weights",
    "save",
    "save_checkpoint",
]
