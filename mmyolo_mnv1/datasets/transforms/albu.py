"""Albumentations with repeatable random numbers."""

import random
from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.datasets.transforms import Albu
from mmyolo.registry import TRANSFORMS


@TRANSFORMS.register_module()
class SeededAlbu(BaseTransform):
    """MMDetection's ``Albu``, seeded by NumPy's generator, at no cost if not applied.

    Albumentations 2 has random generators that ``randomness.seed`` does not reach: two
    trainings with one seed would differ. Here NumPy's generator decides for each
    transform whether it is applied, and seeds it. Albumentations would convert and
    check image and boxes even if no transform is applied.

    Args:
        transforms (Sequence[dict]): ``type``, arguments, and the probability ``p``,
            by default 0.5. Applied in this order.
        kwargs: Other arguments of ``Albu``.
    """

    def __init__(self, transforms: Sequence[dict], **kwargs) -> None:
        self.steps = [
            (each.get("p", 0.5), Albu(transforms=[{**each, "p": 1}], **kwargs))
            for each in transforms
        ]

    def transform(self, results: dict) -> dict | None:
        """Augment.

        Returns:
            dict, optional: None if ``skip_img_without_anno`` is set and no box is left.
        """
        for probability, albu in self.steps:
            if results is not None and np.random.uniform() < probability:
                seed = np.random.randint(2**31)
                albu.aug.set_random_state(
                    np.random.default_rng(seed), random.Random(seed)
                )
                results = albu.transform(results)
        return results
