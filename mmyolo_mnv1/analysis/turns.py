"""Running somebody's training loop an epoch at a time."""

import queue
import threading
import time
from collections.abc import Callable, Iterator

import torch


def in_turns(
    train: Callable[[Callable[[], None], Callable[[], None]], None], threads: int
) -> Iterator[float]:
    """Let a trainer run one epoch for each item that is asked for.

    Args:
        train (Callable): Trains; calls its first argument before each epoch, where it
            is held until the epoch is asked for, and its second after it.
        threads (int): Of PyTorch, whatever the trainer sets.

    Yields:
        float: Seconds of the epoch.

    Raises:
        RuntimeError: If the training ends.
    """
    go, done = queue.Queue(), queue.Queue()
    started = 0.0

    def before() -> None:
        nonlocal started
        go.get()
        torch.set_num_threads(threads)
        started = time.perf_counter()

    def after() -> None:
        done.put(time.perf_counter() - started)

    def run() -> None:
        try:
            train(before, after)
            done.put(RuntimeError("training ended"))
        except BaseException as e:
            done.put(e)

    threading.Thread(target=run, daemon=True).start()
    while True:
        go.put(None)
        result = done.get()
        if isinstance(result, BaseException):
            raise result
        yield result
