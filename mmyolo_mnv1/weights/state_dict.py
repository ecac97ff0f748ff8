"""Read, compare and write state dicts."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ..errors import InputError
from ..files import replacing
from .unpickling import load_checkpoint


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read a state dict without running code of the file.

    Args:
        path (Path): ``.safetensors``, or a file of ``torch.save`` with a state dict or
            with a checkpoint that has one under ``state_dict``, such as MMEngine's.

    Returns:
        dict[str, Tensor]: Tensors on the CPU by name.

    Raises:
        InputError: If the file is missing, truncated or no checkpoint, would run code,
            or contains other objects than tensors.
    """
    if path.suffix == ".safetensors":
        return _load_safetensors(path)
    tensors = load_checkpoint(path)
    if isinstance(tensors, dict) and "state_dict" in tensors:
        tensors = tensors["state_dict"]
    if not isinstance(tensors, dict) or not all(
        isinstance(name, str) and isinstance(t, Tensor) for name, t in tensors.items()
    ):
        raise InputError(f"{path} holds no state dict: give a file of named tensors")
    return tensors


def compare_tensors(
    given: dict[str, Tensor], expected: dict[str, Tensor]
) -> tuple[int, str]:
    """Compare the tensors of a checkpoint with those of a model by name and shape.

    Args:
        given (dict[str, Tensor]): State dict of the checkpoint; the prefix ``module.``
            of DDP is ignored.
        expected (dict[str, Tensor]): State dict of the model.

    Returns:
        tuple[int, str]: Number of tensors that match, and one line that describes the
        others; empty if all match.
    """
    given = {name.removeprefix("module."): t for name, t in given.items()}
    common = [name for name in expected if name in given]
    reshaped = [name for name in common if given[name].shape != expected[name].shape]
    matches = len(common) - len(reshaped)
    groups = {
        "of another shape": reshaped,
        "missing": [name for name in expected if name not in given],
        "unknown": [name for name in given if name not in expected],
    }
    others = "; ".join(
        f"{len(names)} {what} ({', '.join(names[:3])}{', …' if names[3:] else ''})"
        for what, names in groups.items()
        if names
    )
    if not others:
        return matches, ""
    return matches, f"{matches} of the model's {len(expected)} tensors match; {others}"


def save_checkpoint(state_dict: dict[str, Tensor], meta: dict, path: Path) -> None:
    """Write weights as a checkpoint of MMEngine, atomically.

    Args:
        state_dict (dict[str, Tensor]): The weights.
        meta (dict): Metadata, such as ``dataset_meta``.
        path (Path): File to write.

    Raises:
        InputError: If the file cannot be written.
    """
    save(dict(state_dict=state_dict, meta=meta), path)


def save(obj: Any, path: Path) -> None:
    """Call ``torch.save`` atomically.

    Args:
        obj (Any): Object to save.
        path (Path): File to write.

    Raises:
        InputError: If the file cannot be written.
    """
    try:
        with replacing(path) as temporary:
            torch.save(obj, temporary)
    except (OSError, RuntimeError) as e:
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
