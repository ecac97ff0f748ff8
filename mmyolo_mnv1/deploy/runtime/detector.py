"""Detection with an exported model, without torch or OpenMMLab."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from ...errors import InputError, check_sides
from .choice import thresholds_by_label
from .detections import Detections
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
        threads (int, optional): CPU threads. Defaults to None: ``OMP_NUM_THREADS``, or
            else the runtime's choice.
        class_thresholds (Mapping[str, float], optional): Score thresholds by class
            name, in place of ``score_threshold``. Defaults to None.
        classes (Sequence[str], optional): Names of the classes to detect. Defaults to
            None, all.
        class_agnostic (bool): Whether NMS also drops boxes of another class than the
            better box. Defaults to False.

    Raises:
        InputError: If the model cannot be loaded or has no such class, a number is out
            of range, or a setting is fixed in the graph.
    """

    def __init__(
        self,
        model: str | Path | Engine,
        score_threshold: float | None = None,
        iou_threshold: float | None = None,
        max_detections: int | None = None,
        shape: tuple[int, int] | None = None,
        threads: int | None = None,
        class_thresholds: Mapping[str, float] | None = None,
        classes: Sequence[str] | None = None,
        class_agnostic: bool = False,
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
            class_agnostic=class_agnostic or None,
        )
        changes = {name: v for name, v in changes.items() if v is not None}
        self.nms = self.metadata.nms._replace(**changes)
        _check(self.nms)
        thresholds = thresholds_by_label(
            self.names, self.nms.score_threshold, class_thresholds or {}, classes
        )
        self.nms = self.nms._replace(score_threshold=min(thresholds))
        self._thresholds = np.array(thresholds, np.float32)
        if self.metadata.form == "nms":
            self._check_nms_of_graph()
        #: Whether several images are processed at once.
        self.takes_batches = self.engine.batched and self.metadata.dynamic
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
        step = len(photos) if self.takes_batches else 1
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
        candidates = candidates.take(self._are_chosen(*candidates[1:]))
        restored = candidates._replace(boxes=image.restore(candidates.boxes))
        kept = suppress(restored, self.nms)
        return kept._replace(boxes=image.clip(kept.boxes))

    def _read_nms(self, image: LetterboxedImage, rows: np.ndarray) -> Candidates:
        """Read the rows (n, 6) that NMS in the graph returned."""
        rows = rows[self._are_chosen(rows[:, 4], rows[:, 5].astype(np.int64))]
        rows = rows[: self.nms.max_detections]
        boxes = image.clip(image.restore(rows[:, :4]))
        return Candidates(boxes, rows[:, 4], rows[:, 5].astype(np.int64))

    def _are_chosen(self, scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Whether scores (n,) exceed the thresholds of their labels (n,)."""
        return scores > self._thresholds[labels]

    def _add_names(self, kept: Candidates) -> Detections:
        return Detections(*kept, tuple(self.names[label] for label in kept.labels))

    def _check_nms_of_graph(self) -> None:
        fixed = self.metadata.nms
        if (
            self.nms.iou_threshold != fixed.iou_threshold
            or self.nms.score_threshold < fixed.score_threshold
            or self.nms.max_detections > fixed.max_detections
            or self.nms.class_agnostic != fixed.class_agnostic
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
        f"{nms.max_detections} detections" + ", class-agnostic" * nms.class_agnostic
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
