"""Draw test mAP over MACs and over latency: plot_results COSTS.json DUEL.json …."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from mmyolo_mnv1.analysis.tables import write_figure
from mmyolo_mnv1.errors import InputError


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measured", type=Path, help="JSON of compare.py")
    parser.add_argument(
        "trained", type=Path, nargs="+", help="JSON of duel.py, same configs"
    )
    parser.add_argument("--out", type=Path, default=Path("work_dirs/results.png"))
    args = parser.parse_args(argv)
    points, backend = read_points(args.measured, args.trained)
    write_figure(draw_points(points, backend), args.out)


class ResultPoint(NamedTuple):
    """A trained detector in the picture.

    Args:
        name (str): Name of the training.
        precisions (list[float]): Test mAP of each seed.
        macs (float): MACs of its convolutions, in G.
        milliseconds (float): Latency of its network.
    """

    name: str
    precisions: list[float]
    macs: float
    milliseconds: float


def read_points(
    measured: Path, trained: Sequence[Path]
) -> tuple[list[ResultPoint], str]:
    """Combine the results of trainings with measured costs.

    Args:
        measured (Path): JSON of ``compare.py``.
        trained (Sequence[Path]): JSON files of ``duel.py`` with its configs; the first
            result of each name counts.

    Returns:
        tuple[list[ResultPoint], str]: The detectors, and the backend of the latency.

    Raises:
        InputError: If a file has another content, or a config was not measured.
    """
    costs = read_document(measured, "rows")
    backend = costs["plan"]["backends"][0]
    rows = {row["model"]: row for row in costs["rows"]}
    configs, results = {}, {}
    for path in trained:
        duel = read_document(path, "results")
        configs = duel["configs"] | configs
        for name, trainings in duel["results"].items():
            results.setdefault(name, trainings)
    missing = sorted(set(configs.values()) - rows.keys())
    if missing:
        raise InputError(
            f"{measured} has no {', '.join(missing)}: give compare.py their configs"
        )
    points = []
    for name, trainings in results.items():
        row = rows[configs[name]]
        last = [each["curve"][max(each["curve"], key=int)] for each in trainings]
        precisions = [metrics["test_mAP"] for metrics in last]
        cost = row["conv_macs"] / 1e9, row[f"{backend}_network_ms"]
        points.append(ResultPoint(name, precisions, *cost))
    return points, f"{backend}, {costs['plan']['threads']} threads"


def draw_points(points: Sequence[ResultPoint], backend: str) -> Figure:
    """Draw the mean of test mAP, with whiskers from the worst to the best seed.

    Args:
        points (Sequence[ResultPoint]): See :func:`read_points`.
        backend (str): Backend of the latency.

    Returns:
        Figure: To be saved and closed by the caller.
    """
    figure, axes = plt.subplots(
        1, 2, figsize=(11, 4.4), sharey=True, layout="constrained"
    )
    for number, point in enumerate(points):
        mean = float(np.mean(point.precisions))
        whiskers = [[mean - min(point.precisions)], [max(point.precisions) - mean]]
        for ax, x in zip(axes, (point.macs, point.milliseconds), strict=True):
            ax.errorbar(
                x,
                mean,
                yerr=whiskers,
                fmt="os^DvP*X"[number % 8],
                color=f"C{number % 10}",
                markersize=8,
                capsize=3,
                label=point.name,
            )
    axes[0].set(xlabel="MACs of convolutions (G)", ylabel="test mAP@[.5:.95]")
    axes[1].set(xlabel=f"latency (ms; {backend})")
    for ax in axes:
        ax.set_xlim(0)
        ax.grid(alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center")
    return figure


def read_document(path: Path, key: str) -> dict:
    """Read the JSON file of a benchmark.

    Args:
        path (Path): The file.
        key (str): A key that it must have.

    Raises:
        InputError: If it cannot be read or lacks the key.
    """
    try:
        document = json.loads(path.read_text())
        document[key]
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise InputError(
            f"{path}: {e!r}: give the JSON of duel.py and that of compare.py"
        ) from None
    return document


if __name__ == "__main__":
    sys.exit(main())
