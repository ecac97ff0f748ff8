"""Pytest plugin: files with long tests first, so that all processes end together."""

from collections import Counter

import pytest

#: Seconds of a test by mark, roughly; others take 0.5 s.
SECONDS = dict(slow=40, train=15)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the files by the time that their marks promise; each keeps its order."""
    seconds: Counter[str] = Counter()
    for item in items:
        marks = [SECONDS[m.name] for m in item.iter_markers() if m.name in SECONDS]
        seconds[item.nodeid.split("::")[0]] += max(marks, default=0.5)
    items.sort(key=lambda item: -seconds[item.nodeid.split("::")[0]])
