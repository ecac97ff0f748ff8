"""Pictures of images with boxes."""

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
