"""Training loop that resumes within an epoch."""

from collections.abc import Iterator, Sequence

from mmengine.optim import _ParamScheduler
from mmengine.runner import EpochBasedTrainLoop
from mmyolo.registry import LOOPS
from torch import nn

from .checks import check_batches

#: Entries of the message hub, which checkpoints contain: iterations of an epoch, and
#: those done in the current one.
EPOCH_LENGTH, EPOCH_DONE = "epoch_length", "epoch_done"


@LOOPS.register_module()
class ResumableEpochLoop(EpochBasedTrainLoop):
    """``EpochBasedTrainLoop`` that also resumes from a checkpoint within an epoch.

    MMEngine restarts such an epoch and counts its first iterations twice. This loop
    loads and skips the iterations that were done, so that augmentation continues with
    the random numbers of an uninterrupted run. If an epoch has another length than in
    the checkpoint (other batch size, processes or images), it continues at the start
    of the epoch, with the iteration and learning rate of that point.
    """

    _done = 0  # iterations of the first epoch that the checkpoint contains

    def run(self) -> nn.Module:
        """Run the training up to ``max_epochs`` epochs.

        Raises:
            InputError: If a batch is too small for BN.
        """
        check_batches(self.dataloader, self.runner.cfg)
        if self._iter:
            self._continue()
        self.runner.message_hub.update_info(EPOCH_LENGTH, len(self.dataloader))
        return super().run()

    def run_epoch(self) -> None:
        """Train for one epoch, or for the rest of an interrupted one."""
        self.runner.call_hook("before_train_epoch")
        self.runner.model.train()
        done, self._done = self._done, 0
        if done:
            self.runner.logger.info(f"passing over {done} iterations of this epoch")
        for index, batch in enumerate(self.dataloader):
            if index >= done:
                self.run_iter(index, batch)
        self.runner.message_hub.update_info(EPOCH_DONE, 0)
        self.runner.call_hook("after_train_epoch")
        self._epoch += 1

    def run_iter(self, idx: int, data_batch: Sequence[dict]) -> None:
        """Train on one batch."""
        self.runner.message_hub.update_info(EPOCH_DONE, idx + 1)
        super().run_iter(idx, data_batch)

    def _continue(self) -> None:
        """Find the position of a checkpoint in an epoch, and report what changed."""
        hub, logger = self.runner.message_hub, self.runner.logger
        length, before = len(self.dataloader), hub.get_info(EPOCH_LENGTH)
        if before is None:  # a checkpoint of an earlier version
            whole = self._epoch and self._iter % self._epoch == 0
            before = self._iter // self._epoch if whole else length
        self._done = hub.get_info(EPOCH_DONE, self._iter - self._epoch * before)
        if before != length:
            lost = f", {self._done} iterations of it are repeated" * bool(self._done)
            self._done, self._iter = 0, self._epoch * length
            self._restart_schedulers()
            logger.warning(
                f"an epoch has {length} iterations, {before} in the checkpoint: "
                f"training continues at the start of epoch {self._epoch + 1}{lost}, "
                f"iteration {self._iter}, learning rate {self._learning_rate():.3g}"
            )
        last = hub.get_info("max_epochs")
        if self._epoch >= self._max_epochs:
            logger.warning(
                f"training has finished: {self._epoch} of {self._max_epochs} epochs "
                "are done; set max_epochs to a larger number to continue"
            )
        elif last is not None and last < self._max_epochs and any(self._schedulers()):
            logger.warning(
                f"the learning-rate schedule of the checkpoint ends with epoch {last}: "
                f"from there the rate stays constant, it is {self._learning_rate():.3g}"
                " now; give the checkpoint as load_from to start a new schedule"
            )

    def _schedulers(self) -> Iterator[_ParamScheduler]:
        schedulers = self.runner.param_schedulers or []
        if isinstance(schedulers, dict):
            schedulers = [s for group in schedulers.values() for s in group]
        yield from schedulers

    def _restart_schedulers(self) -> None:
        """Step new schedulers up to the current epoch and iteration."""
        if not any(self._schedulers()):
            return
        for group in self.runner.optim_wrapper.param_groups:
            for name, value in list(group.items()):
                if name.startswith("initial_"):
                    group[name.removeprefix("initial_")] = value
        runner = self.runner
        runner.param_schedulers = runner.build_param_scheduler(
            runner.cfg.param_scheduler
        )
        for number in range(max(self._iter, self._epoch)):
            for scheduler in self._schedulers():
                if number < (self._epoch if scheduler.by_epoch else self._iter):
                    scheduler.step()

    def _learning_rate(self) -> float:
        return self.runner.optim_wrapper.param_groups[0]["lr"]
