"""Detection with an exported model, without torch or OpenMMLab."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ...errors import InputError, check_sides
from .engines import Engine, RunOptions, load_engine
from .metadata import NMS
from .processing import (
    Candidates,
    LetterboxedImage,
    letterbox,
    normalise,
    select,
    suppress,
)


class Detections(NamedTuple):
    """Detections in one image, best score first.

    Args:
        boxes (np.ndarray): (n, 4) float32: x1, y1, x2, y2 in pixels of the image.
        scores (np.ndarray): (n,) float32, from 0 to 1.
        labels (np.ndarray): (n,) int64.
        names (tuple[str, ...]): Class names of the n detections.
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]


class Detector:
    """Object detector that runs an exported model.

    Several threads may use one detector at the same time, with every engine.

    Args:
        model (str, Path or Engine): File written by ``tools/deploy/export.py``:
            ``.onnx``, ``.xml``, ``.ncnn.param`` or ``.torchscript``.
        score_threshold (float, optional): Scores must exceed it, from 0 to 1. Defaults
            to None, the config's.
        iou_threshold (float, optional): IoU threshold of NMS, from 0 to 1. Defaults to
            None, the config's.
        max_detections (int, optional): Detections per image. Defaults to None, the
            config's.
        shape (tuple[int, int], optional): Input height and width of a dynamic model in
            pixels. Defaults to None, the config's.
        threads (int, optional): CPU threads. Defaults to None, the runtime's choice.

    Raises:
        InputError: If the model cannot be loaded, a number is out of range, or a
            setting is fixed in the graph.
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
        if isinstance(model, Engine):
            self.engine = model
        else:
            self.engine = load_engine(model, RunOptions(threads=threads))
        self.metadata = self.engine.metadata
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
            self._check_nms_of_graph()
        self._buffers = threading.local()  # input of each thread, reused
        self.shape = tuple(shape or self.metadata.input_shape)
        if self.shape != self.metadata.input_shape:
            self._check_shape()

    def __call__(self, photo: np.ndarray) -> Detections:
        """Detect objects in one image; see :meth:`detect`."""
        return self.detect([photo])[0]

    def detect(self, photos: Sequence[np.ndarray]) -> list[Detections]:
        """Detect objects in several images; a dynamic model takes them as one batch.

        Args:
            photos (Sequence[np.ndarray]): uint8 images of any sizes: (H, W, 3) BGR,
                (H, W, 4) BGRA, whose alpha is dropped, or (H, W) grey.

        Raises:
            InputError: If one is no such array.
        """
        photos = [_to_bgr(photo) for photo in photos]
        step = len(photos) if self.engine.batched and self.metadata.dynamic else 1
        detections = []
        for start in range(0, len(photos), step or 1):
            batch = [
                letterbox(photo, self.shape, self.metadata.preprocessing)
                for photo in photos[start : start + step]
            ]
            detections += self._detect(batch)
        return detections

    def _detect(self, batch: list[LetterboxedImage]) -> list[Detections]:
        images = [each.image for each in batch]
        buffer = getattr(self._buffers, "inputs", None)
        inputs = normalise(images, self.metadata.preprocessing, buffer)
        self._buffers.inputs = inputs
        outputs = self.engine.run(inputs)
        read = dict(raw=self._read_raw, nms=self._read_nms)[self.metadata.form]
        return [
            self._add_names(read(image, *output))
            for image, *output in zip(batch, *outputs, strict=True)
        ]

    def _read_raw(
        self, image: LetterboxedImage, boxes: np.ndarray, scores: np.ndarray
    ) -> Candidates:
        """Select and suppress boxes (priors, 4) with scores (priors, classes)."""
        candidates = select(boxes, scores, self.nms)
        restored = candidates._replace(boxes=image.restore(candidates.boxes))
        kept = suppress(restored, self.nms)
        return kept._replace(boxes=image.clip(kept.boxes))

    def _read_nms(self, image: LetterboxedImage, rows: np.ndarray) -> Candidates:
        """Read the rows (n, 6) that NMS in the graph returned."""
        rows = rows[rows[:, 4] > self.nms.score_threshold][: self.nms.max_detections]
        boxes = image.clip(image.restore(rows[:, :4]))
        return Candidates(boxes, rows[:, 4], rows[:, 5].astype(np.int64))

    def _add_names(self, kept: Candidates) -> Detections:
        return Detections(*kept, tuple(self.names[label] for label in kept.labels))

    def _check_nms_of_graph(self) -> None:
        fixed = self.metadata.nms
        if (
            self.nms.iou_threshold != fixed.iou_threshold
            or self.nms.score_threshold < fixed.score_threshold
            or self.nms.max_detections > fixed.max_detections
        ):
            raise InputError(
                f"the NMS in the graph has {_describe(fixed)}, "
                f"{_describe(self.nms)} is asked: export with --nms none"
            )

    def _check_shape(self) -> None:
        if not self.metadata.dynamic:
            raise InputError(
                f"shape {self.shape}: the model's is {self.metadata.input_shape} and "
                "fixed: export with --dynamic"
            )
        check_sides(f"shape {self.shape}", self.shape, max(self.metadata.strides))


def _check(nms: NMS) -> None:
    for name in ("score_threshold", "iou_threshold"):
        if not 0 <= getattr(nms, name) <= 1:
            raise InputError(f"{name} {getattr(nms, name)}: give a number from 0 to 1")
    if nms.max_detections < 1:
        raise InputError(f"max_detections {nms.max_detections}: give 1 or more")


def _describe(nms: NMS) -> str:
    return (
        f"scores above {nms.score_threshold}, IoU {nms.iou_threshold}, "
        f"{nms.max_detections} detections"
    )


def _to_bgr(photo: np.ndarray) -> np.ndarray:
    """Convert a grey or BGRA image to BGR.

    Raises:
        InputError: If it is no uint8 image.
    """
    if not isinstance(photo, np.ndarray):
        given = type(photo).__name__
        if photo is None:
            given += ", as cv2.imread returns for a file that it cannot read"
    elif photo.dtype != np.uint8:
        given = f"an array of {photo.dtype}; convert it to 0..255 in uint8"
    elif photo.size and photo.ndim == 2:
        return cv2.cvtColor(photo, cv2.COLOR_GRAY2BGR)
    elif photo.size and photo.ndim == 3 and photo.shape[2] == 1:
        return cv2.cvtColor(photo[..., 0], cv2.COLOR_GRAY2BGR)
    elif photo.size and photo.ndim == 3 and photo.shape[2] == 4:
        return cv2.cvtColor(photo, cv2.COLOR_BGRA2BGR)
    elif photo.size and photo.ndim == 3 and photo.shape[2] == 3:
        return photo
    else:
        given = f"an array of shape {photo.shape}"
    raise InputError(
        f"photo is {given}: give a uint8 array (H, W, 3) BGR, (H, W, 4) BGRA or (H, W)"
    )
