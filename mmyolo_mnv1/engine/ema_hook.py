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

    MMEngine collects the state dict and updates each tensor separately: hundreds of
    small calls per iteration. Training does not replace the tensors of a model, so that
    their list is cached.
    """

    _tensors: tuple[nn.Module | None, list[Tensor], list[Tensor]] = (None, [], [])

    def update_parameters(self, model: nn.Module) -> None:
        """Update the moving averages with the current weights.

        Args:
            model (nn.Module): The model that is trained.
        """
        steps = int(self.steps)
        is_plain = steps > 0 and steps % self.interval == 0 and self.update_buffers
        if not is_plain or not self._collect(model):
            super().update_parameters(model)
            return
        decay = math.exp(-(1 + steps) / self.gamma)
        momentum = (1 - self.momentum) * decay + self.momentum
        torch._foreach_lerp_(*self._tensors[1:], momentum)
        self.steps += 1

    def _collect(self, model: nn.Module) -> bool:
        """Cache the floating-point tensors of the averaged and of the trained model.

        Returns:
            bool: False if the averages are on another device than the model.
        """
        if self._tensors[0] is not model:
            given = model.state_dict()
            pairs = [
                (average, given[name])
                for name, average in self.avg_parameters.items()
                if average.is_floating_point()
            ]
            if any(average.device != source.device for average, source in pairs):
                return False
            self._tensors = model, *map(list, zip(*pairs, strict=True))
        return True
