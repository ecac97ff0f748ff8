"""Random flips."""

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmyolo.registry import TRANSFORMS

from ...errors import InputError


@TRANSFORMS.register_module()
class HorizontalFlip(BaseTransform):
    """Flip image and boxes left to right, as MMDetection's ``RandomFlip`` does.

    For boxes as arrays, and without leaving an image that runs backwards in memory,
    which would be slow to copy.

    Args:
        prob (float): Probability, from 0 to 1.

    Raises:
        InputError: If it is out of range.
    """

    def __init__(self, prob: float) -> None:
        if not 0 <= prob <= 1:
            raise InputError(f"flip_prob is {prob}: give a number from 0 to 1")
        self.prob = prob

    def transform(self, results: dict) -> dict:
        """Flip ``img`` (H, W, 3) and ``gt_bboxes`` (n, 4) or leave them."""
        if np.random.uniform() < self.prob:
            boxes, width = results["gt_bboxes"], results["img"].shape[1]
            x1, y1, x2, y2 = boxes.T
            boxes = np.stack([width - x2, y1, width - x1, y2], 1)
            results.update(img=cv2.flip(results["img"], 1), gt_bboxes=boxes)
        return results
