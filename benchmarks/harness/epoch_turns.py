"""Training loops of any trainer, run one epoch at a time."""

import time
from collections.abc import Callable, Iterator

import torch
from greenlet import getcurrent, greenlet


def in_turns(
    train: Callable[[Callable[[], None], Callable[[], None]], None], threads: int
) -> Iterator[float]:
    """Run one epoch of a trainer for each item requested.

    The trainer is a coroutine of the calling thread, not a thread: outside the main
    thread PyTorch trains with less than its number of threads.

    Args:
        train (Callable): Trains. It calls its first argument before each epoch, and is
            suspended in it until the epoch is requested, and its second one after it.
        threads (int): CPU threads of PyTorch, whatever the trainer sets.

    Yields:
        float: Seconds of the epoch.

    Raises:
        RuntimeError: If the training ends.
    """
    caller = getcurrent()
    started = 0.0

    def before() -> None:
        nonlocal started
        caller.switch(None)
        torch.set_num_threads(threads)
        started = time.perf_counter()

    def after() -> None:
        caller.switch(time.perf_counter() - started)

    def run() -> None:
        train(before, after)
        raise RuntimeError("training ended")

    trainer = greenlet(run)
    while True:
        if (seconds := trainer.switch()) is not None:
            yield seconds
