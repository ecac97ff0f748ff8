"""Scatter plots of the trade-off, with Pareto fronts."""

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


class Quantity(NamedTuple):
    """A quantity on an axis.

    Args:
        label (str): Name and unit.
        value (Callable): Its value in a row.
        log (bool): Whether the axis is logarithmic. Defaults to True.
    """

    label: str
    value: Callable[[dict], float]
    log: bool = True


PARAMS = Quantity("parameters (M)", lambda row: row["params"] / 1e6)
MACS = Quantity("MACs of convolutions (G)", lambda row: row["conv_macs"] / 1e9)
MAP = Quantity("mAP@[.5:.95]", lambda row: row["mAP"], log=False)


def draw_tradeoff(table: Table) -> Figure:
    """Draw the variants and the Pareto front of each panel.

    If mAP is known, it is plotted over parameters, MACs and latency. Otherwise MACs
    stand for capacity, because accuracy grows with them (MobileNets, figure 4): the
    front has the most MACs for the parameters, or for the latency.

    Args:
        table (Table): Result of :func:`.sweep`.

    Returns:
        Figure: To be saved and closed by the caller.
    """
    rows = [row for row in table.rows if row["mAP"] is not None]
    gain, costs = MAP, [PARAMS, MACS]
    if not rows:
        rows, gain, costs = table.rows, MACS, [PARAMS]
    if table.document["plan"]:
        label = f"latency / latency of {table.document['reference']}"
        costs.append(Quantity(label, lambda row: row["relative_latency"]))
    size = 1.6 + 5.2 * len(costs), 5.0
    figure, axes = plt.subplots(
        1, len(costs), sharey=True, squeeze=False, figsize=size, layout="constrained"
    )
    for ax, cost in zip(axes[0], costs, strict=True):
        _draw_panel(ax, rows, cost, gain)
    axes[0][0].set_ylabel(gain.label)
    figure.legend(handles=_legend(rows), loc="outside right center", fontsize=8)
    return figure


def _draw_panel(ax: Axes, rows: Sequence[dict], cost: Quantity, gain: Quantity) -> None:
    x, y = [cost.value(row) for row in rows], [gain.value(row) for row in rows]
    for row, a, b in zip(rows, x, y, strict=True):
        style = dict(marker=MARKERS[row["scale"]], alpha=0.75, linewidths=0)
        colour = COLOURS.get(row["alpha"], OTHER)
        ax.scatter(a, b, 90 * row["rho"] ** 2, colour, **style)
    front = pareto_front(x, y)
    style = dict(color="black", marker="o", markerfacecolor="none", markersize=11)
    ax.plot([x[i] for i in front], [y[i] for i in front], **style, lw=1, zorder=0)
    ax.set_xscale("log")
    if gain.log:
        ax.set_yscale("log")
    for axis, quantity in ((ax.xaxis, cost), (ax.yaxis, gain)):
        if quantity.log:
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter(NullFormatter())
    ax.set_xlabel(cost.label)
    ax.grid(alpha=0.4, linewidth=0.5)


def _legend(rows: Sequence[dict]) -> list[Line2D]:
    """Legend of colours, markers, sizes, and the front."""

    def add(label: str, **style: object) -> None:
        style = dict(linestyle="", marker="o", color="grey", markersize=8) | style
        handles.append(Line2D([], [], label=label, **style))

    handles = []
    for alpha in dict.fromkeys(row["alpha"] for row in rows):
        name = "YOLO11's backbone" if alpha is None else f"MobileNetV1, α {alpha:g}"
        add(name, color=COLOURS.get(alpha, OTHER))
    for scale in dict.fromkeys(row["scale"] for row in rows):
        add(f"scale {scale}", marker=MARKERS[scale])
    for rho, size in dict.fromkeys((row["rho"], row["input"]) for row in rows):
        add(f"{size} px", markersize=9.5 * rho)
    front = dict(linestyle="-", color="black", markerfacecolor="none", markersize=9)
    add("Pareto front", **front)
    return handles
