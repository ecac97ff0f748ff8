"""Pytest plugin: run slow test files first, to balance the worker processes."""

from collections import Counter
from pathlib import Path

import pytest

#: Estimated seconds per test by mark; a test without a mark counts 0.5 s.
SECONDS = dict(slow=40, train=15)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the files by estimated duration; keep the order of tests within a file."""
    seconds: Counter[Path] = Counter()
    for item in items:
        marks = [SECONDS[m.name] for m in item.iter_markers() if m.name in SECONDS]
        seconds[item.path] += max(marks, default=0.5)
    items.sort(key=lambda item: -seconds[item.path])
