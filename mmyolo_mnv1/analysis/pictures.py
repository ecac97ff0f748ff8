"""Pictures of images with boxes, and of trainings."""

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib import pyplot as plt
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import get_box_tensor
from mmdet.visualization import DetLocalVisualizer

from ..evaluation.plot_style import literal_text
from ..files import atomic_write
from .tables import write_figure


class BoxDrawer:
    """Drawing of images with boxes and class names, each into a square cell.

    Args:
        classes (Sequence[str]): Class names by label.
        cell (int): Side of a cell in pixels. Defaults to 400.
    """

    def __init__(self, classes: Sequence[str], cell: int = 400) -> None:
        self.cell = cell
        self.visualizer = DetLocalVisualizer(name="boxes", alpha=0.9, line_width=2)
        tab10 = plt.get_cmap("tab10").colors
        colours = [tuple(round(255 * c) for c in colour) for colour in tab10]
        palette = [colours[label % len(colours)] for label in range(len(classes))]
        self.visualizer.dataset_meta = dict(classes=tuple(classes), palette=palette)

    def __call__(
        self, image: np.ndarray, sample: DetDataSample, score_thr: float | None = None
    ) -> np.ndarray:
        """Draw one cell, (cell, cell, 3) uint8 BGR.

        Args:
            image (np.ndarray): (H, W, 3) uint8 BGR.
            sample (DetDataSample): Boxes in pixels of ``image``.
            score_thr (float, optional): Draw the predictions above this score.
                Defaults to None, the ground truth.
        """
        zoom = self.cell / max(image.shape[:2])
        image = cv2.resize(image, None, fx=zoom, fy=zoom)
        truth = score_thr is None
        sample = sample.clone().cpu()
        instances = sample.gt_instances if truth else sample.pred_instances
        if "bboxes" in instances:
            instances.bboxes = get_box_tensor(instances.bboxes) * zoom
        with literal_text(self.visualizer.dataset_meta["classes"]):
            self.visualizer.add_datasample(
                "",
                image[..., ::-1],
                sample,
                draw_gt=truth,
                draw_pred=not truth,
                pred_score_thr=score_thr,
            )
            drawn = self.visualizer.get_image()[..., ::-1]
        canvas = np.full((self.cell, self.cell, 3), 255, np.uint8)
        canvas[: drawn.shape[0], : drawn.shape[1]] = drawn
        return canvas


def save_grid(cells: Sequence[np.ndarray], path: Path, columns: int) -> None:
    """Save cells as a grid, row by row; the rest of the last row is white.

    Args:
        cells (Sequence[np.ndarray]): (H, W, 3) uint8 BGR each, of one size.
        path (Path): PNG file.
        columns (int): Cells per row.
    """
    cells = [*cells, *[np.full_like(cells[0], 255)] * (-len(cells) % columns)]
    rows = [np.hstack(cells[i : i + columns]) for i in range(0, len(cells), columns)]
    with atomic_write(path) as temporary:
        cv2.imwrite(str(temporary), np.vstack(rows))


def draw_detections(
    samples: Sequence[DetDataSample],
    classes: Sequence[str],
    path: Path,
    score_thr: float = 0.3,
    columns: int = 4,
) -> None:
    """Save a grid of images with their predicted boxes, classes and scores.

    Args:
        samples (Sequence[DetDataSample]): Predictions with ``img_path``, boxes in
            pixels of the original image.
        classes (Sequence[str]): Class names by label.
        path (Path): PNG file.
        score_thr (float): Minimum score. Defaults to 0.3.
        columns (int): Images per row. Defaults to 4.
    """
    draw = BoxDrawer(classes)
    cells = [draw(cv2.imread(s.img_path), s, score_thr) for s in samples]
    save_grid(cells, path, columns)


def draw_training_curve(work_dir: Path, path: Path) -> None:
    """Save loss and mAP over epochs, from the scalars that MMEngine logged.

    All runs in ``work_dir`` are joined by time: a resumed training is one curve.

    Args:
        work_dir (Path): Work directory of the training.
        path (Path): PNG file.
    """
    losses: dict[float, float] = {}
    precisions: dict[float, tuple[float, float]] = {}
    for file in sorted(work_dir.glob("*/vis_data/scalars.json")):
        for line in file.read_text().splitlines():
            row = json.loads(line)
            if "loss" in row:
                losses[row["step"]] = row["loss"]
                iters_per_epoch = row["step"] / row["epoch"]
            elif "coco/bbox_mAP" in row:
                pair = row["coco/bbox_mAP"], row["coco/bbox_mAP_50"]
                precisions[row["step"]] = pair
    if not losses:
        return
    figure, left = plt.subplots(figsize=(8, 4.5), layout="constrained")
    iterations = sorted(losses)
    left.plot(
        [i / iters_per_epoch for i in iterations],
        [losses[i] for i in iterations],
        color="tab:blue",
    )
    left.set(xlabel="epoch", title="MobileNetV1-YOLO11: training")
    left.set_ylabel("training loss (sum over the batch)", color="tab:blue")
    right = left.twinx()
    epochs = sorted(precisions)
    for column, label, style in ((1, "mAP@50", "o-"), (0, "mAP@[.5:.95]", "s--")):
        values = [precisions[e][column] for e in epochs]
        right.plot(epochs, values, style, color="tab:orange", label=label)
    right.set_ylim(0, 1)
    right.set_ylabel("held-out mAP", color="tab:orange")
    right.legend(loc="lower right")
    write_figure(figure, path, dpi=120)
