"""Latency plans: interleaved rounds and their statistics."""

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from tqdm import tqdm

from ..deploy.runtime.engines import RunOptions
from ..errors import check_least
from .backends import check_backend

PAUSE = 0.05  # seconds before each run, until the threads of the last one are idle

Key = TypeVar("Key", bound=Hashable)


class LatencyPlan(NamedTuple):
    """Backends and rounds of a latency measurement.

    Args:
        backends (Sequence[str]): Keys of :data:`.BACKENDS`. Defaults to ("eager",).
        run_options (RunOptions): Device, precision, threads, all explicit. Defaults to
            the CPU in float32 with one thread.
        batch (int): Images per batch. Defaults to 1.
        rounds (int): Measured rounds. Defaults to 20.
        warmup (int): Rounds before them. Defaults to 3.
    """

    backends: Sequence[str] = ("eager",)
    run_options: RunOptions = RunOptions("cpu", threads=1)
    batch: int = 1
    rounds: int = 20
    warmup: int = 3

    def check(self) -> None:
        """Check that the plan can be executed on this machine.

        Raises:
            InputError: If a number is out of range or a backend cannot be used.
        """
        check_least(self.as_dict(), batch=1, rounds=1, warmup=0, threads=1)
        for name in self.backends:
            check_backend(name, self.run_options)

    def time(self, runs: Mapping[Key, Callable[[], float]]) -> dict[Key, list[float]]:
        """Measure in interleaved rounds, A B C, A B C, …, under equal conditions.

        Args:
            runs (Mapping): Measurements by name; each call returns milliseconds.

        Returns:
            dict[Key, list[float]]: Milliseconds of each measured round, by name.
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

    def rounds_note(self) -> str:
        """Describe the number of rounds for the notes below a table."""
        return f"{self.rounds} rounds after {self.warmup} of warm-up."

    def as_dict(self) -> dict:
        """Convert to a flat dictionary for JSON."""
        values = {**self._asdict(), **self.run_options._asdict()}
        return {key: v for key, v in values.items() if key != "run_options"}


def spread(name: str, values: Sequence[float]) -> dict[str, float]:
    """Median, and quartiles under ``<name>_low`` and ``<name>_high``."""
    low, median, high = np.percentile(values, [25, 50, 75]).round(4).tolist()
    return {name: median, f"{name}_low": low, f"{name}_high": high}


def compare_times(
    times: Sequence[float], reference: Sequence[float], batch: int = 1
) -> dict[str, Any]:
    """Summarise a network's times, compared with a reference in the same rounds.

    Args:
        times (Sequence[float]): Milliseconds of the network, by round.
        reference (Sequence[float]): Milliseconds of the reference, by round.
        batch (int): Images per batch. Defaults to 1.

    Returns:
        dict[str, Any]: ``network_ms`` and ``ratio`` (reference / network, by round:
        above 1 if the network is faster), both with quartiles; ``images_per_second``;
        ``network_ms_all``.
    """
    ratios = [a / b for a, b in zip(reference, times, strict=True)]
    summary = {**spread("network_ms", times), **spread("ratio", ratios)}
    summary["images_per_second"] = 1000 * batch / summary["network_ms"]
    summary["network_ms_all"] = [round(t, 3) for t in times]
    return summary
