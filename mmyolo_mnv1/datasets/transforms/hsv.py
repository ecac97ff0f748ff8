"""Random hue, saturation and value."""

import cv2
import numpy as np
from albucore.functions import sz_lut
from mmyolo.datasets.transforms import YOLOv5HSVRandomAug
from mmyolo.registry import TRANSFORMS


@TRANSFORMS.register_module()
class HSVRandomAug(YOLOv5HSVRandomAug):
    """MMYOLO's ``YOLOv5HSVRandomAug`` with albucore's faster lookup; bitwise equal.

    Args:
        kwargs: ``hue_delta``, ``saturation_delta`` and ``value_delta``, see
            :class:`mmyolo.datasets.transforms.YOLOv5HSVRandomAug`.
    """

    def transform(self, results: dict) -> dict:
        """Change the colours of ``img``, (H, W, 3), uint8, BGR."""
        deltas = self.hue_delta, self.saturation_delta, self.value_delta
        hue, saturation, value = np.random.uniform(-1, 1, 3) * deltas + 1
        levels = np.arange(256, dtype=np.float64)
        tables = (
            (levels * hue) % 180,
            np.clip(levels * saturation, 0, 255),
            np.clip(levels * value, 0, 255),
        )
        planes = cv2.split(cv2.cvtColor(results["img"], cv2.COLOR_BGR2HSV))
        for plane, table in zip(planes, tables, strict=True):
            sz_lut(plane, table.astype(np.uint8), inplace=True)
        results["img"] = cv2.cvtColor(cv2.merge(planes), cv2.COLOR_HSV2BGR)
        return results
