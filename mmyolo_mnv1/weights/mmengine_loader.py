"""Safe checkpoint loading in MMEngine's runner.

The loader of onedl-mmengine unpickles a file that PyTorch's ``weights_only`` refuses;
that of upstream MMEngine does so before PyTorch 2.6.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from mmengine.dist import barrier
from mmengine.runner import CheckpointLoader

from ..errors import InputError
from .unpickling import load_checkpoint

OPTION = "--allow-unsafe-checkpoint"


@contextmanager
def checkpoint_loaders(allow_unsafe: bool = False) -> Iterator[None]:
    """Context manager: load local files and web addresses safely in MMEngine.

    MMEngine uses these loaders for ``resume``, ``load_from`` and
    ``init_cfg=dict(type="Pretrained")``. Other schemes, such as ``s3://``, keep
    MMEngine's loaders. The replaced loaders are restored at the end.

    Args:
        allow_unsafe (bool): Whether to load files that run code, with a warning.
            Defaults to False.

    Raises:
        InputError: If a checkpoint in the block would run code; names the option that
            allows it.
    """
    schemes = CheckpointLoader._schemes
    CheckpointLoader._schemes = schemes.copy()

    # MMEngine logs the name of a loader without ``load_from_``.
    def load_from_local(filename: str, map_location: Any = None) -> Any:
        if not allow_unsafe:
            return load_checkpoint(filename, map_location)
        warnings.warn(f"{OPTION}: code in {filename} may be run", stacklevel=2)
        return torch.load(filename, map_location=map_location, weights_only=False)

    def load_from_http(filename: str, map_location: Any = None) -> Any:
        return load_from_local(str(_download(filename)), map_location)

    try:
        CheckpointLoader.register_scheme("", load_from_local, force=True)
        CheckpointLoader.register_scheme(
            ("http://", "https://"), load_from_http, force=True
        )
        yield
    except InputError as e:
        if " is refused, nothing was run" not in str(e):
            raise
        raise InputError(f"{e}, or give {OPTION}") from None
    finally:
        CheckpointLoader._schemes = schemes


def _download(url: str) -> Path:
    """Download a file into PyTorch's hub folder, once on each machine.

    Raises:
        InputError: If it cannot be downloaded.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name
    if int(os.environ.get("LOCAL_RANK", 0)) == 0 and not path.is_file():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(path))
        except (OSError, ValueError) as e:
            raise InputError(f"checkpoint {url} cannot be downloaded ({e})") from None
    barrier()
    return path
