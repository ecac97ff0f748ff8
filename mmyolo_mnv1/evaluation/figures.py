"""Figures of an evaluation: curves, bars, confusion matrix."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

PR_TITLES = dict(
    iou_50="IoU 0.50", iou_75="IoU 0.75", iou_mean="mean of IoU 0.50 to 0.95"
)
#: Most classes that get their own colour and legend entry in a plot of curves.
MAX_NAMED = 10
#: Most classes whose counts are written into the confusion matrix.
MAX_COUNTED = 25
SIZE = (5.5, 4.6)  # inches


def draw_figures(report: dict) -> dict[str, Figure]:
    """Draw all figures but the crops.

    Args:
        report (dict): See :func:`.metrics.evaluate`.

    Returns:
        dict[str, Figure]: Figures by name; the caller saves and closes them.
    """
    pr_curves = {f"pr_{name}": _draw_pr(report, name) for name in PR_TITLES}
    return dict(
        class_ap=_draw_class_ap(report["classes"]),
        **pr_curves,
        scores=_draw_scores(report),
        confusion=_draw_confusion(report),
    )


def _draw_class_ap(rows: list[dict]) -> Figure:
    """Draw bars of AP50, AP75 and AP, the best class on top."""
    rows = sorted((r for r in rows if r["AP"] is not None), key=lambda r: r["AP"])
    height = 1.4 + 0.27 * max(len(rows), 4)
    figure, ax = plt.subplots(figsize=(SIZE[0], height), layout="constrained")
    places = range(len(rows))
    for column, colour in (("AP50", "#c6dbef"), ("AP75", "#6baed6"), ("AP", "#08519c")):
        ax.barh(places, [row[column] for row in rows], color=colour, label=column)
    for place, row in enumerate(rows):
        x = max(row["AP50"], row["AP"])
        ax.annotate(f"{row['AP']:.3f}", (x, place), (4, 0), **_BESIDE)
    ax.set_yticks(places, [row["name"] for row in rows])
    ax.set(xlim=(0, 1), ylim=(-0.6, len(rows) - 0.4))
    ax.spines[["top", "right"]].set_visible(False)
    figure.legend(*ax.get_legend_handles_labels(), ncols=3, loc="outside upper center")
    return figure


#: Style of a number to the right of a bar.
_BESIDE = dict(textcoords="offset points", va="center", fontsize=8)


def _draw_pr(report: dict, name: str) -> Figure:
    """Draw precision over recall: each class, and their mean."""
    figure, ax = plt.subplots(figsize=SIZE, layout="constrained")
    curves, recall = report["pr_curves"][name], report["pr_curves"]["recall"]
    named = len(curves["classes"]) <= MAX_NAMED
    for row, curve in zip(report["classes"], curves["classes"], strict=True):
        if curve:
            style = dict(label=f"{row['name']}  {np.mean(curve):.3f}")
            style = style if named else dict(color="0.75", linewidth=0.7)
            ax.plot(recall, curve, **style)
    label = f"mean  {np.mean(curves['mean']):.3f}"
    ax.plot(recall, curves["mean"], color="black", linewidth=2.5, label=label)
    ax.set(xlabel="recall", ylabel="precision", title=PR_TITLES[name])
    _set_unit_axes(ax)
    figure.legend(title="AP", fontsize=8, loc="outside right center")
    return figure


def _draw_scores(report: dict) -> Figure:
    """Draw precision, recall and F1 over the score threshold; mark the one in use."""
    figure, ax = plt.subplots(figsize=SIZE, layout="constrained")
    curves = {k: np.array(v, float) for k, v in report["score_curves"].items()}
    colours = dict(precision="C0", recall="C1", F1="black")
    for name, colour in colours.items():
        ax.plot(curves["score"], curves[name.lower()], color=colour, label=name)
    best = curves["f1"].argmax()
    score, f1 = curves["score"][best], curves["f1"][best]
    ax.plot(score, f1, "ko", label=f"best F1 {f1:.3f} at {score:.3f}")
    if report["score_thr"] != report["best_score_thr"]:
        label = f"threshold {report['score_thr']:g}"
        ax.axvline(report["score_thr"], color="0.4", linestyle="--", label=label)
    title = f"all classes, IoU ≥ {report['iou_thr']:.2f}"
    ax.set(xlabel="score threshold", title=title)
    _set_unit_axes(ax)
    ax.legend(fontsize=8)
    return figure


def _draw_confusion(report: dict) -> Figure:
    """Draw the confusion matrix, coloured by share of the row."""
    counts = np.array(report["confusion"])
    names = [*(row["name"] for row in report["classes"]), "background"]
    counted = len(names) <= MAX_COUNTED + 1
    side = 2.2 + (0.4 if counted else 0.15) * len(names)
    small = dict(fontsize=8 if counted else 6)
    figure, ax = plt.subplots(figsize=(side + 0.5, side), layout="constrained")
    shares = counts / counts.sum(1, keepdims=True).clip(1)
    picture = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(picture, label="share of the row", shrink=0.7)
    ax.set_xticks(range(len(names)), names, rotation=90, **small)
    ax.set_yticks(range(len(names)), names, **small)
    title = f"score ≥ {report['score_thr']:.3f}, IoU ≥ {report['iou_thr']:.2f}"
    ax.set(xlabel="predicted class", ylabel="true class", title=title)
    for row, column in np.argwhere(counts) if counted else ():
        colour = "white" if shares[row, column] > 0.5 else "black"
        style = dict(color=colour, ha="center", va="center", **small)
        ax.text(column, row, counts[row, column], **style)
    return figure


def _set_unit_axes(ax: Axes) -> None:
    ax.set(xlim=(0, 1), ylim=(0, 1.02))
    ax.grid(alpha=0.3)
