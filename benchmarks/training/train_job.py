"""Measurements of the training benchmark, with the parts of each side."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader

from benchmarks.harness.epoch_turns import in_turns
from benchmarks.harness.peers import MMYOLO, ULTRALYTICS, check_peer
from benchmarks.training.made_up_data import make_outputs, make_truths
from benchmarks.training.side import Side, Step
from mmyolo_mnv1.analysis.machine import set_threads
from mmyolo_mnv1.analysis.worker import Runs
from mmyolo_mnv1.engine.memory import keep_freed_memory
from mmyolo_mnv1.errors import InputError, check_least

MEASUREMENTS = ("sample", "loader", "step", "postprocess", "epoch")
SAMPLE, LOADER, STEP, POSTPROCESS, EPOCH = MEASUREMENTS
#: Parts of a training step, in order.
STEP_PARTS = ("preprocess", "forward", "loss", "backward", "optimizer", "ema")
OURS = "ours"
TRAINING_PEERS = (ULTRALYTICS, MMYOLO)
SEED = 0


class TrainPlan(NamedTuple):
    """Measurements, sides and rounds.

    Args:
        what (Sequence[str]): Members of :data:`MEASUREMENTS`.
        peers (Sequence[str]): Members of :data:`TRAINING_PEERS`.
        workers (int): Worker processes of the data loaders.
        threads (int): CPU threads of PyTorch.
        rounds (int): Measured rounds. Defaults to 5.
        warmup (int): Rounds before them. Defaults to 1.
        samples (int): Samples per turn of sample and loader. Defaults to 200.
        boxes (int): Ground-truth boxes per image in step. Defaults to 20.
    """

    what: Sequence[str]
    peers: Sequence[str]
    workers: int
    threads: int
    rounds: int = 5
    warmup: int = 1
    samples: int = 200
    boxes: int = 20

    def check(self) -> None:
        """Check that the plan can be executed.

        Raises:
            InputError: If a number is out of range, a name is unknown or a peer is not
                installed.
        """
        least = dict(workers=0, threads=1, rounds=1, warmup=0, samples=1, boxes=0)
        check_least(self._asdict(), **least)
        for name in self.what:
            if name not in MEASUREMENTS:
                raise InputError(
                    f"--what {name}: choose from {', '.join(MEASUREMENTS)}"
                )
        for name in self.peers:
            check_peer(name, TRAINING_PEERS)

    def sides(self, what: str) -> list[str]:
        """Sides of a measurement; MMYOLO, which has no YOLO11, is measured by data."""
        data_only = () if what in (SAMPLE, LOADER) else (MMYOLO,)
        return [OURS, *(peer for peer in self.peers if peer not in data_only)]


class TrainJob(NamedTuple):
    """One measurement of one side.

    Args:
        side (str): :data:`OURS`, :data:`ULTRALYTICS` or :data:`MMYOLO`.
        what (str): One of :data:`MEASUREMENTS`.
        config (str): Config file of ours.
        options (dict): Changes of the config, as in ``--cfg-options``.
        plan (TrainPlan): Workers, threads, samples and boxes.
    """

    side: str
    what: str
    config: str
    options: dict
    plan: TrainPlan

    def prepare(self) -> tuple[Runs, dict]:
        """See :meth:`.Task.prepare`; each run returns milliseconds."""
        torch.manual_seed(SEED)
        np.random.seed(SEED)
        workers = self.plan.workers if self.what in (LOADER, EPOCH) else 0
        side = _load_side(self.side)(self.config, self.options, workers)
        if self.what == SAMPLE:
            set_threads(1)
        else:  # OpenCV keeps the number of threads that each side sets: 0
            torch.set_num_threads(self.plan.threads)
        keep_freed_memory()
        make_run = {
            SAMPLE: self._sample,
            LOADER: self._loader,
            STEP: self._step,
            POSTPROCESS: self._postprocess,
            EPOCH: self._epoch,
        }[self.what]
        return {self.what: make_run(side)}, {}

    def _sample(self, side: Side) -> Callable[[], float]:
        """Milliseconds per sample, in this process."""
        order = _endless_permutations(len(side.dataset))

        def run() -> float:
            indices = [next(order) for _ in range(self.plan.samples)]
            start = time.perf_counter()
            for index in indices:
                side.dataset[index]
            return 1000 * (time.perf_counter() - start) / self.plan.samples

        return run

    def _loader(self, side: Side) -> Callable[[], float]:
        """Milliseconds per image of the data loader."""
        batches = _endless_batches(side.loader)
        # Batches prefetched during the turns of other sides are not measured.
        ahead = self.plan.workers * (side.loader.prefetch_factor or 0) + 1

        def run() -> float:
            for _ in range(ahead):
                next(batches)
            start, count = time.perf_counter(), 0
            while count < self.plan.samples:
                count += len(next(batches)[side.images_key])
            return 1000 * (time.perf_counter() - start) / count

        return run

    def _step(self, side: Side) -> Callable[[], dict[str, float]]:
        """Milliseconds of each part of a training step on made-up data."""
        height, width = side.input_shape
        generator = torch.Generator().manual_seed(SEED)
        shape = (side.batch_size, 3, height, width)
        images = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
        counts = side.batch_size, self.plan.boxes, side.num_classes
        truths = make_truths(*counts, (width, height), generator)
        step = side.make_step(images, truths)
        return lambda: _time_parts(step)

    def _postprocess(self, side: Side) -> Callable[[], float]:
        """Milliseconds per image from head outputs to detections."""
        outputs = make_outputs(
            side.batch_size, side.input_shape, torch.Generator().manual_seed(SEED)
        )
        postprocess = side.make_postprocess(*outputs)

        def run() -> float:
            start = time.perf_counter()
            postprocess()
            return 1000 * (time.perf_counter() - start) / side.batch_size

        return run

    def _epoch(self, side: Side) -> Callable[[], float]:
        """Milliseconds per image in an epoch of the side's own trainer."""
        epochs = in_turns(side.train, self.plan.threads)
        return lambda: 1000 * next(epochs) / len(side.dataset)


def _load_side(name: str) -> type[Side]:
    """Import a side: a process imports only the project that it measures."""
    if name == OURS:
        from benchmarks.training.side_ours import OurSide

        return OurSide
    if name == ULTRALYTICS:
        from benchmarks.training.side_ultralytics import UltralyticsSide

        return UltralyticsSide
    from benchmarks.training.side_mmyolo import MMYOLOSide

    return MMYOLOSide


def _time_parts(step: Step) -> dict[str, float]:
    """Run a step; milliseconds of each part."""
    times, start = {}, time.perf_counter()
    for name in step():
        now = time.perf_counter()
        times[name] = 1000 * (now - start)
        start = now
    return times


def _endless_permutations(count: int) -> Iterator[int]:
    rng = np.random.default_rng(SEED)
    while True:
        yield from rng.permutation(count).tolist()


def _endless_batches(loader: DataLoader) -> Iterator:
    while True:
        yield from loader
