"""Detection of small objects: in overlapping tiles and in the whole photo."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...errors import InputError
from .detections import Detections
from .detector import Detector
from .extras import import_extra

if TYPE_CHECKING:
    import supervision

#: IoU from which two boxes are views of one object.
SAME = 0.5
#: Part of a box cut by a tile's edge from which another box shows the same object.
PART = 0.6
#: Pixels from a tile's edge at which a box counts as cut.
MARGIN = 2


class TiledDetector:
    """Detector that also looks at tiles of a photo, which it sees at full size.

    The tiles are those of ``supervision.InferenceSlicer``. Views of one object in
    several tiles, or in a tile and in the whole photo, become one detection by NMS. A
    box that a tile's edge cuts remains only if no other box has most of it.

    Args:
        detector (Detector): Detector of one image.
        tile (int): Side of the tiles in pixels of the photo. Defaults to 640.
        overlap (float): Part of a tile that the next one repeats, from 0 to 0.9.
            Objects up to this size are whole in a tile. Defaults to 0.2.

    Raises:
        InputError: If a number is out of range, or supervision is not installed.
    """

    def __init__(
        self, detector: Detector, tile: int = 640, overlap: float = 0.2
    ) -> None:
        if tile < 32:
            raise InputError(f"--tile {tile}: give 32 px or more")
        if not 0 <= overlap <= 0.9:
            raise InputError(f"--overlap {overlap}: give a number from 0 to 0.9")
        self.detector, self.names, self.tile = detector, detector.names, tile
        self.takes_batches = detector.takes_batches
        self._library = import_extra("supervision", "--tile")
        self._slicer = self._library.InferenceSlicer(
            self._detect_tiles if self.takes_batches else self._detect_tile,
            slice_wh=tile,
            overlap_wh=round(tile * overlap),
            overlap_filter="none",
            batch_size=4 if self.takes_batches else 1,
        )

    def __call__(self, photo: np.ndarray) -> Detections:
        """Detect objects in one image; see :meth:`detect`."""
        return self.detect([photo])[0]

    def detect(self, photos: Sequence[np.ndarray]) -> list[Detections]:
        """Detect objects in several images; see :meth:`.Detector.detect`."""
        return [
            whole
            if max(photo.shape[:2]) <= self.tile
            else self._add_tiles(photo, whole)
            for photo, whole in zip(photos, self.detector.detect(photos), strict=True)
        ]

    def _add_tiles(self, photo: np.ndarray, whole: Detections) -> Detections:
        parts = self._slicer(photo)
        whole = whole.to_supervision()
        whole.data["edges"] = np.zeros((len(whole), 4), bool)
        found = self._library.Detections.merge([whole, parts])
        if not len(found):
            return Detections.from_supervision(whole, self.names)
        # An edge of a tile cuts nothing where the photo ends.
        height, width = photo.shape[:2]
        x1, y1, x2, y2 = found.xyxy.T
        inside = np.stack([x1 > 1, y1 > 1, x2 < width - 1, y2 < height - 1], 1)
        cut = (found.data["edges"] & inside).any(1)
        labels = found.class_id * (not self.detector.nms.class_agnostic)
        kept = self._merge(found.xyxy, found.confidence, labels, cut)
        return Detections.from_supervision(found[kept], self.names)

    def _merge(
        self, boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, cut: np.ndarray
    ) -> np.ndarray:
        """Indices of the boxes that remain, best score first."""
        metric = self._library.OverlapMetric
        rows = np.column_stack([boxes, scores, labels])
        suppress = self._library.box_non_max_suppression
        whole = np.flatnonzero(~cut)
        whole = whole[suppress(rows[whole], SAME, metric.IOU)]
        parts = np.flatnonzero(cut)
        seen = _share(boxes[parts], boxes[whole]) > PART
        seen &= labels[parts, None] == labels[whole]
        parts = parts[~seen.any(1)]
        parts = parts[suppress(rows[parts], PART, metric.IOS)]
        kept = np.concatenate([whole, parts])
        return kept[np.argsort(-scores[kept], kind="stable")]

    def _detect_tile(self, tile: np.ndarray) -> "supervision.Detections":
        return self._detect_tiles([tile])[0]

    def _detect_tiles(self, tiles: list[np.ndarray]) -> list["supervision.Detections"]:
        results = []
        for tile, found in zip(tiles, self.detector.detect(tiles), strict=True):
            height, width = tile.shape[:2]
            x1, y1, x2, y2 = found.boxes.T
            result = found.to_supervision()
            result.data["edges"] = np.stack(
                [x1 < MARGIN, y1 < MARGIN, x2 > width - MARGIN, y2 > height - MARGIN], 1
            )
            results.append(result)
        return results


def _share(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Part of each of n boxes that lies in each of m others, (n, m)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return (high - low).clip(0).prod(2) / areas.clip(1e-6)[:, None]
