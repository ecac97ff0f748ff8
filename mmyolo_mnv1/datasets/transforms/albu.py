"""Albumentations, repeatable."""

import random

import numpy as np
from mmdet.datasets.transforms import Albu
from mmyolo.registry import TRANSFORMS


@TRANSFORMS.register_module()
class SeededAlbu(Albu):
    """MMDetection's ``Albu`` whose random numbers follow NumPy's generator.

    Albumentations 2 has a generator of its own, which ``randomness.seed`` does not
    reach: two trainings with one seed would differ.
    """

    def transform(self, results: dict) -> dict:
        """Seed, then augment."""
        seed = np.random.randint(2**31)
        # One pair of generators for all: set_random_seed would give each transform the
        # same numbers, and all or none of them would be applied.
        self.aug.set_random_state(np.random.default_rng(seed), random.Random(seed))
        return super().transform(results)
