"""Peers: other projects that a benchmark compares with."""

import importlib.util
from collections.abc import Iterable

from mmengine.config import Config

from mmyolo_mnv1.errors import InputError

ULTRALYTICS, MMYOLO = "ultralytics", "mmyolo"
#: Distributions whose versions belong to a result; see ``describe_machine``.
PACKAGES = (ULTRALYTICS,)


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


def has_ultralytics_model(cfg: Config) -> bool:
    """Whether Ultralytics has the model of a config: YOLO11 with its own backbone."""
    return cfg.model.backbone.type == "YOLO11CSPDarknet"
