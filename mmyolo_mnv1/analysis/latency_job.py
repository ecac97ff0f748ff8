"""Measuring a network, or the stages before and after it.

A process that runs one network only is what will be deployed, and its memory is that
network's.
"""

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

from benchmarks.harness.peers import build_peer

from ..config import load_config
from ..engine.memory import keep_freed_memory
from .backends import Eager, Setting, get_backend
from .machine import Memory, set_threads
from .subject import Subject
from .worker import NETWORK, Runs

PRE, POST = "preprocessing", "postprocessing"


class Job(NamedTuple):
    """What a process measures: milliseconds of the network or of each other stage.

    Args:
        config (str): File.
        options (dict): By which it is changed.
        checkpoint (Path, optional): Weights; None for untrained ones.
        batch (int): Images at once.
        setting (Setting): Device, precision, threads.
        backend (str, optional): That runs the network. None for the stages before and
            after it.
        peer (str, optional): Whose network it is; None for ours. Defaults to None.
    """

    config: str
    options: dict
    checkpoint: Path | None
    batch: int
    setting: Setting
    backend: str | None
    peer: str | None = None

    def prepare(self) -> tuple[Runs, dict]:
        """See :class:`.worker.Task`; each run is of two, of which the second counts."""
        warnings.filterwarnings("ignore", "torch.meshgrid")  # mmdet's priors
        prepare = _prepare_network if self.backend else _prepare_stages
        runs, facts = prepare(self)
        keep_freed_memory()
        synchronise = _synchroniser(self)

        def timed(run: Callable[[], object]) -> Callable[[], float]:
            def time_once() -> float:
                run()  # wakes the cores, which slept while others had their turn
                synchronise()
                start = time.perf_counter()
                run()
                synchronise()
                return 1000 * (time.perf_counter() - start)

            return time_once

        return {name: timed(run) for name, run in runs.items()}, facts


def _prepare_stages(job: Job) -> tuple[dict[str, Callable], dict]:
    subject = _build(job)
    runs = {PRE: subject.preprocess, POST: subject.postprocess}
    return runs, dict(boxes=sum(len(found) for found in subject.postprocess()))


def _prepare_network(job: Job) -> tuple[dict[str, Callable], dict]:
    """Nothing but the network stays, so that the memory is its own."""
    backend = get_backend(job.backend, job.setting)
    memory = Memory(job.setting.device)
    subject = _build(job)
    network = build_peer(job.peer, subject) if job.peer else subject.network
    images = subject.images
    run = backend.prepare(network, images)
    del subject, network
    run(images)  # compilers and caches
    peak = memory.peak(lambda: run(images))
    if memory.cuda and not isinstance(backend, Eager):
        peak = None  # PyTorch does not see it
    return {NETWORK: lambda: run(images)}, dict(peak_memory=peak)


def _build(job: Job) -> Subject:
    """Build the subject with one thread: many processes do so at once."""
    set_threads(1)
    cfg = load_config(job.config, job.options)
    subject = Subject(cfg, job.checkpoint, job.batch, job.setting.device)
    set_threads(job.setting.threads)
    return subject


def _synchroniser(job: Job) -> Callable[[], None]:
    return torch.cuda.synchronize if job.setting.device == "cuda" else lambda: None
