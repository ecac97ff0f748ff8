"""What the training benchmark measures, on each side with that side's own parts."""

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader

from mmyolo_mnv1.analysis.machine import set_threads
from mmyolo_mnv1.analysis.worker import Runs
from mmyolo_mnv1.engine.memory import keep_freed_memory

from ..harness.turns import in_turns
from .side import Side, Step
from .side_mmyolo import MMYOLOSide
from .side_ours import OurSide
from .side_ultralytics import UltralyticsSide

KINDS = ("sample", "loader", "step", "postprocess", "epoch")
SAMPLE, LOADER, STEP, POSTPROCESS, EPOCH = KINDS
#: Parts of a step in their order.
PARTS = ("preprocess", "forward", "loss", "backward", "optimizer", "ema")
SIDES: dict[str, type[Side]] = {
    "ours": OurSide,
    "ultralytics": UltralyticsSide,
    "mmyolo": MMYOLOSide,
}
SEED = 0


class TrainJob(NamedTuple):
    """A side of the benchmark, for one of its measurements.

    Args:
        side (str): One of :data:`SIDES`.
        what (str): One of :data:`KINDS`.
        config (str): File, ours.
        options (dict): By which it is changed.
        workers (int): Of the data loader.
        threads (int): Of PyTorch; data of one core have one.
        samples (int): How many a turn of :data:`SAMPLE` and :data:`LOADER` takes.
        boxes (int): Ground truths of an image in :data:`STEP`.
    """

    side: str
    what: str
    config: str
    options: dict
    workers: int
    threads: int
    samples: int
    boxes: int

    def prepare(self) -> tuple[Runs, dict]:
        """See :class:`.worker.Task`; every run gives milliseconds."""
        torch.manual_seed(SEED)
        np.random.seed(SEED)
        workers = self.workers if self.what in (LOADER, EPOCH) else 0
        side = SIDES[self.side](self.config, self.options, workers)
        if self.what == SAMPLE:
            set_threads(1)
        else:  # workers keep what each side gives OpenCV, which is none
            torch.set_num_threads(self.threads)
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
        """Milliseconds a sample, in this process."""
        order = _endless_permutations(len(side.dataset))

        def run() -> float:
            indices = [next(order) for _ in range(self.samples)]
            start = time.perf_counter()
            for index in indices:
                side.dataset[index]
            return 1000 * (time.perf_counter() - start) / self.samples

        return run

    def _loader(self, side: Side) -> Callable[[], float]:
        """Milliseconds an image, through the workers."""
        batches = _endless_batches(side.loader)
        # What the workers have made while others had their turn does not count.
        ahead = self.workers * (side.loader.prefetch_factor or 0) + 1

        def run() -> float:
            for _ in range(ahead):
                next(batches)
            start, count = time.perf_counter(), 0
            while count < self.samples:
                count += len(side.images_of(next(batches)))
            return 1000 * (time.perf_counter() - start) / count

        return run

    def _step(self, side: Side) -> Callable[[], dict[str, float]]:
        """Milliseconds of each part of a training step, on made-up images and boxes."""
        height, width = side.input_shape
        generator = torch.Generator().manual_seed(SEED)
        shape = (side.batch_size, 3, height, width)
        images = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
        truths = make_truths(
            side.batch_size, self.boxes, side.num_classes, (width, height), generator
        )
        step = side.make_step(images, truths)
        return lambda: _time_parts(step)

    def _postprocess(self, side: Side) -> Callable[[], float]:
        """Milliseconds an image, from the head's outputs to detections."""
        height, width = side.input_shape
        outputs = make_outputs(side.batch_size, (height, width))
        run = side.make_postprocess(*outputs)

        def timed() -> float:
            start = time.perf_counter()
            run()
            return 1000 * (time.perf_counter() - start) / side.batch_size

        return timed

    def _epoch(self, side: Side) -> Callable[[], float]:
        """Milliseconds an image over an epoch of that side's own trainer."""
        epochs = in_turns(side.train, self.threads)
        return lambda: 1000 * next(epochs) / len(side.dataset)


def make_truths(
    images: int,
    boxes: int,
    num_classes: int,
    size: tuple[int, int],
    generator: torch.Generator,
) -> Tensor:
    """Boxes of random place, shape and class.

    Args:
        images (int): Number of images.
        boxes (int): For each.
        num_classes (int): Classes.
        size (tuple[int, int]): Width and height of the images in pixels; boxes measure
            3 to 43 % of them.
        generator (torch.Generator): Of the numbers.

    Returns:
        Tensor: (images x boxes, 6): index of the image, label, x1, y1, x2, y2.
    """
    count, wide = images * boxes, torch.tensor(size)
    extent = (0.03 + 0.4 * torch.rand(count, 2, generator=generator)) * wide
    corner = torch.rand(count, 2, generator=generator) * (wide - extent)
    index = torch.arange(images).repeat_interleave(boxes)[:, None].float()
    label = torch.randint(0, num_classes, (count, 1), generator=generator).float()
    return torch.cat([index, label, corner, corner + extent], 1)


def make_outputs(
    images: int, size: tuple[int, int], num_classes: int = 80
) -> tuple[list[Tensor], list[Tensor]]:
    """Outputs of a head as of a trained network: some objects, neighbours agree.

    Args:
        images (int): Number of images.
        size (tuple[int, int]): Height and width of the input in pixels.
        num_classes (int): Classes. Defaults to 80.

    Returns:
        tuple[list[Tensor], list[Tensor]]: By level, class logits (N, C, H_i, W_i) and
        distances (N, 4, H_i, W_i) in strides.
    """
    generator = torch.Generator().manual_seed(SEED)
    logits, distances = [], []
    for stride in (8, 16, 32):
        shape = size[0] // stride, size[1] // stride
        noise = torch.randn(images, num_classes, *shape, generator=generator)
        seeds = torch.randn(images, num_classes, *shape, generator=generator) > 3.3
        objects = F.max_pool2d(seeds.float(), 3, 1, 1)
        logits.append(noise - 9 + 9 * objects)
        distances.append(3 + 2 * torch.rand(images, 4, *shape, generator=generator))
    return logits, distances


def _time_parts(step: Step) -> dict[str, float]:
    """Run a step; its parts pause where each ends."""
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
