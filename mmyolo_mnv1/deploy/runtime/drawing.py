"""Drawing of detections."""

import cv2
import numpy as np

from .detections import Detections
from .fonts import draw_text, find_font, text_size

#: Colours by label or track, repeated, BGR.
PALETTE = (
    (180, 119, 31),
    (14, 127, 255),
    (44, 160, 44),
    (40, 39, 214),
    (189, 103, 148),
    (75, 86, 140),
    (194, 119, 227),
    (34, 189, 188),
    (207, 190, 23),
)


def draw(image: np.ndarray, detections: Detections) -> np.ndarray:
    """Draw boxes, names and scores, and numbers of tracks, on a copy of an image.

    Args:
        image (np.ndarray): (H, W, 3) uint8 BGR.
        detections (Detections): Boxes in pixels of the image.
    """
    picture = image.copy()
    size = max(min(image.shape[:2]) / 640, 0.5)
    line = max(round(2 * size), 1)
    font = cv2.FONT_HERSHEY_SIMPLEX, 0.5 * size
    for box, score, label, name, track in zip(
        *detections[:4], detections.tracks, strict=True
    ):
        colour = PALETTE[(track or label) % len(PALETTE)]
        x1, y1, x2, y2 = map(round, box.tolist())
        cv2.rectangle(picture, (x1, y1), (x2, y2), colour, line)
        typeface = None if name.isascii() else find_font(name)
        text = f"{name if name.isascii() or typeface else label} {score:.2f}"
        text = f"#{track} {text}" if track else text
        if typeface:
            (width, height), below = text_size(text, round(22 * size), typeface), 0
        else:
            (width, height), below = cv2.getTextSize(text, *font, 1)
        top = max(y1 - height - below, 0)
        corner = x1 + width, top + height + below
        cv2.rectangle(picture, (x1, top), corner, colour, cv2.FILLED)
        if typeface:
            draw_text(picture, text, x1, top + height, round(22 * size), typeface)
            continue
        at = x1, top + height
        cv2.putText(picture, text, at, *font, (255, 255, 255), 1, cv2.LINE_AA)
    return picture
