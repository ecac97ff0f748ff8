"""Random numbers that follow from the epoch."""

import multiprocessing
import os
import random
import signal
import threading
from collections.abc import Sequence
from functools import partial
from multiprocessing.sharedctypes import Synchronized

import numpy as np
import torch
from mmengine.dataset import worker_init_fn
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import set_random_seed
from mmyolo.registry import HOOKS
from torch.utils.data import Dataset


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seeds every epoch from ``randomness.seed``, the epoch and the rank.

    And each batch of training data from that and from what is in it. Nothing about
    random generators then needs to be in a checkpoint: a resumed run augments as the
    uninterrupted one would have, with any number of workers. These need not be started
    again; forking a process that trains on a CPU costs it a copy of its memory.
    """

    def before_train(self, runner) -> None:
        """Have batches seeded, in this process or in workers."""
        loader = runner.train_dataloader
        self._seed = multiprocessing.Value("q", 0)  # workers see what is set later
        # PyTorch asks a dataset that has this for whole batches.
        loader.dataset.__getitems__ = partial(_load_batch, loader.dataset, self._seed)
        loader.worker_init_fn = partial(
            _start_worker, num_workers=loader.num_workers, rank=0, seed=runner.seed
        )

    def before_train_epoch(self, runner) -> None:
        """Seed this process, and the batches of the epoch."""
        seed = _mix(runner.seed, runner.epoch, get_rank())
        set_random_seed(seed)
        self._seed.value = seed


def _load_batch(dataset: Dataset, seed: Synchronized, indices: Sequence[int]) -> list:
    """Samples of a batch, with random numbers of its own."""
    mixed = _mix(seed.value, *indices)
    random.seed(mixed)
    np.random.seed(mixed)
    torch.manual_seed(mixed)
    return [dataset[index] for index in indices]


def _mix(*numbers: int) -> int:
    """A seed below 2^31 that depends on all of some numbers, 0 or more."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0] >> 1)


def _start_worker(worker_id: int, **kwargs) -> None:
    """Seed a worker, and have it end by SIGTERM only if its parent sends that.

    A scheduler sends SIGTERM to all processes of a job. Without its workers, the one
    that trains could not come to the end of an iteration and save.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    threading.Thread(target=_obey_parent, daemon=True).start()
    worker_init_fn(worker_id, **kwargs)


def _obey_parent() -> None:
    while signal.sigwaitinfo([signal.SIGTERM]).si_pid != os.getppid():
        pass
    os._exit(0)
