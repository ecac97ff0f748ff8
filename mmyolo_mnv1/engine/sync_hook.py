"""Synchronisation of BN statistics between processes."""

from mmengine.dist import all_reduce_params
from mmengine.hooks import EMAHook, Hook
from mmyolo.registry import HOOKS


@HOOKS.register_module()
class SyncStatisticsHook(Hook):
    """Average the BN statistics of all processes at the end of each epoch.

    Includes the EMA model, which MMEngine's ``SyncBuffersHook`` does not. Every
    process then validates the model that is saved.
    """

    def after_train_epoch(self, runner) -> None:
        """Average the floating-point buffers."""
        averaged = (h.ema_model for h in runner.hooks if isinstance(h, EMAHook))
        for model in (runner.model, *averaged):
            statistics = [b for b in model.buffers() if b.is_floating_point()]
            all_reduce_params(statistics, op="mean")
