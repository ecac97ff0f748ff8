"""Exponential moving average (EMA) of the weights."""

import math

import torch
from mmdet.models.layers import ExpMomentumEMA
from mmengine.hooks import EMAHook
from mmyolo.registry import HOOKS, MODELS
from torch import Tensor, nn


@HOOKS.register_module()
class UpdateEMAHook(EMAHook):
    """``EMAHook`` that averages once for each update of the weights.

    MMEngine averages in each iteration. With gradient accumulation
    (``nominal_batch_size``) its EMA would span fewer updates than the reference's
    (ultralytics 8.3 ``engine/trainer.py``, ``optimizer_step``).
    """

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        """Average if this iteration updated the weights."""
        if runner.optim_wrapper.should_update():
            super().after_train_iter(runner, batch_idx, data_batch, outputs)


@MODELS.register_module()
class ForeachMomentumEMA(ExpMomentumEMA):
    """``ExpMomentumEMA`` with one ``torch._foreach_lerp_`` call for all tensors.

    MMEngine updates each tensor separately: hundreds of small calls per iteration.
    """

    def update_parameters(self, model: nn.Module) -> None:
        """Update the moving averages with the current weights.

        Args:
            model (nn.Module): The model that is trained.
        """
        pairs = self._pairs = []
        steps = int(self.steps)
        super().update_parameters(model)
        if pairs:
            decay = math.exp(-(1 + steps) / self.gamma)
            momentum = (1 - self.momentum) * decay + self.momentum
            torch._foreach_lerp_(*map(list, zip(*pairs, strict=True)), momentum)
        self._pairs = []

    def avg_func(self, averaged: Tensor, source: Tensor, steps: int) -> None:
        """Store a tensor and its average; :meth:`update_parameters` updates all."""
        self._pairs.append((averaged, source))
