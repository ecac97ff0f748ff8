"""Training loop that resumes within an epoch."""

from mmengine.runner import EpochBasedTrainLoop
from mmyolo.registry import LOOPS


@LOOPS.register_module()
class ResumableEpochLoop(EpochBasedTrainLoop):
    """``EpochBasedTrainLoop`` that also resumes from a checkpoint within an epoch.

    MMEngine restarts such an epoch and counts its first iterations twice. This loop
    loads and skips the iterations that were done, so that augmentation continues with
    the random numbers of an uninterrupted run.
    """

    def run_epoch(self) -> None:
        """Train for one epoch, or for the rest of an interrupted one."""
        self.runner.call_hook("before_train_epoch")
        self.runner.model.train()
        done = self._iter - self._epoch * len(self.dataloader)
        if done > 0:
            self.runner.logger.info(f"passing over {done} iterations of this epoch")
        for index, batch in enumerate(self.dataloader):
            if index >= done:
                self.run_iter(index, batch)
        self.runner.call_hook("after_train_epoch")
        self._epoch += 1
