"""Running somebody's training loop an epoch at a time."""

import time
from collections.abc import Callable, Iterator

import torch
from greenlet import getcurrent, greenlet


def in_turns(
    train: Callable[[Callable[[], None], Callable[[], None]], None], threads: int
) -> Iterator[float]:
    """Let a trainer run one epoch for each item that is asked for.

    The trainer is a coroutine of the thread that asks, not a thread of its own: outside
    the main thread PyTorch trains with less than all of its threads.

    Args:
        train (Callable): Trains; calls its first argument before each epoch, where it
            is held until the epoch is asked for, and its second after it.
        threads (int): Of PyTorch, whatever the trainer sets.

    Yields:
        float: Seconds of the epoch.

    Raises:
        RuntimeError: If the training ends.
    """
    asking = getcurrent()
    started = 0.0

    def before() -> None:
        nonlocal started
        asking.switch(None)
        torch.set_num_threads(threads)
        started = time.perf_counter()

    def after() -> None:
        asking.switch(time.perf_counter() - started)

    def run() -> None:
        train(before, after)
        raise RuntimeError("training ended")

    trainer = greenlet(run)
    while True:
        if (seconds := trainer.switch()) is not None:
            yield seconds
