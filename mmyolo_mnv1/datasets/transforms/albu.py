"""Albumentations, repeatable, and free where nothing is applied."""

import random
from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.datasets.transforms import Albu
from mmyolo.registry import TRANSFORMS


@TRANSFORMS.register_module()
class SeededAlbu(BaseTransform):
    """MMDetection's ``Albu``, one transform after the other, each if its turn has come.

    Whether a transform is applied is drawn here: Albumentations converts and checks
    image and boxes even where it applies nothing. Random numbers follow NumPy's
    generator. Albumentations 2 has one of its own, which ``randomness.seed`` does not
    reach: two trainings with one seed would differ.

    Args:
        transforms (Sequence[dict]): ``type``, arguments, and ``p``, the probability,
            0.5 where it is not given.
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
