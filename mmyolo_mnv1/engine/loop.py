"""A training loop that goes on within an epoch."""

from mmengine.runner import EpochBasedTrainLoop
from mmyolo.registry import LOOPS


@LOOPS.register_module()
class ResumableEpochLoop(EpochBasedTrainLoop):
    """MMEngine's loop by epochs, for checkpoints saved within an epoch as well.

    MMEngine would begin such an epoch anew and count its first iterations twice. Here
    what was done is loaded and passed over, so that the augmentation goes on with the
    random numbers it would have had.
    """

    def run_epoch(self) -> None:
        """Train for one epoch, or what is left of it."""
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
