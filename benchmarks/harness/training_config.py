"""Configs that only train, and a hook at both ends of an epoch."""

from collections.abc import Callable

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner


class EpochHook(Hook):
    """Hook that calls functions before and after each training epoch."""

    def __init__(self, before: Callable[[], None], after: Callable[[], None]) -> None:
        self._before, self._after = before, after

    def before_train_epoch(self, runner: Runner) -> None:
        """See the parent."""
        self._before()

    def after_train_epoch(self, runner: Runner) -> None:
        """See the parent."""
        self._after()


def train_only(cfg: Config, workers: int) -> None:
    """Remove validation, testing and checkpoints from a config, in place.

    Args:
        cfg (Config): Resolved config.
        workers (int): Worker processes of the data loader.
    """
    cfg.train_dataloader.update(num_workers=workers, persistent_workers=workers > 0)
    for part in ("val", "test"):
        for name in (f"{part}_cfg", f"{part}_dataloader", f"{part}_evaluator"):
            cfg[name] = None
    cfg.default_hooks.checkpoint = None
