"""NaN guard: stop training before NaN or Inf reaches a checkpoint."""

import logging
from collections.abc import Iterator
from pathlib import Path

import torch
from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmyolo.registry import HOOKS
from torch import Tensor

from ..compat import get_total_norm
from ..errors import InputError
from .distributed import any_rank


@HOOKS.register_module()
class NanGuardHook(Hook):
    """Skip iterations with a NaN or Inf loss or gradient; stop after several in a row.

    A skipped iteration changes neither weights nor BN statistics. A gradient overflow
    that ``AmpOptimWrapper`` handles by reducing the loss scale is not counted.

    Args:
        max_bad_iters (int): Bad iterations in a row that stop the training, at least
            1. Defaults to 3.

    Raises:
        InputError: If ``max_bad_iters`` is below 1.
    """

    priority = "HIGH"  # before the EMA hook

    def __init__(self, max_bad_iters: int = 3) -> None:
        if max_bad_iters < 1:
            raise InputError(f"max_bad_iters is {max_bad_iters}: give 1 or more")
        self.max_bad_iters = max_bad_iters
        self.bad_iters = 0
        self._step_refused = False

    def before_train(self, runner) -> None:
        """Check the gradients before each update of the optimizer."""
        self._buffers = [b.clone() for b in runner.model.buffers()]
        optimizer = runner.optim_wrapper.optimizer
        optimizer.register_step_pre_hook(self._refuse_bad_step)

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        """Copy the BN statistics, to restore them after a bad iteration."""
        _copy(runner.model.buffers(), self._buffers)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        """Count bad iterations, restore BN statistics, and stop after too many.

        Raises:
            InputError: After ``max_bad_iters`` bad iterations in a row; the message
                names epoch, iteration, loss component and images.
        """
        names = [n for n, v in outputs.items() if not torch.as_tensor(v).isfinite()]
        refused, self._step_refused = self._step_refused, False
        if not any_rank(bool(names) or refused):
            if runner.optim_wrapper.should_update():  # the gradient was checked too
                self.bad_iters = 0
            return
        self.bad_iters += 1
        _copy(self._buffers, runner.model.buffers())
        parts = [n for n in names if n != "loss"] or names
        found = (parts, _image_names(runner, batch_idx)) if names else None
        found = next(filter(None, all_gather_object(found)), None)
        parts, images = found or (["the gradient"], _image_names(runner, batch_idx))
        line = (
            f"epoch {runner.epoch + 1}, iteration {runner.iter + 1}: "
            f"{', '.join(parts)} not finite, {self.bad_iters} in a row; images "
            f"{', '.join(images)}"
        )
        if self.bad_iters >= self.max_bad_iters:
            raise InputError(
                f"{line}: look at these and their boxes, or lower the learning rate; "
                f"the last good checkpoint is {_last_checkpoint(runner)}"
            )
        print_log(f"{line}: passed over", logger="current", level=logging.WARNING)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Refuse to save weights that are NaN or Inf.

        Raises:
            InputError: If a tensor of the state dict is not finite.
        """
        bad = [
            name
            for name, tensor in checkpoint["state_dict"].items()
            if tensor.is_floating_point() and not tensor.isfinite().all()
        ]
        if bad:
            raise InputError(
                f"epoch {runner.epoch + 1}, iteration {runner.iter}: {bad[0]} is not "
                "finite and is not saved; the last good checkpoint is "
                f"{_last_checkpoint(runner)}"
            )

    def _refuse_bad_step(self, optimizer: torch.optim.Optimizer, *_) -> None:
        """Drop gradients that are not finite: the optimizer then changes nothing."""
        gradients = [
            p.grad
            for group in optimizer.param_groups
            for p in group["params"]
            if p.grad is not None
        ]
        if not get_total_norm(gradients).isfinite():
            self._step_refused = True
            optimizer.zero_grad(set_to_none=True)


def _copy(source: Iterator[Tensor], target: Iterator[Tensor]) -> None:
    with torch.no_grad():
        for old, new in zip(source, target, strict=True):
            new.copy_(old)


def _image_names(runner, batch_idx: int) -> list[str]:
    """Paths of the images of a training batch, without those that mosaic adds."""
    loader = runner.train_dataloader
    indices = list(loader.batch_sampler)[batch_idx]
    return [loader.dataset.get_data_info(i)["img_path"] for i in indices]


def _last_checkpoint(runner) -> str:
    path = Path(runner.work_dir) / "last_checkpoint"
    return path.read_text() if path.is_file() else "none"
