"""What surrounds the network, in NumPy and OpenCV: letterbox, threshold, NMS.

The same results as the test pipeline of a config and the head's post-processing; a
parity test holds them together.
"""

from typing import NamedTuple

import cv2
import numpy as np

from .metadata import NMS, Preprocessing

BLOCK = 128  # candidates that NMS compares with each other at once


class Letterboxed(NamedTuple):
    """An image as the network gets it, and the way back.

    Args:
        image (np.ndarray): (H, W, 3) uint8 BGR.
        scale (tuple[float, float]): Pixels of it for one of the photo, x and y.
        offset (tuple[int, int]): Left and top border in pixels.
        shape (tuple[int, int]): Height and width of the photo.
    """

    image: np.ndarray
    scale: tuple[float, float]
    offset: tuple[int, int]
    shape: tuple[int, int]

    def restore(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes (n, 4) in pixels of the image to pixels of the photo, float32."""
        offset = np.array(self.offset * 2, np.float32)
        return (boxes - offset) / np.array(self.scale * 2, np.float32)

    def clip(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes (n, 4) in pixels of the photo, cut at its edges, in place."""
        height, width = self.shape
        boxes[:, 0::2] = boxes[:, 0::2].clip(0, width)
        boxes[:, 1::2] = boxes[:, 1::2].clip(0, height)
        return boxes


def letterbox(
    photo: np.ndarray, shape: tuple[int, int], preprocessing: Preprocessing
) -> Letterboxed:
    """Resize with the aspect ratio kept, and pad; see :class:`.Letterbox`.

    The first step fits the photo, whichever way round, into ``shape``: enlarging is
    bilinear, shrinking averages areas. The second fits what is still too large, and,
    with ``scale_up``, too small.

    Args:
        photo (np.ndarray): (H, W, 3) uint8 BGR.
        shape (tuple[int, int]): Height and width wanted.
        preprocessing (Preprocessing): Border and ``scale_up``.
    """
    old = photo.shape[:2]
    ratio = min(max(shape) / max(old), min(shape) / min(old))
    image = _resize(
        photo,
        (max(int(old[0] * ratio), 1), max(int(old[1] * ratio), 1)),
        cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR,
    )
    first = image.shape[:2]
    ratio = min(shape[0] / first[0], shape[1] / first[1])
    if not preprocessing.scale_up:
        ratio = min(ratio, 1.0)
    size = round(first[0] * ratio), round(first[1] * ratio)
    image = _resize(image, size, cv2.INTER_LINEAR)
    height, width = shape[0] - size[0], shape[1] - size[1]
    top, left = round(height // 2 - 0.1), round(width // 2 - 0.1)
    if height or width:
        image = cv2.copyMakeBorder(
            image,
            *(top, height - top, left, width - left),
            cv2.BORDER_CONSTANT,
            value=(preprocessing.pad_value,) * 3,
        )
    # In two steps, as the transforms multiply them.
    scale = tuple(
        (second / middle) * (middle / photo_side)
        for second, middle, photo_side in zip(size, first, old, strict=True)
    )
    return Letterboxed(image, scale[::-1], (left, top), old)


def normalise(
    images: list[np.ndarray],
    preprocessing: Preprocessing,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Images of one size to the network's input.

    Args:
        images (list[np.ndarray]): (H, W, 3) uint8 BGR each.
        preprocessing (Preprocessing): Channels' order, mean and deviation.
        out (np.ndarray, optional): An earlier result, overwritten if it has the shape:
            new memory takes longer than the arithmetic. Defaults to None.

    Returns:
        np.ndarray: (N, 3, H, W) float32.
    """
    shape = len(images), 3, *images[0].shape[:2]
    if out is None or out.shape != shape:
        out = np.empty(shape, np.float32)
    order = -1 if preprocessing.color == "rgb" else 1
    for image, planes in zip(images, out, strict=True):
        for plane, values, mean, std in zip(
            planes,
            cv2.split(image)[::order],
            preprocessing.mean,
            preprocessing.std,
            strict=True,
        ):
            np.subtract(values, np.float32(mean), out=plane, dtype=np.float32)
            plane /= np.float32(std)
    return out


class Candidates(NamedTuple):
    """Boxes with a class each.

    Args:
        boxes (np.ndarray): (n, 4) x1, y1, x2, y2.
        scores (np.ndarray): (n,).
        labels (np.ndarray): (n,) int64.
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray

    def take(self, index: np.ndarray) -> "Candidates":
        """Those of an index or a mask."""
        return Candidates(*(array[index] for array in self))


def select(boxes: np.ndarray, scores: np.ndarray, nms: NMS) -> Candidates:
    """The priors that score high enough, best first.

    Args:
        boxes (np.ndarray): (priors, 4).
        scores (np.ndarray): (priors, classes).
        nms (NMS): Uses the score threshold, ``multi_label`` and ``max_candidates``.
    """
    if nms.multi_label:
        # Over the flat array: much quicker than over both axes.
        found = np.flatnonzero(scores.ravel() > nms.score_threshold)
        rows, labels = np.divmod(found, scores.shape[1])
    else:
        labels = scores.argmax(1)
        best = scores[np.arange(len(scores)), labels]
        rows = np.flatnonzero(best > nms.score_threshold)
        labels = labels[rows]
    values = scores[rows, labels]
    order = np.argsort(-values, kind="stable")[: nms.max_candidates]
    rows = rows[order]
    return Candidates(boxes[rows], values[order], labels[order])


def suppress(candidates: Candidates, nms: NMS) -> Candidates:
    """NMS class by class.

    Args:
        candidates (Candidates): Best first.
        nms (NMS): Uses the IoU threshold and ``max_detections``.

    Returns:
        Candidates: At most ``max_detections``, best first.
    """
    kept = np.zeros(0, np.int64)
    for start in range(0, len(candidates.labels), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(candidates.labels)))
        rows = rows[~_overlap(candidates, rows, kept, nms).any(1)]
        over = np.triu(_overlap(candidates, rows, rows, nms), 1)
        stays = np.ones(len(rows), bool)
        for row in np.flatnonzero(over.any(1)):
            if stays[row]:
                stays &= ~over[row]
        kept = np.concatenate([kept, rows[stays]])
        if len(kept) >= nms.max_detections:
            break
    return candidates.take(kept[: nms.max_detections])


def _overlap(
    candidates: Candidates, rows: np.ndarray, columns: np.ndarray, nms: NMS
) -> np.ndarray:
    """Whether boxes are of one class and overlap too much, (rows, columns)."""
    first, second = candidates.boxes[rows].T[..., None], candidates.boxes[columns].T
    width = np.minimum(first[2], second[2]) - np.maximum(first[0], second[0])
    height = np.minimum(first[3], second[3]) - np.maximum(first[1], second[1])
    shared = width.clip(0) * height.clip(0)
    union = _areas(first) + _areas(second) - shared
    with np.errstate(invalid="ignore"):  # boxes without an area stay
        over = shared / union > nms.iou_threshold
    return over & (candidates.labels[rows, None] == candidates.labels[None, columns])


def _areas(corners: np.ndarray) -> np.ndarray:
    """Areas of boxes whose corners go along the first axis."""
    return (corners[2] - corners[0]) * (corners[3] - corners[1])


def _resize(image: np.ndarray, size: tuple[int, int], interpolation: int) -> np.ndarray:
    """To height and width; the same array where it has them."""
    if image.shape[:2] == size:
        return image
    return cv2.resize(image, size[::-1], interpolation=interpolation)
