"""Timing of several things against each other."""

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from tqdm import tqdm

from .backends import Setting, get_backend
from .machine import check_least

PAUSE = 0.05  # seconds before each run, for the threads of the one before to rest

Key = TypeVar("Key", bound=Hashable)


class Plan(NamedTuple):
    """What is to be timed, and how.

    Args:
        backends (Sequence[str]): Names. Defaults to ("eager",).
        setting (Setting): Device, precision, threads.
        batch (int): Images at once. Defaults to 1.
        rounds (int): Measured runs of each. Defaults to 20.
        warmup (int): Runs before. Defaults to 3.
    """

    backends: Sequence[str] = ("eager",)
    setting: Setting = Setting()
    batch: int = 1
    rounds: int = 20
    warmup: int = 3

    def check(self) -> None:
        """See to it that the plan can be carried out here.

        Raises:
            InputError: If a number is out of range or a backend cannot be used here.
        """
        check_least(self.describe(), batch=1, rounds=1, warmup=0, threads=1)
        for name in self.backends:
            get_backend(name, self.setting)

    def time(self, runs: Mapping[Key, Callable[[], float]]) -> dict[Key, list[float]]:
        """Time things in turn: A B C, A B C, … so that all see the same machine.

        Args:
            runs (Mapping): What to time, by name; each call gives its milliseconds.

        Returns:
            dict[Key, list[float]]: Milliseconds of each round, by name.
        """
        times = {name: [] for name in runs}
        rounds = range(-self.warmup, self.rounds)
        for number in tqdm(rounds, "rounds", disable=None):
            for name, run in runs.items():
                time.sleep(PAUSE)
                milliseconds = run()
                if number >= 0:
                    times[name].append(milliseconds)
        return times

    def describe(self) -> dict:
        """The plan as plain values."""
        described = {**self._asdict(), **self.setting._asdict()}
        return {key: v for key, v in described.items() if key != "setting"}


def spread(name: str, values: Sequence[float]) -> dict[str, float]:
    """Median, and quartiles under ``<name>_low`` and ``<name>_high``."""
    low, median, high = np.percentile(values, [25, 50, 75]).round(4).tolist()
    return {name: median, f"{name}_low": low, f"{name}_high": high}


def compare_times(
    times: Sequence[float], reference: Sequence[float], batch: int = 1
) -> dict[str, Any]:
    """Sum up a network's times.

    Args:
        times (Sequence[float]): Its milliseconds, round by round.
        reference (Sequence[float]): Another network's, in the same rounds.
        batch (int): Images at once. Defaults to 1.

    Returns:
        dict[str, Any]: ``network_ms``, ``ratio`` (reference / this, round by round:
        above 1 where this is faster), both with quartiles; ``images_per_second``;
        ``network_ms_all``.
    """
    ratios = [a / b for a, b in zip(reference, times, strict=True)]
    summary = {**spread("network_ms", times), **spread("ratio", ratios)}
    summary["images_per_second"] = 1000 * batch / summary["network_ms"]
    summary["network_ms_all"] = [round(t, 3) for t in times]
    return summary
