"""Ctrl-C and SIGTERM: a wait ends at once, work on an image is completed first."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

Item = TypeVar("Item")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """State of the signals while they are handled; a second one raises at once."""

    def __init__(self) -> None:
        self._waiting = self._received = False

    def until(self, items: Iterator[Item]) -> Iterator[Item]:
        """Yield the items until a signal arrives.

        Raises:
            KeyboardInterrupt: At a signal, between two items.
        """
        end = object()
        while True:
            self._waiting = True
            if self._received:
                raise KeyboardInterrupt
            item = next(items, end)
            self._waiting = False
            if item is end:
                return
            yield item

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Signal handler."""
        if self._waiting or self._received:
            raise KeyboardInterrupt
        self._received = True


@contextmanager
def handled_interrupts() -> Iterator[Interrupts]:
    """Handle Ctrl-C and SIGTERM in the main thread; elsewhere Python's way stays."""
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    before = {number: signal.signal(number, interrupts.handle) for number in SIGNALS}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
