"""Annotated photos of a data set, and mosaics of them."""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np


class AnnotatedPhoto(NamedTuple):
    """A photo and the objects in it.

    Args:
        image (np.ndarray): (H, W, 3) uint8 BGR.
        boxes (np.ndarray): (n, 4) float: x1, y1, x2, y2 in pixels.
        categories (list[int]): Category id of each.
    """

    image: np.ndarray
    boxes: np.ndarray
    categories: list[int]


def load_annotated(data: Path, split: str) -> tuple[list[AnnotatedPhoto], list[dict]]:
    """Load all photos of a COCO data set with ``annotations/SPLIT.json``.

    Args:
        data (Path): Folder of the data set, which file names start from.
        split (str): Name of the split.

    Returns:
        tuple[list[AnnotatedPhoto], list[dict]]: Photos, and COCO's categories.
    """
    document = json.loads((data / "annotations" / f"{split}.json").read_text())
    objects = defaultdict(list)
    for annotation in document["annotations"]:
        objects[annotation["image_id"]].append(annotation)
    photos = []
    for image in document["images"]:
        rows = objects[image["id"]]
        boxes = np.array([row["bbox"] for row in rows], float).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        pixels = cv2.imread(str(data / "images" / image["file_name"]))
        photos.append(AnnotatedPhoto(pixels, boxes, [r["category_id"] for r in rows]))
    return photos, document["categories"]


def make_mosaic(photos: Sequence[AnnotatedPhoto], columns: int) -> AnnotatedPhoto:
    """Join photos of one size, row by row."""
    height, width = photos[0].image.shape[:2]
    rows, boxes, categories = [], [], []
    for start in range(0, len(photos), columns):
        rows.append(np.hstack([p.image for p in photos[start : start + columns]]))
    for number, photo in enumerate(photos):
        top, left = divmod(number, columns)
        boxes.append(photo.boxes + np.array([left * width, top * height] * 2))
        categories += photo.categories
    return AnnotatedPhoto(np.vstack(rows), np.concatenate(boxes), categories)


def write_coco(
    photos: Sequence[AnnotatedPhoto], categories: list[dict], folder: Path
) -> Path:
    """Save photos as PNG files, and their boxes as one COCO JSON file.

    Returns:
        Path: The JSON file.
    """
    images, annotations = [], []
    for image_id, photo in enumerate(photos, 1):
        height, width = photo.image.shape[:2]
        name = f"{image_id}.png"
        cv2.imwrite(str(folder / name), photo.image)
        images.append(dict(id=image_id, file_name=name, width=width, height=height))
        for box, category in zip(photo.boxes, photo.categories, strict=True):
            x, y, w, h = *box[:2], *(box[2:] - box[:2])
            row = dict(image_id=image_id, category_id=category, bbox=[x, y, w, h])
            row |= dict(id=len(annotations) + 1, area=w * h, iscrowd=0)
            annotations.append(row)
    path = folder / "annotations.json"
    document = dict(images=images, annotations=annotations, categories=categories)
    path.write_text(json.dumps(document))
    return path
