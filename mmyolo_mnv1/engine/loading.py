"""Loading checkpoints without running anything that is in them.

onedl-mmengine's loader executes a pickle that PyTorch's ``weights_only`` refuses, and
upstream's does so before PyTorch 2.6. :func:`use_loader` puts loaders of this module in
their places, through MMEngine's own registry of loaders: for ``--resume``,
``load_from`` and ``init_cfg=dict(type="Pretrained")`` alike.
"""

import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from urllib.parse import urlparse

import numpy as np
import torch
from mmengine.dist import barrier
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader
from torch.serialization import safe_globals

from ..converters.unpickle import UNREADABLE
from ..errors import InputError

OPTION = "--allow-unsafe-checkpoint"
WEB = ("http://", "https://")
#: Schemes of MMEngine that lead to loaders which execute pickles.
ELSEWHERE = (
    *("pavi://", r"(\S+\:)?s3://", r"(\S+\:)?petrel://", "modelzoo://"),
    *("torchvision://", "open-mmlab://", "openmmlab://", "mmcls://"),
)


def _history_method(owner: Any, name: str) -> Callable:
    """In place of ``getattr``, by which a pickle gets HistoryBuffer's statistics."""
    if owner is not HistoryBuffer or name.startswith("_"):
        raise UnpicklingError(f"Unsupported global: GLOBAL builtins.getattr {name}")
    return getattr(HistoryBuffer, name)


def _mmengine_globals() -> list:
    """What stands in MMEngine's checkpoints besides tensors: numbers, histories."""
    dtypes = {type(np.dtype(code)) for code in "?bhilqBHILQefd"}
    makers = {"_reconstruct": np.empty(0), "scalar": np.float64(0)}
    return [
        HistoryBuffer,
        (_history_method, "builtins.getattr"),
        np.ndarray,
        np.dtype,
        *dtypes,
        *(
            (value.__reduce__()[0], f"numpy.{core}.multiarray.{name}")
            for name, value in makers.items()
            for core in ("core", "_core")  # before NumPy 2, and since
        ),
    ]


def load_checkpoint_safely(path: str | Path, map_location: Any = "cpu") -> Any:
    """Load what MMEngine or ``torch.save`` wrote, by PyTorch's ``weights_only``.

    Args:
        path (str or Path): A local file.
        map_location: See :func:`torch.load`. Defaults to "cpu".

    Returns:
        Any: Usually a dict with ``state_dict``, ``meta`` and more.

    Raises:
        InputError: If the file is missing or unreadable, or loading it would call
            what weights do not need; nothing of it was run.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise InputError(f"checkpoint {path} not found")
    try:
        with safe_globals(_mmengine_globals()):
            return torch.load(path, map_location=map_location, weights_only=True)
    except (*UNREADABLE, OSError) as e:
        names = re.findall(r"GLOBAL (\S+)", str(e))
        if names:
            raise InputError(
                f"checkpoint {path} is refused, nothing was run: loading it would call "
                f"{names[0]}, which weights do not need; get it from a source you "
                f"trust, or give {OPTION}"
            ) from None
        line = (str(e).splitlines() or [""])[0]
        raise InputError(
            f"{path} cannot be loaded ({type(e).__name__}: {line[:120]}): give a "
            "checkpoint"
        ) from None


def load_checkpoint_unsafely(path: str | Path, map_location: Any = "cpu") -> Any:
    """Load a file and run whatever is in it; ``--allow-unsafe-checkpoint``."""
    warnings.warn(f"{OPTION}: code in {path} may be run", stacklevel=2)
    return torch.load(path, map_location=map_location, weights_only=False)


def use_loader(load: Callable[[str, Any], Any]) -> None:
    """Have MMEngine load checkpoints by one function, wherever they come from.

    Args:
        load (Callable): :func:`load_checkpoint_safely` or
            :func:`load_checkpoint_unsafely`.
    """

    # MMEngine logs what follows ``load_from_`` in a loader's name.
    def load_from_local(filename: str, map_location: Any = None) -> Any:
        return load(filename, map_location)

    def load_from_http(filename: str, map_location: Any = None) -> Any:
        return load(_download(filename), map_location)

    def load_from_elsewhere(filename: str, map_location: Any = None) -> Any:
        raise InputError(
            f"checkpoint {filename}: only files and http are loaded safely: download "
            "it and name the file"
        )

    for prefixes, loader in (
        ("", load_from_local),
        (WEB, load_from_http),
        (ELSEWHERE, load_from_elsewhere),
    ):
        CheckpointLoader.register_scheme(prefixes, loader, force=True)


def _download(url: str) -> Path:
    """A file from the web, in PyTorch's cache; once on each machine."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name
    if int(os.environ.get("LOCAL_RANK", 0)) == 0 and not path.is_file():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(path))
        except (OSError, ValueError) as e:
            raise InputError(f"checkpoint {url} cannot be downloaded ({e})") from None
    barrier()
    return path
