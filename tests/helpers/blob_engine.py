"""Engine that finds red and green blobs, in place of a trained network."""

import cv2
import numpy as np

from mmyolo_mnv1.deploy import Detector
from mmyolo_mnv1.deploy.runtime.engines import Engine
from mmyolo_mnv1.deploy.runtime.metadata import NMS, Metadata, Preprocessing

RED, GREEN = (0, 0, 255), (0, 255, 0)
PRIORS = 400
LEAST = 5  # px: smaller blobs are not seen, as by a real network


class BlobEngine(Engine):
    """Boxes of blobs; one that the image's edge cuts has the better score."""

    def __init__(self, shape: tuple[int, int] = (160, 160), dynamic: bool = True):
        self.metadata = Metadata(
            names=("red", "green"),
            strides=(8, 16, 32),
            input_shape=shape,
            dynamic=dynamic,
            preprocessing=Preprocessing("bgr", (0,) * 3, (255,) * 3),
            nms=NMS(0.1, 0.7, 300),
        )
        self.batches: list[int] = []

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        self.batches.append(len(images))
        boxes = np.zeros((len(images), PRIORS, 4), np.float32)
        scores = np.zeros((len(images), PRIORS, 2), np.float32)
        height, width = images.shape[2:]
        for image, its_boxes, its_scores in zip(images, boxes, scores, strict=True):
            prior = 0
            for label, channel in ((0, 2), (1, 1)):
                others = np.delete(image, channel, 0).max(0)
                mask = ((image[channel] > 0.7) & (others < 0.4)).astype(np.uint8)
                for x, y, w, h, _ in cv2.connectedComponentsWithStats(mask)[2][1:]:
                    if min(w, h) < LEAST:
                        continue
                    cut = x == 0 or y == 0 or x + w == width or y + h == height
                    its_boxes[prior] = x, y, x + w, y + h
                    its_scores[prior, label] = 0.95 if cut else 0.8
                    prior += 1
        return [boxes, scores]


def blob_detector(*args, **settings) -> Detector:
    return Detector(BlobEngine(*args), **settings)


def discs(
    size: tuple[int, int], *circles: tuple[int, int, int], colour=RED
) -> np.ndarray:
    """Grey photo of (height, width) with discs (x, y, radius)."""
    photo = np.full((*size, 3), 90, np.uint8)
    for x, y, radius in circles:
        cv2.circle(photo, (x, y), radius, colour, cv2.FILLED)
    return photo
