"""Random numbers that depend on the epoch and the batch only."""

import os
import random
import signal
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from mmengine.dataset import worker_init_fn
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import set_random_seed
from mmyolo.registry import HOOKS
from torch.utils.data import Sampler


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seed every epoch, and every batch of training data.

    The seed of an epoch follows from ``randomness.seed``, the epoch and the rank; the
    seed of a batch from that and from its indices. A checkpoint therefore needs no
    state of random generators: a resumed run augments as the uninterrupted one, with
    any number of workers. Workers may live longer than an epoch.
    """

    def before_train(self, runner) -> None:
        """Seed batches in the process that loads them: this one, or a worker."""
        loader = runner.train_dataloader
        self._batches = SeededBatchSampler(loader.batch_sampler)
        # DataLoader refuses a new batch sampler by plain assignment; this one yields
        # the same batches.
        object.__setattr__(loader, "batch_sampler", self._batches)
        loader.worker_init_fn = partial(
            _start_worker, num_workers=loader.num_workers, rank=0, seed=runner.seed
        )

    def before_train_epoch(self, runner) -> None:
        """Seed this process, and the batches of the epoch."""
        seed = _mix(runner.seed, runner.epoch, get_rank())
        set_random_seed(seed)
        self._batches.seed = seed


class SeededBatchSampler:
    """A batch sampler whose batches are :class:`SeededBatch`.

    Args:
        batch_sampler (Sampler): Yields lists of indices. Its attributes are available
            here.
    """

    def __init__(self, batch_sampler: Sampler) -> None:
        self.batch_sampler = batch_sampler
        self.seed = 0

    def __iter__(self) -> Iterator["SeededBatch"]:
        return (SeededBatch(indices, self.seed) for indices in self.batch_sampler)

    def __len__(self) -> int:
        return len(self.batch_sampler)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.batch_sampler, name)


class SeededBatch(list):
    """Indices of a batch; iteration seeds the random generators of the process.

    A data loader iterates over them where it loads the samples.

    Args:
        indices (Iterable[int]): Indices of samples.
        seed (int): Seed of the epoch, 0 or more.
    """

    def __init__(self, indices=(), seed: int = 0) -> None:
        super().__init__(indices)
        self.seed = seed

    def __iter__(self) -> Iterator[int]:
        mixed = _mix(self.seed, *super().__iter__())
        random.seed(mixed)
        np.random.seed(mixed)
        torch.manual_seed(mixed)
        return super().__iter__()

    def __reduce__(self) -> tuple:
        """Pickle for a worker, without iteration, which would seed this process."""
        return type(self), (self[:], self.seed)


def _mix(*numbers: int) -> int:
    """A seed below 2^31 that depends on all numbers, each 0 or more."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0] >> 1)


def _start_worker(worker_id: int, **kwargs) -> None:
    """Seed a worker, and end it by SIGTERM only if its parent sends the signal.

    A scheduler sends SIGTERM to all processes of a job. The training process needs its
    workers to finish the iteration and save a checkpoint.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    threading.Thread(target=_exit_on_sigterm_of_parent, daemon=True).start()
    worker_init_fn(worker_id, **kwargs)


def _exit_on_sigterm_of_parent() -> None:
    while signal.sigwaitinfo([signal.SIGTERM]).si_pid != os.getppid():
        pass
    os._exit(0)
