"""Random horizontal flip."""

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmyolo.registry import TRANSFORMS

from ...errors import InputError


@TRANSFORMS.register_module()
class HorizontalFlip(BaseTransform):
    """Horizontal flip of MMDetection's ``RandomFlip`` for boxes as arrays.

    The flipped image is contiguous; a view with negative strides is slow to copy.

    Args:
        prob (float): Probability, from 0 to 1.

    Raises:
        InputError: If ``prob`` is out of range.
    """

    def __init__(self, prob: float) -> None:
        if not 0 <= prob <= 1:
            raise InputError(f"flip_prob is {prob}: give a number from 0 to 1")
        self.prob = prob

    def transform(self, results: dict) -> dict:
        """Flip ``img`` (H, W, 3) and ``gt_bboxes`` (n, 4) with probability ``prob``."""
        if np.random.uniform() < self.prob:
            boxes, width = results["gt_bboxes"], results["img"].shape[1]
            x1, y1, x2, y2 = boxes.T
            boxes = np.stack([width - x2, y1, width - x1, y2], 1)
            results.update(img=cv2.flip(results["img"], 1), gt_bboxes=boxes)
        return results
