"""Hooks by which tests see what a training in another process does."""

import hashlib
import json
import os

import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmyolo.registry import HOOKS


@HOOKS.register_module()
class RecordHook(Hook):
    """Appends a line for each iteration and one at the end, to a file a rank."""

    def before_train(self, runner) -> None:
        path = f"{runner.work_dir}/rank{get_rank()}.jsonl"
        self.file = open(path, "a", buffering=1)  # noqa: SIM115
        self._write(start=runner.iter, pid=os.getpid(), world=runner.world_size)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self._write(
            epoch=runner.epoch,
            iter=runner.iter,
            loss=float(outputs["loss"]),
            lr=runner.optim_wrapper.get_lr()["lr"][0],
        )

    def after_train(self, runner) -> None:
        model = runner.model
        model = model.module if is_model_wrapper(model) else model
        self._write(weights=digest(model.state_dict()))

    def _write(self, **values) -> None:
        self.file.write(json.dumps(values) + "\n")


def digest(state_dict: dict) -> str:
    """Equal for equal tensors only."""
    sha = hashlib.sha256()
    for name, tensor in sorted(state_dict.items()):
        sha.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()


@HOOKS.register_module()
class PoisonHook(Hook):
    """Makes the images of some iterations NaN.

    Args:
        iters (list[int]): Which.
    """

    priority = "VERY_HIGH"

    def __init__(self, iters: list[int]) -> None:
        self.iters = iters

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        if runner.iter in self.iters:
            images = torch.full_like(data_batch["inputs"], torch.nan, dtype=torch.float)
            data_batch["inputs"] = images
