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

#: A box is a second view of a better one if they share more of the smaller box.
SHARED = 0.6
#: Pixels from a tile's edge at which a box counts as cut.
MARGIN = 2


class TiledDetector:
    """Detector that also looks at tiles of a photo, which it sees at full size.

    The tiles are those of ``supervision.InferenceSlicer``. What several of them show, or
    a tile and the whole photo, is one detection: boxes that a tile's edge cuts rank
    below all others, and a box is dropped if a better one of its class has most of it.

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
        ranked = np.column_stack([found.xyxy, found.confidence - cut, found.class_id])
        if self.detector.nms.class_agnostic:
            ranked[:, 5] = 0
        kept = self._library.box_non_max_suppression(
            ranked, SHARED, overlap_metric=self._library.OverlapMetric.IOS
        )
        kept = np.flatnonzero(kept)
        kept = kept[np.argsort(-found.confidence[kept], kind="stable")]
        return Detections.from_supervision(found[kept], self.names)

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
