"""Weights: safe reading, comparing and writing of checkpoints; names and origins."""

from .state_dict import (
    compare_tensors,
    load_tensors,
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
    "save",
    "save_checkpoint",
]
