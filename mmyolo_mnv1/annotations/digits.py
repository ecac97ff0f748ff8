"""Default dataset: scans of handwritten digits on photos, made without a network.

The scans are scikit-learn's (8 x 8 px, from the UCI ML repository), the photos are
scikit-image's. The same seed gives the same bytes.
"""

import math
from pathlib import Path

import cv2
import numpy as np
from skimage import data as photos
from sklearn.datasets import load_digits

from ..errors import InputError
from ..files import atomic_folder, write_json
from .coco import add_box, coco_dict

CLASSES = tuple("0123456789")
#: Photos of each split, without a common one.
TRAIN_PHOTOS = ("astronaut", "chelsea", "rocket", "grass", "brick", "retina")
VAL_PHOTOS = ("coffee", "hubble_deep_field", "gravel", "camera")
DIGITS_PER_IMAGE = (3, 8)
DIGIT_HEIGHT = (0.12, 0.30)  # of the image side
MAX_OVERLAP = 0.15  # of the smaller box
MAX_ROTATION = 20.0  # degrees
MIN_CONTRAST = 90.0  # grey levels between a digit and its background

Xywh = tuple[int, int, int, int]  # left, top, width, height in pixels


def make_digits(
    out: Path,
    num_train: int = 400,
    num_val: int = 100,
    size: int = 320,
    seed: int = 0,
) -> bool:
    """Write the dataset as COCO JSON and JPEG files, unless it exists.

    ``out`` gets ``annotations/{train,val}.json``, ``train/`` and ``val/``. The two
    splits share neither photos nor scans. The folder is written atomically.

    Args:
        out (Path): Folder to write.
        num_train (int): Number of training images. Defaults to 400.
        num_val (int): Number of validation images. Defaults to 100.
        size (int): Side of the square images in pixels. Defaults to 320.
        seed (int): Random seed. Defaults to 0.

    Returns:
        bool: False if ``out`` holds the same dataset already.

    Raises:
        InputError: If a number is out of range, ``out`` holds something else, or it
            cannot be written.
    """
    if num_train < 1 or num_val < 1 or size < 64:
        raise InputError(
            f"digits: train {num_train}, val {num_val}, size {size}: "
            "at least 1 image a split and 64 pixels are needed"
        )
    info = dict(num_train=num_train, num_val=num_val, size=size, seed=seed)
    stamp = out / "annotations" / f"digits-{num_train}-{num_val}-{size}-{seed}"
    if stamp.exists():
        return False
    if out.exists():
        raise InputError(
            f"{out} exists and was not made with {info}: remove it or choose another"
        )
    scans, labels = load_digits(return_X_y=True)
    # The scans are in the order of their writers: the last fifth is of other writers.
    cut = len(scans) * 4 // 5
    splits = dict(
        train=(TRAIN_PHOTOS, slice(cut), num_train),
        val=(VAL_PHOTOS, slice(cut, None), num_val),
    )
    with atomic_folder(out) as folder:
        for number, (split, (names, part, count)) in enumerate(splits.items()):
            backgrounds = [_load_photo(name) for name in names]
            coco = coco_dict(CLASSES, info)
            (folder / split).mkdir()
            for index in range(count):
                rng = np.random.default_rng((seed, number, index))
                image = _background(backgrounds, size, rng)
                boxes = _place_digits(image, scans[part], labels[part], rng)
                _add_image(coco, image, boxes, folder / split / f"{index:06d}.jpg")
            write_json(coco, folder / "annotations" / f"{split}.json")
        (folder / "annotations" / stamp.name).touch()
    return True


def _add_image(
    coco: dict, image: np.ndarray, boxes: list[tuple[int, Xywh]], path: Path
) -> None:
    """Write an image as JPEG and add it to a COCO document."""
    if not cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 92]):
        raise InputError(f"{path} cannot be written: is the disk full?")
    image_id, (height, width) = len(coco["images"]) + 1, image.shape[:2]
    coco["images"].append(
        dict(id=image_id, file_name=path.name, width=width, height=height)
    )
    for label, xywh in boxes:
        add_box(coco, image_id, label + 1, xywh)


def _load_photo(name: str) -> np.ndarray:
    """Photo of scikit-image as (H, W, 3) uint8 BGR."""
    photo = getattr(photos, name)()
    code = cv2.COLOR_GRAY2BGR if photo.ndim == 2 else cv2.COLOR_RGB2BGR
    return cv2.cvtColor(photo, code)


def _background(
    photos_bgr: list[np.ndarray], size: int, rng: np.random.Generator
) -> np.ndarray:
    """Random square crop of a photo, flipped, brightness scaled, (size, size, 3)."""
    photo = photos_bgr[rng.integers(len(photos_bgr))]
    side = int(min(photo.shape[:2]) * rng.uniform(0.4, 1.0))
    y = rng.integers(photo.shape[0] - side + 1)
    x = rng.integers(photo.shape[1] - side + 1)
    crop = cv2.resize(
        photo[y : y + side, x : x + side], (size, size), interpolation=cv2.INTER_AREA
    )
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    return np.clip(crop * rng.uniform(0.7, 1.1), 0, 255).astype(np.uint8)


def _place_digits(
    image: np.ndarray,
    scans: np.ndarray,
    labels: np.ndarray,
    rng: np.random.Generator,
) -> list[tuple[int, Xywh]]:
    """Draw digits into ``image``; return their labels and boxes."""
    size = image.shape[0]
    placed: list[tuple[int, Xywh]] = []
    for _ in range(rng.integers(DIGITS_PER_IMAGE[0], DIGITS_PER_IMAGE[1] + 1)):
        index = rng.integers(len(scans))
        mask = _digit_mask(
            scans[index].reshape(8, 8),
            size * math.exp(rng.uniform(*np.log(DIGIT_HEIGHT))),
            rng.uniform(-MAX_ROTATION, MAX_ROTATION),
        )
        h, w = mask.shape
        for _ in range(20):  # attempts to find a free position
            box = (int(rng.integers(size - w)), int(rng.integers(size - h)), w, h)
            if all(_overlap(box, other) <= MAX_OVERLAP for _, other in placed):
                _paint(image, box, mask, rng)
                placed.append((int(labels[index]), box))
                break
    return placed


def _digit_mask(scan: np.ndarray, height: float, angle: float) -> np.ndarray:
    """Opacity in [0, 1] of a scan, enlarged, rotated, cropped to the digit, (h, w)."""
    side = int(height * 1.5)
    matrix = cv2.getRotationMatrix2D((3.5, 3.5), angle, height / 8)
    matrix[:, 2] += side / 2 - 3.5
    soft = cv2.warpAffine(
        scan.astype(np.float32) / 16, matrix, (side, side), flags=cv2.INTER_CUBIC
    )
    mask = np.clip((soft - 0.3) * 4, 0, 1)
    rows, cols = np.where(mask.max(1) > 0.5)[0], np.where(mask.max(0) > 0.5)[0]
    return mask[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]


def _overlap(a: Xywh, b: Xywh) -> float:
    """Intersection over the smaller area of two boxes."""
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(w, 0) * max(h, 0) / min(a[2] * a[3], b[2] * b[3])


def _paint(
    image: np.ndarray, box: Xywh, mask: np.ndarray, rng: np.random.Generator
) -> None:
    """Blend a digit into ``image``, in a random colour that contrasts with it."""
    x, y, w, h = box
    patch = image[y : y + h, x : x + w].astype(np.float32)
    colour = rng.uniform(0, 255, 3)
    grey = np.array([0.114, 0.587, 0.299])
    below = float((patch @ grey).mean())
    if abs(float(colour @ grey) - below) < MIN_CONTRAST:
        target = below + math.copysign(MIN_CONTRAST, 127 - below)
        colour = np.clip(colour + target - float(colour @ grey), 0, 255)
    alpha = (mask * rng.uniform(0.85, 1.0))[..., None]
    image[y : y + h, x : x + w] = patch * (1 - alpha) + colour * alpha
