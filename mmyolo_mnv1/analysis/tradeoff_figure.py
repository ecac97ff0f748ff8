"""The trade-off as a picture."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from .tables import Table
from .tradeoff_variants import pareto_front

MARKERS = dict(n="o", s="s", m="D", l="^", x="P")
#: Colours by width multiplier; None is YOLO11's own backbone.
COLOURS = {None: "#444444", 1.0: "#0072b2", 0.75: "#009e73", 0.5: "#e69f00"}
OTHER = "#cc3311"


class Axis(NamedTuple):
    """A quantity that is plotted.

    Args:
        label (str): With its unit.
        value (Callable): Of a row.
        log (bool): Whether the axis is logarithmic. Defaults to True.
    """

    label: str
    value: Callable[[dict], float]
    log: bool = True


PARAMS = Axis("parameters (M)", lambda row: row["params"] / 1e6)
MACS = Axis("MACs of convolutions (G)", lambda row: row["conv_macs"] / 1e9)
MAP = Axis("mAP@[.5:.95]", lambda row: row["mAP"], log=False)


def draw_tradeoff(table: Table) -> Figure:
    """Points of the sweep with the Pareto front of each panel.

    Where mAP is known it is drawn over parameters, MACs and latency. Without it MACs
    stand for what a network can do, because accuracy grows with them (MobileNets,
    figure 4): the front is of the most MACs for the parameters, or for the time.

    Args:
        table (Table): Of :func:`.sweep.sweep`.

    Returns:
        Figure: Still to be saved and closed.
    """
    rows = [row for row in table.rows if row["mAP"] is not None]
    worth, costs = MAP, [PARAMS, MACS]
    if not rows:
        rows, worth, costs = table.rows, MACS, [PARAMS]
    if table.document["plan"]:
        label = f"latency / latency of {table.document['reference']}"
        costs.append(Axis(label, lambda row: row["relative_latency"]))
    figure, axes = plt.subplots(
        1,
        len(costs),
        figsize=(1.6 + 5.2 * len(costs), 5.0),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for ax, cost in zip(axes[0], costs, strict=True):
        _draw_panel(ax, rows, cost, worth)
    axes[0][0].set_ylabel(worth.label)
    figure.legend(handles=_legend(rows), loc="outside right center", fontsize=8)
    return figure


def _draw_panel(ax: Axes, rows: Sequence[dict], cost: Axis, worth: Axis) -> None:
    x, y = [cost.value(row) for row in rows], [worth.value(row) for row in rows]
    for row, a, b in zip(rows, x, y, strict=True):
        ax.scatter(
            a,
            b,
            s=90 * row["rho"] ** 2,
            marker=MARKERS[row["scale"]],
            color=_colour(row),
            alpha=0.75,
            linewidths=0,
        )
    front = pareto_front(x, y)
    ax.plot(
        [x[i] for i in front],
        [y[i] for i in front],
        color="black",
        linewidth=1,
        marker="o",
        markersize=11,
        markerfacecolor="none",
        zorder=0,
    )
    ax.set_xscale("log")
    if worth.log:
        ax.set_yscale("log")
    for axis, quantity in ((ax.xaxis, cost), (ax.yaxis, worth)):
        if quantity.log:
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter(NullFormatter())
    ax.set_xlabel(cost.label)
    ax.grid(alpha=0.4, linewidth=0.5)


def _colour(row: dict) -> str:
    return COLOURS.get(row["alpha"], OTHER)


def _legend(rows: Sequence[dict]) -> list[Line2D]:
    """What colour, marker and size mean."""

    def dot(label: str, marker: str = "o", color: str = "grey", size: float = 8):
        return Line2D(
            [],
            [],
            linestyle="",
            marker=marker,
            color=color,
            markersize=size,
            label=label,
        )

    handles = []
    for alpha in dict.fromkeys(row["alpha"] for row in rows):
        name = "YOLO11's backbone" if alpha is None else f"MobileNetV1, α {alpha:g}"
        handles.append(dot(name, color=COLOURS.get(alpha, OTHER)))
    for scale in dict.fromkeys(row["scale"] for row in rows):
        handles.append(dot(f"scale {scale}", MARKERS[scale]))
    for rho, size in dict.fromkeys((row["rho"], row["input"]) for row in rows):
        handles.append(dot(f"{size} px", size=9.5 * rho))
    front = Line2D(
        [],
        [],
        color="black",
        marker="o",
        markerfacecolor="none",
        markersize=9,
        label="Pareto front",
    )
    return [*handles, front]
