"""Safe unpickling: read checkpoints and results without running code of the file."""

import io
import pickle
import re
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch

from ..errors import InputError
from .archives import further_names, load_archive

#: Errors that PyTorch raises for a damaged file.
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
#: Functions in NumPy's pickles of arrays and scalars, by their names of both versions
#: 1 and 2.
_NUMPY = {
    f"numpy.{core}.multiarray.{name}": value.__reduce__()[0]
    for name, value in dict(_reconstruct=np.empty(0), scalar=np.float64(0)).items()
    for core in ("core", "_core")
}


def load_checkpoint(path: str | Path, map_location: Any = "cpu") -> Any:
    """Load a checkpoint of MMEngine or ``torch.save`` with ``weights_only``.

    Args:
        path (str or Path): A local file.
        map_location (Any): See :func:`torch.load`. Defaults to "cpu".

    Returns:
        Any: The saved object, usually a dict with ``state_dict`` and ``meta``.

    Raises:
        InputError: If the file is missing, truncated or no checkpoint, or if loading
            it would call a function that weights do not need; nothing was run.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise InputError(f"checkpoint {path} not found: give a checkpoint file")
    try:
        return load_archive(path, map_location, _mmengine_classes())
    except (*UNREADABLE, OSError) as e:
        _check_damage(path)
        names = re.findall(r"GLOBAL (\S+)", str(e))
        if names:
            raise _refused(path, names[:1]) from None
        raise InputError(
            f"{path} cannot be loaded, it is not a PyTorch checkpoint "
            f"({_first_line(e)}): give a checkpoint"
        ) from None


class Inert:
    """Placeholder for an object whose class is not imported.

    Its type is a subclass with the name of that class; ``state`` has the pickled
    attributes. Constructor arguments are dropped.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.state: dict = {}

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {}


def load_inert(path: Path, allowed: Sequence[str]) -> Any:
    """Load a checkpoint with :class:`Inert` objects in place of foreign classes.

    PyTorch's ``weights_only`` unpickler reads it with each allowed name bound to a
    subclass of :class:`Inert`: no module is imported and no code of the file is run.

    Args:
        path (Path): The file.
        allowed (Sequence[str]): Classes that the file may contain, or prefixes that end
            in a dot, such as ``'torch.nn.'``.

    Returns:
        Any: The saved object, tensors on the CPU.

    Raises:
        InputError: If the file is missing, truncated or no checkpoint, or contains a
            class that is not allowed.
    """
    if not path.is_file():
        raise InputError(f"{path} not found: give a checkpoint file")
    _check_damage(path)
    try:
        names = further_names(path)
    except UNREADABLE as e:
        raise InputError(
            f"{path} is not a PyTorch checkpoint ({_first_line(e)})"
        ) from None
    refused = [name for name in names if not _is_allowed(name, allowed)]
    if refused:
        raise _refused(path, refused)
    stubs = {name: type(name.rsplit(".", 1)[-1], (Inert,), {}) for name in names}
    try:
        return load_archive(path, "cpu", stubs)
    except UNREADABLE as e:
        raise InputError(f"{path} cannot be read ({_first_line(e)})") from None


def load_results(path: Path) -> Any:
    """Load the pickle of ``test.py --out``: tensors and arrays in plain containers.

    Args:
        path (Path): The file.

    Raises:
        UnpicklingError: If it would call a function that results do not need.
        Exception: Any type for a damaged file, see :data:`UNREADABLE`.
    """
    return _ResultsUnpickler(io.BytesIO(path.read_bytes())).load()


class _ResultsUnpickler(pickle.Unpickler):
    ALLOWED = {
        "_codecs.encode",
        "collections.OrderedDict",
        "numpy.dtype",
        "numpy.ndarray",
        "torch._utils._rebuild_tensor_v2",
        *_NUMPY,
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch.storage", "_load_from_bytes"):
            return _load_storage
        if f"{module}.{name}" not in self.ALLOWED:
            raise UnpicklingError(f"it would call {module}.{name}: refused")
        return super().find_class(module, name)


def _load_storage(data: bytes) -> Any:
    """Storage of a pickled tensor, which PyTorch writes in its format of before 1.6."""
    if data[:1] != b"\x80":  # before PyTorch 2.6 other formats could run code
        raise UnpicklingError("a storage in a foreign format: refused")
    return torch.load(io.BytesIO(data), weights_only=True)


def _mmengine_classes() -> dict[str, Callable]:
    """Classes and functions in MMEngine's checkpoints: arrays and logged values."""
    from mmengine.logging import HistoryBuffer

    def history_method(owner: Any, name: str) -> Callable:
        """``getattr`` restricted to the public methods of HistoryBuffer."""
        if owner is not HistoryBuffer or name.startswith("_"):
            raise UnpicklingError(f"Unsupported global: GLOBAL builtins.getattr {name}")
        return getattr(HistoryBuffer, name)

    classes = [HistoryBuffer, np.ndarray, np.dtype]
    classes += [type(np.dtype(code)) for code in "?bhilqBHILQefd"]
    return {
        "builtins.getattr": history_method,
        **{f"{item.__module__}.{item.__qualname__}": item for item in classes},
        **_NUMPY,
    }


def _is_allowed(name: str, allowed: Sequence[str]) -> bool:
    return any(
        name.startswith(item) if item.endswith(".") else name == item
        for item in allowed
    )


def _check_damage(path: Path) -> None:
    """Refuse a truncated archive and a bare pickle.

    Raises:
        InputError: If the file is one of them.
    """
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


def _refused(path: Path, names: Sequence[str]) -> InputError:
    return InputError(
        f"{path} is refused, nothing was run: loading it would call "
        f"{', '.join(names)}, which weights do not need; get the file from a source "
        "you trust"
    )


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:120]
