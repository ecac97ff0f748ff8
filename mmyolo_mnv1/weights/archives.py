"""``torch.load`` by ``weights_only`` with further classes, on PyTorch 2.1 and later.

Before PyTorch 2.7 no class can be allowed by name, and before 2.6 a crafted file can
run code in spite of ``weights_only`` (CVE-2025-32434). These releases read the file
with a restricted unpickler instead, which builds what PyTorch's own one allows and the
given classes.
"""

import _codecs
import collections
import pickle
import pickletools
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from types import ModuleType
from typing import Any

import torch
from torch import _weights_only_unpickler, serialization

#: Whether PyTorch's ``weights_only`` is safe and takes further classes by name.
NATIVE = torch.__version__ >= "2.7"


def load_archive(path: Path, map_location: Any, allowed: Mapping[str, Any]) -> Any:
    """Load a file of ``torch.save`` without running code in it.

    Args:
        path (Path): The file.
        map_location: See :func:`torch.load`.
        allowed (Mapping[str, Any]): Classes and functions that the file may contain
            besides those of weights, by their full name.

    Raises:
        UnpicklingError: If the file contains another name, or, before PyTorch 2.7, is
            not a zip archive as PyTorch 1.6 and later write it.
        Exception: Whatever :func:`torch.load` raises for a damaged file.
    """
    if NATIVE:
        with serialization.safe_globals([(v, name) for name, v in allowed.items()]):
            return torch.load(path, map_location=map_location, weights_only=True)
    _open(path)
    module = ModuleType("restricted")  # without `load`, which other formats need
    module.Unpickler = type("_", (_Unpickler,), dict(allowed={**_WEIGHTS, **allowed}))
    return torch.load(
        path, map_location=map_location, pickle_module=module, weights_only=False
    )


def further_names(path: Path) -> list[str]:
    """Names in a file of ``torch.save`` besides those of weights.

    Raises:
        Exception: See :func:`load_archive`.
    """
    if NATIVE:
        return sorted(serialization.get_unsafe_globals_in_checkpoint(path))
    opcodes = pickletools.genops(_open(path).get_record("data.pkl"))
    names = {_full_name(*arg.split(" ", 1)) for op, arg, _ in opcodes if op.code == "c"}
    return sorted(names - _WEIGHTS.keys())


class _Unpickler(pickle._Unpickler):  # the one in Python, of which BUILD can be limited
    allowed: Mapping[str, Any]
    dispatch = dict(pickle._Unpickler.dispatch)

    def find_class(self, module: str, name: str) -> Any:
        full_name = _full_name(module, name)
        if full_name not in self.allowed:
            raise UnpicklingError(f"Unsupported global: GLOBAL {full_name}")
        return self.allowed[full_name]

    def load_build(self) -> None:
        """Set the state of an object, but of no class and no function."""
        if callable(self.stack[-2]):
            raise UnpicklingError(f"BUILD changes {self.stack[-2]}")
        super().load_build()

    dispatch[pickle.BUILD[0]] = load_build


def _open(path: Path) -> Any:
    """Open an archive; PyTorch's reader, so that no other one reads it differently."""
    with path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":
            raise UnpicklingError("no zip archive")
    reader = torch._C.PyTorchFileReader(str(path))
    if "constants.pkl" in reader.get_all_records():  # torch.load would run it
        raise UnpicklingError("a TorchScript program")
    return reader


def _full_name(module: str, name: str) -> str:
    """Name of a global in Python 3; pickle protocol 2 writes that of Python 2."""
    if (module, name) in NAME_MAPPING:
        return ".".join(NAME_MAPPING[module, name])
    return f"{IMPORT_MAPPING.get(module, module)}.{name}"


_WEIGHTS = {
    **{str(v): v for v in vars(torch).values() if isinstance(v, torch.dtype)},
    "_codecs.encode": _codecs.encode,
    "builtins.bytearray": bytearray,
    "builtins.complex": complex,
    "builtins.set": set,
    "collections.Counter": collections.Counter,
    "torch.device": torch.device,
    **_weights_only_unpickler._get_allowed_globals(),
}
