"""Curves of a duel: val mAP by epoch and by training time."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from mmyolo_mnv1.analysis.tables import Table


def draw_curves(table: Table) -> Figure:
    """Draw the mean of val mAP over seeds, and a band from the worst to the best seed.

    Args:
        table (Table): Result of :func:`.duel.duel`.

    Returns:
        Figure: To be saved and closed by the caller.
    """
    figure, axes = plt.subplots(
        1, 2, figsize=(10, 4.2), sharey=True, layout="constrained"
    )
    for name, trainings in table.document["results"].items():
        epochs = sorted(trainings[0]["curve"])
        values = np.array(
            [
                [each["curve"][epoch]["val_mAP"] for epoch in epochs]
                for each in trainings
            ]
        )
        minutes = np.array(
            [
                np.cumsum(each["seconds"])[np.array(epochs) - 1] / 60
                for each in trainings
            ]
        )
        for ax, x in zip(axes, (epochs, minutes.mean(0)), strict=True):
            (line,) = ax.plot(x, values.mean(0), label=name, linewidth=1.6)
            ax.fill_between(
                x, values.min(0), values.max(0), color=line.get_color(), alpha=0.15
            )
    axes[0].set(xlabel="epoch", ylabel="val mAP@[.5:.95]")
    axes[1].set(xlabel="training time, minutes")
    axes[0].legend(fontsize=8, frameon=False)
    for ax in axes:
        ax.set_xlim(0)
        ax.set_ylim(0)
        ax.grid(alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    return figure
