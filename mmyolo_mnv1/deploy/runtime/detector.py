"""Detection with an exported model, without torch or OpenMMLab."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...errors import InputError
from .engines import Engine, load_engine
from .metadata import NMS
from .processing import Candidates, Letterboxed, letterbox, normalise, select, suppress


class Detections(NamedTuple):
    """What is found in an image, best first.

    Args:
        boxes (np.ndarray): (n, 4) float32: x1, y1, x2, y2 in pixels of the image.
        scores (np.ndarray): (n,) float32, from 0 to 1.
        labels (np.ndarray): (n,) int64.
        names (tuple[str, ...]): Of the n classes.
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]


class Detector:
    """A detector from an exported model.

    Args:
        model (str, Path or Engine): File of ``tools/deploy/export.py``: ``.onnx``,
            ``.xml``, ``.ncnn.param`` or ``.torchscript``.
        score_threshold (float, optional): Scores must be above it. Defaults to None,
            the config's.
        iou_threshold (float, optional): Of the NMS. Defaults to None, the config's.
        max_detections (int, optional): In an image. Defaults to None, the config's.
        shape (tuple[int, int], optional): Height and width in which images are looked
            at, by a dynamic model. Defaults to None, the config's.
        threads (int, optional): Of the CPU. Defaults to None, the runtime's choice.

    Raises:
        InputError: If the model cannot be loaded, a number is out of range, or what is
            asked is fixed in the graph.
    """

    def __init__(
        self,
        model: str | Path | Engine,
        score_threshold: float | None = None,
        iou_threshold: float | None = None,
        max_detections: int | None = None,
        shape: tuple[int, int] | None = None,
        threads: int | None = None,
    ) -> None:
        engine = model if isinstance(model, Engine) else load_engine(model, threads)
        self.engine = engine
        self.metadata = engine.metadata
        #: Class names by label.
        self.names = self.metadata.names
        changes = dict(
            score_threshold=score_threshold,
            iou_threshold=iou_threshold,
            max_detections=max_detections,
        )
        changes = {name: v for name, v in changes.items() if v is not None}
        self.nms = self.metadata.nms._replace(**changes)
        _check(self.nms)
        if self.metadata.form == "nms":
            self._check_fixed()
        self._inputs: np.ndarray | None = None  # memory, used again
        self.shape = tuple(shape or self.metadata.input_shape)
        if self.shape != self.metadata.input_shape:
            self._check_shape()

    def __call__(self, photo: np.ndarray) -> Detections:
        """Detect in one image, (H, W, 3) uint8 BGR."""
        return self.detect([photo])[0]

    def detect(self, photos: Sequence[np.ndarray]) -> list[Detections]:
        """Detect in several images, which a dynamic model looks at together.

        Args:
            photos (Sequence[np.ndarray]): (H, W, 3) uint8 BGR each, of any sizes.
        """
        step = len(photos) if self.engine.batched and self.metadata.dynamic else 1
        found = []
        for start in range(0, len(photos), step or 1):
            boxed = [
                letterbox(photo, self.shape, self.metadata.preprocessing)
                for photo in photos[start : start + step]
            ]
            found += self._detect(boxed)
        return found

    def _detect(self, boxed: list[Letterboxed]) -> list[Detections]:
        images = [each.image for each in boxed]
        how = self.metadata.preprocessing
        self._inputs = normalise(images, how, self._inputs)
        outputs = self.engine.run(self._inputs)
        read = dict(raw=self._suppress, nms=self._read)[self.metadata.form]
        return [
            self._named(read(each, *output))
            for each, *output in zip(boxed, *outputs, strict=True)
        ]

    def _suppress(
        self, boxed: Letterboxed, boxes: np.ndarray, scores: np.ndarray
    ) -> Candidates:
        found = select(boxes, scores, self.nms)
        found = suppress(found._replace(boxes=boxed.restore(found.boxes)), self.nms)
        return found._replace(boxes=boxed.clip(found.boxes))

    def _read(self, boxed: Letterboxed, rows: np.ndarray) -> Candidates:
        """Rows of the NMS in the graph."""
        rows = rows[rows[:, 4] > self.nms.score_threshold][: self.nms.max_detections]
        boxes = boxed.clip(boxed.restore(rows[:, :4]))
        return Candidates(boxes, rows[:, 4], rows[:, 5].astype(np.int64))

    def _named(self, found: Candidates) -> Detections:
        return Detections(*found, tuple(self.names[label] for label in found.labels))

    def _check_fixed(self) -> None:
        fixed = self.metadata.nms
        if (
            self.nms.iou_threshold != fixed.iou_threshold
            or self.nms.score_threshold < fixed.score_threshold
            or self.nms.max_detections > fixed.max_detections
        ):
            raise InputError(
                f"the NMS in the graph has {_told(fixed)}, {_told(self.nms)} is asked: "
                "export with --nms none"
            )

    def _check_shape(self) -> None:
        stride = max(self.metadata.strides)
        if not self.metadata.dynamic:
            raise InputError(
                f"shape {self.shape}: the model's is {self.metadata.input_shape} and "
                "fixed: export with --dynamic"
            )
        if len(self.shape) != 2 or any(s <= 0 or s % stride for s in self.shape):
            raise InputError(
                f"shape {self.shape}: give height and width in multiples of {stride}"
            )


def _check(nms: NMS) -> None:
    for name in ("score_threshold", "iou_threshold"):
        if not 0 <= getattr(nms, name) <= 1:
            raise InputError(f"{name} {getattr(nms, name)}: give a number from 0 to 1")
    if nms.max_detections < 1:
        raise InputError(f"max_detections {nms.max_detections}: give 1 or more")


def _told(nms: NMS) -> str:
    return (
        f"scores above {nms.score_threshold}, IoU {nms.iou_threshold}, "
        f"{nms.max_detections} detections"
    )
