"""Peers: other projects that a benchmark compares with."""

import importlib.util
from collections.abc import Iterable
from pathlib import Path

from mmengine.config import Config

from mmyolo_mnv1.errors import InputError

ULTRALYTICS, MMYOLO = "ultralytics", "mmyolo"
#: Distributions whose versions belong to a result; see ``describe_machine``.
PACKAGES = (ULTRALYTICS,)
#: Folders of further releases, see :func:`ultralytics_path`.
RELEASES = Path(__file__).resolve().parents[2] / "work_dirs" / "peers"


def check_peer(name: str, choices: Iterable[str] = (ULTRALYTICS,)) -> None:
    """Check that a peer is known and installed.

    Args:
        name (str): Value of ``--peer``.
        choices (Iterable[str]): Peers of the benchmark. Defaults to Ultralytics.

    Raises:
        InputError: If it is not.
    """
    if name not in choices:
        raise InputError(f"--peer {name}: choose from {', '.join(choices)}")
    if name.startswith(ULTRALYTICS) and not importlib.util.find_spec(ULTRALYTICS):
        raise InputError(f"--peer {name}: not installed: pip install {ULTRALYTICS}")


def ultralytics_path(version: str | None) -> list[Path]:
    """Folders that make a release of Ultralytics precede the installed one.

    Args:
        version (str, optional): Release beside the environment, installed by
            ``make peers``; None for the environment's own.

    Raises:
        InputError: If it is not installed.
    """
    if version is None:
        check_peer(ULTRALYTICS)
        return []
    folder = RELEASES / f"{ULTRALYTICS}-{version}"
    if not (folder / ULTRALYTICS).is_dir():
        raise InputError(
            f"--peer version={version}: {folder} not found: make peers "
            f"PEER={ULTRALYTICS}=={version}"
        )
    return [folder]


def check_ultralytics_model(peer: str, family: str) -> None:
    """Check that the Ultralytics of this process has a family of models.

    Args:
        peer (str): Value of ``--peer``.
        family (str): Such as ``yolo26``.

    Raises:
        InputError: If it has not.
    """
    folder = Path(importlib.util.find_spec(ULTRALYTICS).origin).parent
    if not list(folder.glob(f"cfg/models/*/{family}.yaml")):
        raise InputError(
            f"--peer {peer}: {folder} has no {family}.yaml: `make peers`, and put its "
            f"{RELEASES}/{ULTRALYTICS}-VERSION on PYTHONPATH"
        )


def has_ultralytics_model(cfg: Config) -> bool:
    """Whether Ultralytics has the model of a config: YOLO11 with its own backbone."""
    return cfg.model.backbone.type == "YOLO11CSPDarknet"
