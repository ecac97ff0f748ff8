"""Safe loading of checkpoints in MMEngine, by names of weights too.

The loader of onedl-mmengine unpickles a file that PyTorch's ``weights_only`` refuses;
that of upstream MMEngine does so before PyTorch 2.6.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader

from ..errors import InputError
from ..weights.download import NAME_SCHEMES, WEB_SCHEMES, local_file
from .loading import load

OPTION = "--allow-unsafe-checkpoint"


def register_names() -> None:
    """Let MMEngine load weights by name, such as ``ultralytics://yolo11n.pt``."""

    # MMEngine logs the name of a loader without ``load_from_``.
    def load_from_name(filename: str, map_location: Any = None) -> Any:
        return load(filename, map_location)

    CheckpointLoader.register_scheme(NAME_SCHEMES, load_from_name, force=True)


@contextmanager
def checkpoint_loaders(
    allow_unsafe: bool = False, fit: Callable[[Any, str], Any] | None = None
) -> Iterator[None]:
    """Context manager: load weights safely in MMEngine, and convert them.

    MMEngine uses these loaders for ``resume``, ``load_from`` and
    ``init_cfg=dict(type="Pretrained")``. Other schemes, such as ``s3://``, keep
    MMEngine's loaders. The replaced loaders are restored at the end.

    Args:
        allow_unsafe (bool): Whether to load files that run code, with a warning.
            Defaults to False.
        fit (Callable, optional): Called with each checkpoint and its address; returns
            what MMEngine gets. Defaults to None.

    Raises:
        InputError: If a checkpoint in the block would run code; names the option that
            allows it.
    """
    schemes = CheckpointLoader._schemes
    CheckpointLoader._schemes = schemes.copy()

    def load_from_file(filename: str, map_location: Any = None) -> Any:
        try:
            checkpoint = load(filename, map_location)
        except InputError:
            if not allow_unsafe:
                raise
            warning = f"{OPTION}: code in {filename} may be run"
            print_log(warning, "current", logging.WARNING)
            path = local_file(filename)
            checkpoint = torch.load(path, map_location=map_location, weights_only=False)
        return fit(checkpoint, filename) if fit else checkpoint

    try:
        CheckpointLoader.register_scheme(
            ("", *WEB_SCHEMES, *NAME_SCHEMES), load_from_file, force=True
        )
        yield
    except InputError as e:
        if allow_unsafe or " is refused, nothing was run" not in str(e):
            raise
        raise InputError(f"{e}, or give {OPTION}") from None
    finally:
        CheckpointLoader._schemes = schemes
