"""Exponential moving average (EMA) of the weights."""

from mmengine.hooks import EMAHook
from mmyolo.registry import HOOKS


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
