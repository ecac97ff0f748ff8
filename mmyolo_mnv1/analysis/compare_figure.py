"""Bar charts of the headline table and of the table of formats."""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .tables import Table


class Panel(NamedTuple):
    """One quantity of every model.

    Args:
        title (str): Quantity and unit.
        values (list[float]): Lengths of the bars.
        labels (list[str]): Labels of the bars.
        whiskers (list[list[float]], optional): Lengths below and above the values.
    """

    title: str
    values: list[float]
    labels: list[str]
    whiskers: list[list[float]] | None = None


def draw_comparison(table: Table) -> Figure:
    """Draw parameters, FLOPs, latency and mAP as bars, one per model.

    Whiskers show the quartiles of latencies.

    Args:
        table (Table): Result of :func:`.compare_models`.

    Returns:
        Figure: To be saved and closed by the caller.
    """
    rows = table.rows
    panels = [
        _counts("parameters (M)", [row["params"] / 1e6 for row in rows]),
        _counts("FLOPs of convolutions (G)", [row["conv_flops"] / 1e9 for row in rows]),
    ]
    panels += [_latency(name, rows) for name in table.document["plan"]["backends"]]
    if any(row["mAP"] is not None for row in rows):
        panels.append(_mean_precision(rows))
    return _draw([row["model"] for row in rows], panels)


def draw_formats(table: Table) -> Figure:
    """Draw size, mAP and latency of the formats that were measured.

    Args:
        table (Table): Result of :func:`.benchmark_formats`.

    Returns:
        Figure: To be saved and closed by the caller.
    """
    rows = [row for row in table.rows if "problem" not in row]
    sizes = [row.get("megabytes", 0) for row in rows]
    panels = [
        Panel("size (MB)", sizes, [f"{size:.3g}" if size else "" for size in sizes]),
        _mean_precision(rows),
        _latency("photo", rows),
    ]
    return _draw([f"{row['format']} {row['precision']}" for row in rows], panels)


def _draw(names: Sequence[str], panels: Sequence[Panel]) -> Figure:
    size = 2.2 + 2.7 * len(panels), 1.1 + 0.5 * len(names)
    figure, axes = plt.subplots(
        1, len(panels), sharey=True, squeeze=False, figsize=size, layout="constrained"
    )
    for ax, panel in zip(axes[0], panels, strict=True):
        _draw_bars(ax, names, panel)
    axes[0][0].invert_yaxis()  # first model on top
    return figure


def _counts(title: str, values: list[float]) -> Panel:
    labels = [_label(value, values[0] / value) for value in values]
    return Panel(title, values, labels)


def _latency(name: str, rows: Sequence[dict]) -> Panel:
    key = f"{name}_network_ms"
    values = [row[key] for row in rows]
    labels = [_label(row[key], row[f"{name}_ratio"]) for row in rows]
    whiskers = [
        [row[key] - row[f"{key}_low"] for row in rows],
        [row[f"{key}_high"] - row[key] for row in rows],
    ]
    return Panel(f"{name} (ms)", values, labels, whiskers)


def _mean_precision(rows: Sequence[dict]) -> Panel:
    values = [row["mAP"] for row in rows]
    labels = ["not given" if v is None else f"{v:.3f}" for v in values]
    return Panel("mAP@[.5:.95]", [value or 0 for value in values], labels)


def _draw_bars(ax: Axes, names: Sequence[str], panel: Panel) -> None:
    colours = [f"C{number % 10}" for number in range(len(names))]
    bars = ax.barh(names, panel.values, 0.65, color=colours, xerr=panel.whiskers)
    ax.bar_label(bars, panel.labels, padding=4, fontsize=8)
    ax.set_title(panel.title, fontsize=10)
    ax.set_xlim(0, 1.6 * (max(panel.values) or 1))  # room for the labels
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.tick_params(labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)


def _label(value: float, ratio: float) -> str:
    """Value, and the quotient of the first model's value and this one."""
    return f"{value:.3g}" if ratio == 1 else f"{value:.3g}  (÷ {ratio:.2f})"
