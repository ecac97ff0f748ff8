"""What detectors find against what they cost, as a picture."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from mmyolo_mnv1.errors import InputError


class Detector(NamedTuple):
    """A point of the picture.

    Args:
        name (str): Of the training.
        precisions (list[float]): Test mAP of each seed.
        macs (float): Of convolutions, in G.
        milliseconds (float): Of the network.
    """

    name: str
    precisions: list[float]
    macs: float
    milliseconds: float


def read_detectors(
    measured: Path, trained: Sequence[Path]
) -> tuple[list[Detector], str]:
    """Bring together what was trained and what was measured.

    Args:
        measured (Path): JSON of ``compare.py``.
        trained (Sequence[Path]): JSON of ``duel.py`` with its configs; of a training
            in several the first counts.

    Returns:
        tuple[list[Detector], str]: The detectors, and what the milliseconds are of.

    Raises:
        InputError: If a file is another one, or a config was not measured.
    """
    costs = _read(measured, "rows")
    backend = costs["plan"]["backends"][0]
    rows = {row["model"]: row for row in costs["rows"]}
    configs, results = {}, {}
    for path in trained:
        duel = _read(path, "results")
        configs = duel["configs"] | configs
        for name, runs in duel["results"].items():
            results.setdefault(name, runs)
    missing = sorted(set(configs.values()) - rows.keys())
    if missing:
        raise InputError(
            f"{measured} has no {', '.join(missing)}: give compare.py their configs"
        )
    detectors = []
    for name, runs in results.items():
        row = rows[configs[name]]
        found = [run["curve"][max(run["curve"], key=int)]["test_mAP"] for run in runs]
        milliseconds = row[f"{backend}_network_ms"]
        detectors.append(Detector(name, found, row["conv_macs"] / 1e9, milliseconds))
    return detectors, f"{backend}, {costs['plan']['threads']} threads"


def draw_costs(detectors: Sequence[Detector], backend: str) -> Figure:
    """Test mAP over MACs and over latency; whiskers from the worst seed to the best.

    Args:
        detectors (Sequence[Detector]): See :func:`read_detectors`.
        backend (str): What the latency is of.

    Returns:
        Figure: Still to be saved and closed.
    """
    figure, axes = plt.subplots(
        1, 2, figsize=(11, 4.4), sharey=True, layout="constrained"
    )
    for number, each in enumerate(detectors):
        mean = float(np.mean(each.precisions))
        whiskers = [
            [mean - min(each.precisions)],
            [max(each.precisions) - mean],
        ]
        for ax, x in zip(axes, (each.macs, each.milliseconds), strict=True):
            ax.errorbar(
                x,
                mean,
                yerr=whiskers,
                fmt="os^DvP*X"[number % 8],
                color=f"C{number % 10}",
                markersize=8,
                capsize=3,
                label=each.name,
            )
    axes[0].set(xlabel="MACs of convolutions (G)", ylabel="test mAP@[.5:.95]")
    axes[1].set(xlabel=f"latency (ms; {backend})")
    for ax in axes:
        ax.set_xlim(0)
        ax.grid(alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center")
    return figure


def _read(path: Path, key: str) -> dict:
    try:
        found = json.loads(path.read_text())
        found[key]
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise InputError(
            f"{path}: {e!r}: give the JSON of duel.py and that of compare.py"
        ) from None
    return found
