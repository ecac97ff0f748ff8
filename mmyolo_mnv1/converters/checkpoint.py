"""Reading and writing files of tensors."""

import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ..errors import InputError
from .unpickle import load_inert

#: What MMEngine's message hub puts into a checkpoint; all of it stays inert.
MESSAGE_HUB = (
    "mmengine.logging.history_buffer.HistoryBuffer",
    "builtins.getattr",
    "numpy.",
)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read a state dict without running anything in the file.

    Args:
        path (Path): ``.safetensors``, or what ``torch.save`` wrote: a state dict, or a
            checkpoint that has one under ``state_dict``, as MMEngine's.

    Returns:
        dict[str, Tensor]: On the CPU.

    Raises:
        InputError: If the file is missing, truncated or not a checkpoint, would run
            code, or holds anything but tensors.
    """
    if path.suffix == ".safetensors":
        return _load_safetensors(path)
    tensors = load_inert(path, MESSAGE_HUB)
    if isinstance(tensors, dict) and "state_dict" in tensors:
        tensors = tensors["state_dict"]
    if not isinstance(tensors, dict) or not all(
        isinstance(name, str) and isinstance(t, Tensor) for name, t in tensors.items()
    ):
        raise InputError(f"{path} holds no state dict: give a file of named tensors")
    return tensors


def save_checkpoint(state_dict: dict[str, Tensor], meta: dict, path: Path) -> None:
    """Write a checkpoint as MMEngine reads it.

    Args:
        state_dict (dict[str, Tensor]): The weights.
        meta (dict): What a reader should know about them.
        path (Path): File to write; it appears when it is whole.

    Raises:
        InputError: If the file cannot be written.
    """
    save(dict(state_dict=state_dict, meta=meta), path)


def save(obj: Any, path: Path) -> None:
    """``torch.save`` to a temporary name, then rename.

    Args:
        obj (Any): What to save.
        path (Path): File to write; it appears when it is whole.

    Raises:
        InputError: If the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(obj, temporary)
        os.replace(temporary, path)
    except (OSError, RuntimeError) as e:
        temporary.unlink(missing_ok=True)
        raise InputError(
            f"{path} cannot be written ({e!r}): name a file in a folder with room"
        ) from None


def _load_safetensors(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise InputError(f"{path} not found: give a checkpoint file")
    try:
        return load_file(path)
    except SafetensorError as e:
        with path.open("rb") as file:
            has_header = file.read(9)[8:] == b"{"
        damage = "is truncated or damaged" if has_header else "is no safetensors file"
        raise InputError(f"{path} {damage} ({e}): download or copy it again") from None
