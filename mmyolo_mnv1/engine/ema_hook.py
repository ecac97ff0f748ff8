"""Averages of the weights."""

from mmengine.hooks import EMAHook
from mmyolo.registry import HOOKS


@HOOKS.register_module()
class UpdateEMAHook(EMAHook):
    """MMEngine's ``EMAHook``, averaging once an update of the weights.

    MMEngine averages once an iteration; where gradients of several iterations are
    added up for an update (``nominal_batch_size``), its average would be as many times
    shorter than Ultralytics' (``optimizer_step`` of its ``engine/trainer.py``).
    """

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        """Average, if this iteration has updated the weights."""
        if runner.optim_wrapper.should_update():
            super().after_train_iter(runner, batch_idx, data_batch, outputs)
