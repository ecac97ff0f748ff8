"""Shared memory: mapped before workers are forked, never by building a pipeline."""

from pathlib import Path

import numpy as np
import pytest
from mmyolo.registry import DATASETS, TRANSFORMS
from torch.utils.data import DataLoader

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.datasets.memory import allocate, image_cache, shared_batches
from mmyolo_mnv1.datasets.transforms import channels_last_collate
from mmyolo_mnv1.engine import YOLO11Runner

BOUND = 100_000_000


@pytest.fixture
def build(root, digits, monkeypatch):
    """Build the training dataset of a process in which nothing is registered yet."""
    monkeypatch.setattr(image_cache, "caches", {})
    monkeypatch.setattr(shared_batches, "_is_registered", False)
    monkeypatch.setattr(shared_batches, "_shared", None)
    options = dict(
        data_root=str(digits), img_scale=(96, 64), image_cache_gb=BOUND / 1e9
    )
    cfg = load_config(root / "configs/yolo11_mnv1_n_digits.py", options)

    def run():
        for transform in cfg.train_pipeline_stage2:
            TRANSFORMS.build(transform)
        return DATASETS.build(cfg.train_dataloader.dataset)

    return run


def shared_mappings() -> set[str]:
    """Mappings of anonymous shared memory and semaphores of this process."""
    maps = Path("/proc/self/maps").read_text().splitlines()
    return {line for line in maps if "/dev/zero" in line or "/dev/shm" in line}


def mapped_bytes(mappings: set[str]) -> int:
    spans = [line.split()[0].split("-") for line in mappings]
    return sum(int(stop, 16) - int(start, 16) for start, stop in spans)


def load(dataset) -> list[dict]:
    loader = DataLoader(
        dataset,
        batch_size=4,
        num_workers=2,
        collate_fn=channels_last_collate,
        multiprocessing_context="fork",
    )
    return list(loader)


def is_shared(batch: dict) -> bool:
    arena = np.frombuffer(shared_batches._shared._arena, np.uint8)
    offset = batch["inputs"].data_ptr() - arena.ctypes.data
    return 0 <= offset < arena.size


def test_building_maps_nothing(build):
    before = shared_mappings()
    dataset = build()
    assert shared_mappings() == before
    dataset[0]  # the first use of the cache maps it, and it alone
    added = mapped_bytes(shared_mappings() - before)
    assert BOUND <= added < 2 * BOUND


def test_allocate_maps_what_is_registered_once(build):
    before = shared_mappings()
    allocate()
    assert shared_mappings() == before
    build()
    allocate()
    after = shared_mappings()
    least = BOUND + shared_batches.MAX_BYTES
    assert least <= mapped_bytes(after - before) < least + BOUND
    build()  # the pipeline of the last epochs, for example
    allocate()
    assert shared_mappings() == after


def test_workers_forked_after_allocate_share_it(build):
    dataset = build()
    allocate()
    batches = load(dataset)
    (cache,) = image_cache.caches.values()
    assert len(cache) == len(dataset) == 16
    assert len(batches) == 4 and all(map(is_shared, batches))


@pytest.mark.parametrize("workers", [0, 1])
def test_runner_allocates_for_workers(build, workers):
    loader = YOLO11Runner.build_dataloader(
        dict(
            dataset=build(),
            sampler=dict(type="DefaultSampler", shuffle=False),
            collate_fn=dict(type="channels_last_collate"),
            batch_size=4,
            num_workers=workers,
            persistent_workers=True,
        )
    )
    batches = list(loader)
    assert [len(batch["inputs"]) for batch in batches] == [4] * 4
    assert (shared_batches._shared is not None) == (workers > 0)
    assert not workers or all(map(is_shared, batches))


def test_workers_without_allocate_load_the_same(build):
    dataset = build()
    batches = load(dataset)
    assert [len(batch["inputs"]) for batch in batches] == [4] * 4
    (cache,) = image_cache.caches.values()
    assert len(cache) == 0 and shared_batches._shared is None
