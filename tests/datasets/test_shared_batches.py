"""Batches in shared slots: correct, reused, and never while a tensor refers to them."""

import gc

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from mmyolo_mnv1.datasets.memory import shared_batches
from mmyolo_mnv1.datasets.memory.shared_batches import SharedBatches, stack_images
from tests.helpers.small_runs import FORKS

SIDE, BATCH = 32, 4


class Numbered(Dataset):
    """Images filled with their index."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> np.ndarray:
        return np.full((SIDE, SIDE, 3), index % 251, np.uint8)


@pytest.fixture
def slots(monkeypatch):
    """Room for eight batches."""
    made = SharedBatches(8 * BATCH * SIDE * SIDE * 3)
    monkeypatch.setattr(shared_batches, "_shared", made)
    return made


def taken(slots) -> int:
    gc.collect()
    return int(slots._state[1:].sum())


def load(count: int, workers: int = 2, **options) -> DataLoader:
    return DataLoader(
        Numbered(count),
        BATCH,
        num_workers=workers,
        collate_fn=stack_images,
        multiprocessing_context="fork" if workers else None,
        **options,
    )


@pytest.mark.parametrize("keep", [0, 3, 100])
def test_every_batch_is_its_own(slots, keep):
    """Also if more are kept than there are slots, and with a smaller last batch."""
    kept, numbers = [], []
    for batch in load(4 * 30 + 2):
        assert batch.is_contiguous(memory_format=torch.channels_last)
        numbers += batch[:, 0, 0, 0].tolist()
        assert (batch == batch[:, :1, :1, :1]).all()
        kept = [*kept, (batch[:, 1], numbers[-len(batch) :])][-keep:] if keep else []
        assert all(view[:, 0, 0].tolist() == before for view, before in kept)
    del batch
    assert numbers == [n % 251 for n in range(122)]
    assert taken(slots) == min(len(kept), 8)
    kept.clear()
    assert taken(slots) == 0


def test_few_slots_serve_many_batches(slots):
    used = set()
    for batch in load(400):
        used.add(batch.data_ptr())
    assert len(used) <= 7  # two workers prefetch two each; one in use, one on its way


def test_without_workers_it_is_an_ordinary_batch(slots):
    (batch,) = load(3, workers=0)
    assert batch.shape == (3, 3, SIDE, SIDE) and taken(slots) == 0


def test_larger_batches_than_the_first_go_the_usual_way(slots):
    assert slots.take(100) == 0 and slots.take(101) is None and slots.take(99) == 1
    slots.release(0)
    assert slots.take(100) == 0


def test_a_worker_that_died_with_the_lock_holds_nobody_up(slots, monkeypatch):
    monkeypatch.setattr(shared_batches, "PATIENCE", 0.1)
    assert slots._lock.acquire()
    numbers = [batch[:, 0, 0, 0].tolist() for batch in load(8)]
    assert numbers == [[0, 1, 2, 3], [4, 5, 6, 7]]
    slots.release(3)


@pytest.mark.slow
def test_spawned_workers_have_no_slots(slots):
    """Nor do those of a fork server, which are forked from another process."""
    loader = DataLoader(
        Numbered(8),
        BATCH,
        num_workers=1,
        collate_fn=stack_images,
        multiprocessing_context=FORKS,
    )
    assert [batch[:, 0, 0, 0].tolist() for batch in loader] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
    ]
    assert taken(slots) == 0


def test_a_forked_process_does_not_give_slots_back(slots):
    """It inherits its parent's tensors and deletes them when it ends."""
    batch = next(iter(load(4)))
    other = torch.multiprocessing.get_context("fork").Process(target=gc.collect)
    other.start()
    other.join()
    shared_batches._release(shared_batches.os.getpid() + 1, 0)
    assert taken(slots) == 1 and batch[0, 0, 0, 0] == 0
