"""MMEngine's runner for configs with late values."""

import logging

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import Runner
from mmyolo.registry import RUNNERS
from torch import Tensor

from ..config import resolve
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
            InputError: If the config contradicts itself.
        """
        return super().from_cfg(resolve(cfg))

    def load_checkpoint(self, filename: str, *args, **kwargs) -> dict:
        """Load weights and compare what the file has with what the model wants.

        Args:
            filename (str): The checkpoint.
            args, kwargs: See the parent.

        Raises:
            InputError: If no tensor fits.
        """
        checkpoint = super().load_checkpoint(filename, *args, **kwargs)
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
