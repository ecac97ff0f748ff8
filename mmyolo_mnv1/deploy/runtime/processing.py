"""Pre- and post-processing in NumPy and OpenCV: letterbox, score threshold, NMS.

Same results as a config's test pipeline and the head's post-processing; a parity test
compares them.
"""

from typing import NamedTuple

import cv2
import numpy as np

from .metadata import NMS, Preprocessing

BLOCK = 128  # candidates that NMS compares at once


class LetterboxedImage(NamedTuple):
    """A letterboxed photo, and the geometry of its letterbox.

    Args:
        image (np.ndarray): (H, W, 3) uint8 BGR.
        scale (tuple[float, float]): Scale factors in x and y, image over photo.
        offset (tuple[int, int]): Left and top border in pixels.
        shape (tuple[int, int]): Height and width of the photo in pixels.
    """

    image: np.ndarray
    scale: tuple[float, float]
    offset: tuple[int, int]
    shape: tuple[int, int]

    def restore(self, boxes: np.ndarray) -> np.ndarray:
        """Map boxes (n, 4) from pixels of the image to pixels of the photo, float32."""
        offset = np.array(self.offset * 2, np.float32)
        return (boxes - offset) / np.array(self.scale * 2, np.float32)

    def clip(self, boxes: np.ndarray) -> np.ndarray:
        """Clip boxes (n, 4) to the photo, in pixels of the photo, in place."""
        height, width = self.shape
        boxes[:, 0::2] = boxes[:, 0::2].clip(0, width)
        boxes[:, 1::2] = boxes[:, 1::2].clip(0, height)
        return boxes


def letterbox(
    photo: np.ndarray, shape: tuple[int, int], preprocessing: Preprocessing
) -> LetterboxedImage:
    """Resize with the aspect ratio kept, and pad, as the transform ``Letterbox`` does.

    The first step scales the longer side to the longer side of ``shape`` at most, and
    the shorter one likewise: bilinear if it enlarges, by area averaging if it reduces.
    The second step reduces an image that is still too large, and enlarges one that is
    too small if ``scale_up`` is set.

    Args:
        photo (np.ndarray): (H, W, 3) uint8 BGR.
        shape (tuple[int, int]): Height and width of the result in pixels.
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
    size = max(round(first[0] * ratio), 1), max(round(first[1] * ratio), 1)
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
    # Two factors, multiplied in the order of the transforms: same rounding.
    scale = tuple(
        (second / middle) * (middle / photo_side)
        for second, middle, photo_side in zip(size, first, old, strict=True)
    )
    return LetterboxedImage(image, scale[::-1], (left, top), old)


def normalise(
    images: list[np.ndarray],
    preprocessing: Preprocessing,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Convert images of one size to the network's input.

    Args:
        images (list[np.ndarray]): (H, W, 3) uint8 BGR each.
        preprocessing (Preprocessing): Channel order, mean and standard deviation.
        out (np.ndarray, optional): Earlier result to overwrite if its shape fits:
            allocation takes longer than the arithmetic. Defaults to None.

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
    """Boxes with one class each.

    Args:
        boxes (np.ndarray): (n, 4) x1, y1, x2, y2.
        scores (np.ndarray): (n,).
        labels (np.ndarray): (n,) int64.
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray

    def take(self, index: np.ndarray) -> "Candidates":
        """Select by an index array or a mask."""
        return Candidates(*(array[index] for array in self))


def select(boxes: np.ndarray, scores: np.ndarray, nms: NMS) -> Candidates:
    """Select the priors above the score threshold, best score first.

    Args:
        boxes (np.ndarray): (priors, 4).
        scores (np.ndarray): (priors, classes).
        nms (NMS): Uses the score threshold, ``multi_label`` and ``max_candidates``.
    """
    if nms.multi_label:
        # Flat search: much faster than np.nonzero over two axes.
        index = np.flatnonzero(scores.ravel() > nms.score_threshold)
        rows, labels = np.divmod(index, scores.shape[1])
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
    """Apply NMS, class-wise or class-agnostic.

    Args:
        candidates (Candidates): Best score first.
        nms (NMS): Uses the IoU threshold, ``max_detections`` and ``class_agnostic``.

    Returns:
        Candidates: At most ``max_detections``, best score first.
    """
    if nms.is_off:
        return candidates.take(slice(nms.max_detections))
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
    """Whether pairs exceed the IoU threshold, in one class or any, (rows, columns)."""
    first, second = candidates.boxes[rows].T[..., None], candidates.boxes[columns].T
    width = np.minimum(first[2], second[2]) - np.maximum(first[0], second[0])
    height = np.minimum(first[3], second[3]) - np.maximum(first[1], second[1])
    shared = width.clip(0) * height.clip(0)
    union = _areas(first) + _areas(second) - shared
    with np.errstate(invalid="ignore"):  # boxes without area are kept
        over = shared / union > nms.iou_threshold
    if nms.class_agnostic:
        return over
    return over & (candidates.labels[rows, None] == candidates.labels[None, columns])


def _areas(corners: np.ndarray) -> np.ndarray:
    """Areas of boxes (4, …), corners along the first axis."""
    return (corners[2] - corners[0]) * (corners[3] - corners[1])


def _resize(image: np.ndarray, size: tuple[int, int], interpolation: int) -> np.ndarray:
    """Resize to (height, width); return the same array if it has this size."""
    if image.shape[:2] == size:
        return image
    return cv2.resize(image, size[::-1], interpolation=interpolation)
