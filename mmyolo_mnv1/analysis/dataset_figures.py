"""Statistics of data sets as pictures."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..evaluation.plot_style import literal_text
from .dataset_analysis import LARGE, SMALL, DatasetStats, class_names
from .tables import write_figure

BINS = 40
#: Quantities of boxes, from widths and heights (n, 2).
SIDES = {
    "width": lambda sizes: sizes[:, 0],
    "height": lambda sizes: sizes[:, 1],
    "√(width × height)": lambda sizes: np.sqrt(sizes.prod(1)),
}
#: Style of small text below the top of the axes.
LINE = dict(
    xycoords=("data", "axes fraction"),
    textcoords="offset points",
    xytext=(0, -11),
    ha="center",
    fontsize=8,
)


def draw_stats(stats: Sequence[DatasetStats], out: Path) -> list[Path]:
    """Save ``classes.png``, ``box_sizes.png`` and ``boxes_per_image.png``.

    Args:
        stats (Sequence[DatasetStats]): Statistics to compare.
        out (Path): Output folder.

    Returns:
        list[Path]: The pictures.
    """
    paths = []
    with literal_text(class_names(stats)):
        for name, figure in draw_figures(stats).items():
            paths.append(out / f"{name}.png")
            write_figure(figure, paths[-1], dpi=110)
    return paths


def draw_figures(stats: Sequence[DatasetStats]) -> dict[str, Figure]:
    """Draw the figures by name, to be saved and closed by the caller."""
    return dict(
        classes=_draw_classes(stats),
        box_sizes=_draw_sizes(stats),
        boxes_per_image=_draw_per_image(stats),
    )


def _draw_classes(stats: Sequence[DatasetStats]) -> Figure:
    """Draw bars with counts, most frequent class on top; one column per data set."""
    totals = {
        name: sum(s.per_class.get(name, 0) for s in stats)
        for name in class_names(stats)
    }
    names = sorted(totals, key=totals.get)
    size = 2 + 3.5 * len(stats), 1.4 + 0.22 * max(len(names), 4)
    figure, axes = plt.subplots(
        1, len(stats), sharey=True, squeeze=False, figsize=size, layout="constrained"
    )
    for number, (s, ax) in enumerate(zip(stats, axes[0], strict=True)):
        counts = [s.per_class.get(name, 0) for name in names]
        bars = ax.barh(names, counts, color=f"C{number}")
        ax.bar_label(bars, [f"{count:,}" for count in counts], padding=3, fontsize=8)
        ax.set(xlabel="boxes", title=f"{s.name}: {len(s.labels):,} boxes")
        ax.set_xlim(0, 1.2 * max(*counts, 1))  # room for the counts
        ax.set_ylim(-0.6, len(names) - 0.4)
        ax.tick_params(labelsize=8)
        _add_grid(ax, "x")
    return figure


def _draw_sizes(stats: Sequence[DatasetStats]) -> Figure:
    """Draw histograms of the boxes' sides, in the original image and at the input."""
    rows = [("in the photo", [(s, s.sizes) for s in stats])]
    if inputs := [(s, s.sizes * s.zooms[:, None]) for s in stats if s.input_size]:
        width, height = inputs[0][0].input_size
        rows.append((f"at {width} × {height} input", inputs))
    size = 14, 0.6 + 3.4 * len(rows)
    figure, axes = plt.subplots(
        len(rows), 3, sharex=True, squeeze=False, figsize=size, layout="constrained"
    )
    every = np.concatenate([sizes.ravel() for _, row in rows for _, sizes in row])
    low, high = (every.min(), every.max()) if len(every) else (1, 1)
    bins = np.geomspace(0.9 * low, 1.1 * high, BINS + 1)
    for (place, row), line in zip(rows, axes, strict=True):
        for (quantity, side), ax in zip(SIDES.items(), line, strict=True):
            for number, (s, sizes) in enumerate(row):
                _add_histogram(ax, side(sizes), bins, s.name, f"C{number}")
            ax.set_xscale("log", base=2)
            ax.xaxis.set_major_formatter("{x:g}")
            ax.tick_params(labelbottom=True)
            ax.set(xlabel=f"{quantity} {place} (px)", ylabel="boxes (%)")
            _add_grid(ax, "both")
    _add_bands(axes[0][2], stats)
    axes[0][0].legend()
    return figure


def _draw_per_image(stats: Sequence[DatasetStats]) -> Figure:
    """Draw the share of images by number of boxes; the last bar has the top 1 %."""
    figure, ax = plt.subplots(figsize=(9, 4.5), layout="constrained")
    last = max(math.ceil(np.percentile(s.per_image, 99)) for s in stats)
    step = math.ceil((last + 1) / 60)  # 60 bars at most
    bins = np.arange(0, last + step + 1, step) - 0.5
    for number, s in enumerate(stats):
        label = (
            f"{s.name}: {len(s.per_image):,} images, "
            f"median {np.median(s.per_image):g}, most {s.per_image.max()}"
        )
        _add_histogram(ax, s.per_image.clip(max=last), bins, label, f"C{number}")
    xlabel = f"boxes in an image (last bar: {bins[-2] + 0.5:g} or more)"
    ax.set(xlabel=xlabel, ylabel="images (%)", xlim=(bins[0], bins[-1]))
    ax.legend()
    _add_grid(ax, "both")
    return figure


def _add_histogram(
    ax: Axes, values: np.ndarray, bins: np.ndarray, label: str, colour: str
) -> None:
    """Draw the share of the values in each bin, in percent."""
    weights = np.full(len(values), 100 / max(len(values), 1))
    label = label.lstrip("_")  # Matplotlib hides labels that begin with one
    style = dict(bins=bins, weights=weights, histtype="stepfilled", color=colour)
    ax.hist(values, **style, alpha=0.15)
    ax.hist(values, **style | dict(histtype="step"), linewidth=1.5, label=label)


def _add_bands(ax: Axes, stats: Sequence[DatasetStats]) -> None:
    """Mark small, medium and large, with the share of the boxes in each."""
    for border in (SMALL, LARGE):
        ax.axvline(border, color="0.3", linestyle="--", linewidth=1)
    ax.set_title(f"COCO's bands, borders at {SMALL} and {LARGE} px", fontsize=10)
    left, right = ax.get_xlim()
    left, right = min(left, SMALL / 2), max(right, LARGE * 2)
    ax.set_xlim(left, right)
    edges = np.log2([left, SMALL, LARGE, right])
    top = ax.get_ylim()[1]
    ax.set_ylim(0, top * (1.12 + 0.07 * len(stats)))
    for centre, band in zip((edges[:-1] + edges[1:]) / 2, stats[0].bands, strict=True):
        ax.annotate(band, (2**centre, 1), **LINE)
        for number, s in enumerate(stats):
            share = 100 * s.bands[band] / max(len(s.labels), 1)
            position = dict(xytext=(0, -11 * (number + 2)), color=f"C{number}")
            ax.annotate(f"{share:.0f} %", (2**centre, 1), **LINE | position)


def _add_grid(ax: Axes, axis: str) -> None:
    ax.grid(axis=axis, alpha=0.3)
    ax.set_axisbelow(True)
