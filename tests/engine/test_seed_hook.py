"""Seeds of batches."""

import pickle
import random

import numpy as np
import torch

from mmyolo_mnv1.engine.seed_hook import SeededBatch


def states() -> tuple:
    return (
        random.getstate(),
        np.random.get_state()[1].tolist(),
        torch.get_rng_state().tolist(),
    )


def test_pickling_leaves_the_generators_alone():
    """The data loader's thread pickles batches while the main process trains."""
    batch, before = SeededBatch([3, 1, 2], seed=5), states()
    copy = pickle.loads(pickle.dumps(batch))
    assert states() == before
    assert copy[:] == batch[:] and copy.seed == 5
    assert [*copy] == [3, 1, 2] and states() != before
