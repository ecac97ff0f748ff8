"""Detections in one image, and their conversion from and to other forms."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...errors import InputError
from .extras import import_extra

if TYPE_CHECKING:
    import supervision


class Detections(NamedTuple):
    """Detections in one image, best score first.

    Args:
        boxes (np.ndarray): (n, 4) float32: x1, y1, x2, y2 in pixels of the image.
        scores (np.ndarray): (n,) float32, from 0 to 1.
        labels (np.ndarray): (n,) int64.
        names (tuple[str, ...]): Class names of the n detections.
        ids (np.ndarray, optional): (n,) int64, the track of each, from 1; 0 without a
            track. Defaults to None: not tracked.
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    ids: np.ndarray | None = None

    @property
    def tracks(self) -> list[int]:
        """The n track numbers, from 1; 0 without a track."""
        return [0] * len(self.labels) if self.ids is None else self.ids.tolist()

    def take(self, index: np.ndarray) -> "Detections":
        """Select by an index array or a mask (n,)."""
        return Detections(
            self.boxes[index],
            self.scores[index],
            self.labels[index],
            tuple(np.array(self.names, object)[index]),
            None if self.ids is None else self.ids[index],
        )

    def to_supervision(self) -> "supervision.Detections":
        """Convert to :class:`supervision.Detections`; tracks become ``tracker_id``.

        Raises:
            InputError: If supervision is not installed.
        """
        library = import_extra("supervision", "to_supervision()")
        return library.Detections(
            xyxy=self.boxes,
            confidence=self.scores,
            class_id=self.labels,
            # supervision's number of a box without a track is -1
            tracker_id=None if self.ids is None else np.where(self.ids, self.ids, -1),
            data=dict(class_name=np.array(self.names, str)),
        )

    @classmethod
    def from_supervision(
        cls, found: "supervision.Detections", names: Sequence[str]
    ) -> "Detections":
        """Convert from :class:`supervision.Detections`, in the same order.

        Args:
            found (supervision.Detections): With ``class_id``; without ``confidence``
                every score is 1.
            names (Sequence[str]): Class names by label.

        Raises:
            InputError: If it has no ``class_id``.
        """
        if found.class_id is None:
            raise InputError("the detections have no class_id: set it")
        count, ids = len(found), found.tracker_id
        scores = np.ones(count) if found.confidence is None else found.confidence
        return cls(
            np.asarray(found.xyxy, np.float32).reshape(count, 4),
            np.asarray(scores, np.float32),
            np.asarray(found.class_id, np.int64),
            tuple(names[label] for label in found.class_id),
            None if ids is None else np.maximum(np.asarray(ids, np.int64), 0),
        )

    def to_coco(
        self, image_id: int, category_ids: Sequence[int] | None = None
    ) -> list[dict[str, Any]]:
        """Convert to COCO annotations with a ``score``, and ``track_id`` if tracked.

        Args:
            image_id (int): Id of the image.
            category_ids (Sequence[int], optional): Category id by label. Defaults to
                None: the label + 1.
        """
        sides = self.boxes[:, 2:] - self.boxes[:, :2]
        rows = np.hstack([self.boxes[:, :2], sides]).tolist()
        return [
            dict(
                image_id=image_id,
                category_id=category_ids[label] if category_ids else int(label) + 1,
                bbox=row,
                area=row[2] * row[3],
                score=float(score),
                iscrowd=0,
                **(dict(track_id=track) if track else {}),
            )
            for row, score, label, track in zip(
                rows, self.scores, self.labels, self.tracks, strict=True
            )
        ]

    @classmethod
    def from_coco(
        cls, annotations: Iterable[Mapping[str, Any]], categories: Mapping[int, str]
    ) -> "Detections":
        """Convert from the COCO annotations or results of one image.

        Args:
            annotations (Iterable[Mapping]): With ``bbox`` and ``category_id``; without
                a ``score`` it is 1.
            categories (Mapping[int, str]): Class names by category id; labels count
                them in this order, from 0.
        """
        rows = sorted(annotations, key=lambda row: -row.get("score", 1))
        boxes = np.array([row["bbox"] for row in rows], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        labels = {category: label for label, category in enumerate(categories)}
        tracked = any("track_id" in row for row in rows)
        ids = np.array([row.get("track_id", 0) for row in rows], np.int64)
        return cls(
            boxes,
            np.array([row.get("score", 1) for row in rows], np.float32),
            np.array([labels[row["category_id"]] for row in rows], np.int64),
            tuple(categories[row["category_id"]] for row in rows),
            ids if tracked else None,
        )
