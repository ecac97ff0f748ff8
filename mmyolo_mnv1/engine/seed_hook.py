"""Random numbers that follow from the epoch."""

import os
import signal
import threading
from functools import partial

import numpy as np
from mmengine.dataset import worker_init_fn
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import set_random_seed
from mmyolo.registry import HOOKS


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seeds every epoch anew, from ``randomness.seed``, the epoch and the rank.

    Nothing about random generators then needs to be in a checkpoint: a resumed run
    augments as the uninterrupted one would have. Workers that load data are started
    with each epoch, persistent or not; they would otherwise keep generators that no
    checkpoint knows, or, restarted by MMEngine, have the same numbers in every epoch.
    """

    def before_train_epoch(self, runner) -> None:
        """Seed this process, and what its data loader starts."""
        loader = runner.train_dataloader
        sequence = np.random.SeedSequence([runner.seed, runner.epoch, get_rank()])
        seed = int(sequence.generate_state(1)[0] >> 1)  # room for the workers' numbers
        set_random_seed(seed)
        loader.worker_init_fn = partial(
            _start_worker, num_workers=loader.num_workers, rank=0, seed=seed
        )
        loader._iterator = None


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
