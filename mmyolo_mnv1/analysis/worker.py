"""Measured networks, each in a process of its own.

In one process they would disturb each other: what one leaves in the allocator and in
the thread pools decides how fast the next is. A process that runs one network only is
also what will be deployed, and its memory is that network's.
"""

import multiprocessing
import time
import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from tqdm import tqdm

from ..config import load_config
from ..errors import InputError
from .backends import Eager, Setting, get_backend
from .peers import build_peer
from .process import Memory, keep_freed_memory, set_threads
from .subject import Subject

NETWORK, PRE, POST = "network", "preprocessing", "postprocessing"

Key = TypeVar("Key", bound=Hashable)


class Job(NamedTuple):
    """What a process measures.

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


class Worker:
    """A process that does a job, run by run.

    Args:
        job (Job): The job.
    """

    def __init__(self, job: Job) -> None:
        # A process that has imported all of this once, and nothing more, is forked.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        self._connection, other = context.Pipe()
        self._process = context.Process(target=_work, args=(job, other), daemon=True)
        self._process.start()
        other.close()
        #: What is known of the job once it is ready.
        self.facts: dict[str, Any] = {}

    def wait(self) -> None:
        """Wait until it is ready.

        Raises:
            InputError: If it refused the job.
        """
        self.facts = self._receive()

    def time(self, stage: str = NETWORK) -> float:
        """Run a stage twice; the milliseconds of the second time."""
        self._connection.send(stage)
        return self._receive()

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.join()
        self._connection.close()

    def _receive(self) -> Any:
        try:
            answer = self._connection.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(
                f"a measuring process ended with status {self._process.exitcode}"
            ) from None
        if isinstance(answer, str):
            raise InputError(answer)
        return answer


@contextmanager
def workers(jobs: Mapping[Key, Job]) -> Iterator[dict[Key, Worker]]:
    """Processes for jobs, ready; they end with the context.

    Args:
        jobs (Mapping): Jobs by name.

    Raises:
        InputError: If one refuses its job.
    """
    started = {name: Worker(job) for name, job in jobs.items()}
    try:
        for worker in tqdm(started.values(), "preparing", disable=None):
            worker.wait()
        yield started
    finally:
        for worker in started.values():
            worker.close()


def _work(job: Job, connection: Connection) -> None:
    """The process: prepare, tell the facts, then time a stage for each message."""
    warnings.filterwarnings("ignore", "torch.meshgrid")  # mmdet's priors
    try:
        prepare = _prepare_network if job.backend else _prepare_stages
        runs, facts = prepare(job)
    except InputError as e:
        connection.send(str(e).partition(": ")[2])
        return
    keep_freed_memory()
    connection.send(facts)
    synchronise = _synchroniser(job)
    while True:
        run = runs[connection.recv()]
        run()  # wakes the cores, which slept while others had their turn
        synchronise()
        start = time.perf_counter()
        run()
        synchronise()
        connection.send(1000 * (time.perf_counter() - start))


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
