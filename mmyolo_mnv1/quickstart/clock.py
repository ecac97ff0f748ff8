"""Headings of steps on the console, and their seconds."""

import time


class Clock:
    """Names and start times of steps."""

    def __init__(self) -> None:
        self._starts: list[tuple[str, float]] = []

    def begin(self, name: str) -> None:
        """Print the name of a step; the step before ends."""
        print(f"\n== {name}", flush=True)
        self._starts.append((name, time.perf_counter()))

    def seconds(self) -> dict[str, float]:
        """Seconds of each step by its name; the last one ends now."""
        ends = [start for _, start in self._starts[1:]] + [time.perf_counter()]
        pairs = zip(self._starts, ends, strict=True)
        return {name: round(end - start, 1) for (name, start), end in pairs}
