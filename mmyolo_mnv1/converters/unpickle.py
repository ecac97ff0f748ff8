"""Reading checkpoints that hold whole pickled models, without running anything."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from ..errors import InputError

#: What PyTorch raises for an archive that is damaged inside.
UNREADABLE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    TypeError,
    UnpicklingError,
    ValueError,
)


class Inert:
    """Stands for an object whose class is not imported: it only keeps its state.

    The class of an instance has the name of the pickled class; ``state`` holds the
    attributes that were pickled. Constructor arguments are dropped.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> "Inert":
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.state: dict = {}

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {}


def load_inert(path: Path, allowed: Sequence[str]) -> Any:
    """Load what ``torch.save`` wrote, with inert objects in place of foreign classes.

    PyTorch's ``weights_only`` unpickler does the work: it knows tensors and plain
    containers, and besides them only the names this function allows, each of which it
    gets as a subclass of :class:`Inert`. No module is imported and no code of the
    file is run.

    Args:
        path (Path): The file.
        allowed (Sequence[str]): Dotted prefixes, ``'torch.nn.'`` say, or whole names
            of the classes that may stand in the file.

    Returns:
        Any: The object that was saved, tensors on the CPU.

    Raises:
        InputError: If the file is missing, truncated or not a checkpoint, or if it
            names anything that is not allowed.
    """
    _check_archive(path)
    try:
        names = sorted(get_unsafe_globals_in_checkpoint(path))
    except UNREADABLE as e:
        raise InputError(
            f"{path} is not a PyTorch checkpoint ({_first_line(e)})"
        ) from None
    refused = [name for name in names if not _is_allowed(name, allowed)]
    if refused:
        raise InputError(
            f"{path} is refused, nothing was run: loading it would call {refused}, "
            "which weights do not need; get the file from a source you trust"
        )
    stubs = [(type(name.rsplit(".", 1)[-1], (Inert,), {}), name) for name in names]
    try:
        with safe_globals(stubs):
            return torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as e:
        raise InputError(f"{path} cannot be read ({_first_line(e)})") from None


def _is_allowed(name: str, allowed: Sequence[str]) -> bool:
    return any(
        name.startswith(item) if item.endswith(".") else name == item
        for item in allowed
    )


def _check_archive(path: Path) -> None:
    """Tell a missing, truncated or foreign file from a checkpoint.

    Raises:
        InputError: If ``path`` is not a whole zip archive.
    """
    if not path.is_file():
        raise InputError(f"{path} not found: give a checkpoint file")
    if zipfile.is_zipfile(path):
        return
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == b"PK\x03\x04":
        raise InputError(f"{path} is truncated: download or copy it again")
    if magic[:1] == b"\x80":
        raise InputError(
            f"{path} is a bare pickle, which could run code: refused, nothing was run; "
            "save it with torch.save of PyTorch 1.6 or later"
        )
    raise InputError(f"{path} is not a PyTorch checkpoint")


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:120]
