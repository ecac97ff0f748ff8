"""Publishing of checkpoints: the averaged weights alone, with a hash in the name."""

import hashlib
import io
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError
from ..files import atomic_write
from .unpickling import load_checkpoint

#: Entries of ``meta`` that loading and a reader need; the rest are facts of the run.
META = (
    "backbone",
    "cfg",
    "data_preprocessor",
    "dataset_meta",
    "epoch",
    "iter",
    "mmengine_version",
)
#: Digits of the SHA-256 in the name, and where PyTorch's hub looks for them.
HASH_DIGITS, HASH = 8, re.compile(r"-([a-f0-9]*)\.")


def publish_checkpoint(checkpoint: Path, out: Path, half: bool = False) -> Path:
    """Write the weights of a checkpoint without optimizer, history and trained copy.

    In a checkpoint of MMEngine's ``EMAHook``, ``state_dict`` contains the averaged
    (EMA) weights and ``ema_state_dict`` the trained ones, which are left out. Equal
    weights give equal files.

    Args:
        checkpoint (Path): Checkpoint of a training.
        out (Path): ``NAME.pth``; the file is ``NAME-xxxxxxxx.pth`` with the first 8
            hexadecimal digits of its SHA-256, which ``torch.hub`` can check.
        half (bool): Whether to store weights as float16. Tensors with a value beyond
            its range keep their type. Defaults to False.

    Returns:
        Path: The file that was written.

    Raises:
        InputError: If the checkpoint cannot be loaded or has no ``state_dict`` and
            ``meta``, or if ``out`` is no usable name or cannot be written.
    """
    loaded = load_checkpoint(checkpoint)
    if not _is_checkpoint(loaded):
        raise InputError(
            f"checkpoint {checkpoint} has no state_dict and meta: give one of a "
            "training"
        )
    weights = dict(loaded["state_dict"])
    if half:
        weights = {name: _to_half(tensor) for name, tensor in weights.items()}
    meta = {name: value for name, value in loaded["meta"].items() if name in META}
    buffer = io.BytesIO()
    torch.save(dict(meta=meta, state_dict=weights), buffer)
    digest = hashlib.sha256(buffer.getbuffer()).hexdigest()[:HASH_DIGITS]
    path = out.with_name(f"{out.name.removesuffix('.pth')}-{digest}.pth")
    read = HASH.search(path.name)[1]
    if read != digest:
        raise InputError(
            f"{out}: PyTorch's hub would read {read!r} as the hash: give a name "
            f"without '-{read}.'"
        )
    with atomic_write(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())
    return path


def _is_checkpoint(loaded: Any) -> bool:
    """Whether a loaded object has named tensors and a dictionary of facts."""
    parts = loaded if isinstance(loaded, dict) else {}
    weights, meta = parts.get("state_dict"), parts.get("meta")
    return (
        isinstance(meta, dict)
        and isinstance(weights, dict)
        and bool(weights)
        and all(isinstance(tensor, Tensor) for tensor in weights.values())
    )


def _to_half(tensor: Tensor) -> Tensor:
    """Convert a floating-point tensor to float16 unless a value overflows."""
    if not tensor.is_floating_point():
        return tensor
    half = tensor.half()
    return tensor if (half.isinf() & ~tensor.isinf()).any() else half
