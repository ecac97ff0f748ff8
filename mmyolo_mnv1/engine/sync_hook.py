"""One set of BN statistics for all processes."""

from mmengine.dist import all_reduce_params
from mmengine.hooks import EMAHook, Hook
from mmyolo.registry import HOOKS


@HOOKS.register_module()
class SyncStatisticsHook(Hook):
    """Averages BN statistics over the processes at the end of each epoch.

    Those of the averaged weights (EMA) too, which MMEngine's ``SyncBuffersHook`` leaves
    alone. Every process then validates the model that is saved.
    """

    def after_train_epoch(self, runner) -> None:
        """Average."""
        averaged = (h.ema_model for h in runner.hooks if isinstance(h, EMAHook))
        for model in (runner.model, *averaged):
            statistics = [b for b in model.buffers() if b.is_floating_point()]
            all_reduce_params(statistics, op="mean")
