"""MMEngine's runner for configs with late values."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import Runner
from mmyolo.registry import RUNNERS
from torch import Tensor

from ..config import resolve
from ..converters.unpickle import UNREADABLE
from ..errors import InputError


@RUNNERS.register_module()
class YOLO11Runner(Runner):
    """Runner that resolves its config, and that says what a checkpoint did not fit.

    ``runner_type = "YOLO11Runner"`` in a config makes MMYOLO's ``train.py`` and
    ``test.py`` use it.
    """

    @classmethod
    def from_cfg(cls, cfg: Config) -> "YOLO11Runner":
        """Build a runner from a config with or without placeholders.

        Args:
            cfg (Config): See :func:`mmyolo_mnv1.config.resolve`.

        Raises:
            InputError: If the config contradicts itself, or a checkpoint that it names
                is missing.
        """
        cfg = resolve(cfg)
        for place, path in _named_checkpoints(cfg):
            if path and "://" not in path and not Path(path).is_file():
                raise InputError(
                    f"{place} is {path}, which is not found: correct the path or "
                    "leave it out"
                )
        return super().from_cfg(cfg)

    def load_checkpoint(self, filename: str, *args, **kwargs) -> dict:
        """Load weights and compare what the file has with what the model wants.

        Args:
            filename (str): The checkpoint.
            args, kwargs: See the parent.

        Raises:
            InputError: If it is no checkpoint, or no tensor fits.
        """
        try:
            checkpoint = super().load_checkpoint(filename, *args, **kwargs)
        except (*UNREADABLE, OSError) as e:
            line = (str(e).splitlines() or [""])[0]
            raise InputError(
                f"{filename} cannot be loaded ({type(e).__name__}: {line}): give a "
                "checkpoint"
            ) from None
        model = self.model
        while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
            model = model.module
        given = checkpoint.get("state_dict", checkpoint)
        fits, message = compare_tensors(given, model.state_dict())
        if not fits:
            raise InputError(
                f"{filename}: {message}: the checkpoint is of another model, or of "
                "another form"
            )
        if message:
            print_log(f"{filename}: {message}", logger="current", level=logging.WARNING)
        return checkpoint


def _named_checkpoints(cfg: Config) -> Iterator[tuple[str, str | None]]:
    """Where a config names checkpoints, and which; web addresses included."""
    yield "load_from", cfg.get("load_from")

    def walk(node: Any, place: str) -> Iterator[tuple[str, str]]:
        if isinstance(node, dict):
            if node.get("type") == "Pretrained":
                yield f"{place}.checkpoint", node.get("checkpoint")
            for key, value in node.items():
                yield from walk(value, f"{place}.{key}")

    yield from walk(cfg.model, "model")


def compare_tensors(
    given: dict[str, Tensor], wanted: dict[str, Tensor]
) -> tuple[int, str]:
    """How much of a model's state dict a checkpoint covers.

    Args:
        given (dict[str, Tensor]): Of the checkpoint.
        wanted (dict[str, Tensor]): Of the model.

    Returns:
        tuple[int, str]: Number of tensors that fit, and what does not, in one line;
        empty if all do.
    """
    given = {name.removeprefix("module."): t for name, t in given.items()}
    common = [name for name in wanted if name in given]
    shaped = [name for name in common if given[name].shape != wanted[name].shape]
    missing = [name for name in wanted if name not in given]
    unknown = [name for name in given if name not in wanted]
    fits = len(common) - len(shaped)
    groups = ((shaped, "of another shape"), (missing, "missing"), (unknown, "unknown"))
    rest = "; ".join(
        f"{len(names)} {what} ({', '.join(names[:3])}{', …' if names[3:] else ''})"
        for names, what in groups
        if names
    )
    if not rest:
        return fits, ""
    return fits, f"{fits} of the model's {len(wanted)} tensors match; {rest}"
