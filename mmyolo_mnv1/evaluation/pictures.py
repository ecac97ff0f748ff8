"""Pictures of images with boxes, and grids of them."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib import pyplot as plt
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import get_box_tensor
from mmdet.visualization import DetLocalVisualizer

from ..deploy.runtime.detections import Detections
from ..deploy.runtime.drawing import draw
from ..files import atomic_write
from .plot_style import literal_text


class BoxDrawer:
    """Drawing of images with annotated boxes and class names, each a square cell.

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

    def __call__(self, image: np.ndarray, sample: DetDataSample) -> np.ndarray:
        """Draw one cell, (cell, cell, 3) uint8 BGR.

        Args:
            image (np.ndarray): (H, W, 3) uint8 BGR.
            sample (DetDataSample): Boxes in pixels of ``image``.
        """
        image, zoom = _fit(image, self.cell)
        sample = sample.clone().cpu()
        if "bboxes" in sample.gt_instances:
            boxes = get_box_tensor(sample.gt_instances.bboxes)
            sample.gt_instances.bboxes = boxes * zoom
        with literal_text(self.visualizer.dataset_meta["classes"]):
            self.visualizer.add_datasample(
                "", image[..., ::-1], sample, draw_gt=True, draw_pred=False
            )
            drawn = self.visualizer.get_image()[..., ::-1]
        return _pad(drawn, self.cell)


def detections_cell(
    image: np.ndarray, sample: DetDataSample, classes: Sequence[str], cell: int = 400
) -> np.ndarray:
    """Draw detections above a score of 0.3, (cell, cell, 3) uint8 BGR.

    Args:
        image (np.ndarray): (H, W, 3) uint8 BGR.
        sample (DetDataSample): Predictions in pixels of ``image``.
        classes (Sequence[str]): Class names by label.
        cell (int): Side of the cell in pixels. Defaults to 400.
    """
    image, zoom = _fit(image, cell)
    found = sample.pred_instances.cpu().numpy()
    found = found[found.scores > 0.3]
    names = tuple(classes[label] for label in found.labels)
    detections = Detections(found.bboxes * zoom, found.scores, found.labels, names)
    return _pad(draw(image, detections), cell)


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


def _fit(image: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """Scale the longer side of an image to ``side``; returns it with the factor."""
    zoom = side / max(image.shape[:2])
    height, width = (max(round(zoom * length), 1) for length in image.shape[:2])
    return cv2.resize(image, (width, height)), zoom


def _pad(image: np.ndarray, side: int) -> np.ndarray:
    """Put an image on a white square."""
    canvas = np.full((side, side, 3), 255, np.uint8)
    canvas[: image.shape[0], : image.shape[1]] = image[:side, :side]
    return canvas
