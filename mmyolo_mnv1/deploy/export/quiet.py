"""Silencing of other packages' loggers."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet(logger: logging.Logger, level: int = logging.ERROR) -> Iterator[None]:
    """Raise a logger's level for a block; restore it also after an error.

    Args:
        logger (logging.Logger): The logger.
        level (int): Lowest level that is still logged. Defaults to ``ERROR``.
    """
    previous = logger.level
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(previous)
