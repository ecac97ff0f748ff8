"""Latency jobs: the network, or the stages before and after it, in one process.

As in deployment, the process runs a single network, and its memory is the network's.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from torch import nn

from ..config import load_config
from ..deploy.runtime.engines import RunOptions
from ..engine.memory import keep_freed_memory
from .backends import BACKENDS, build_engine, export_for
from .machine import Memory, set_threads
from .subject import Subject
from .worker import NETWORK, Runs, Worker, timed

PRE, POST = "preprocessing", "postprocessing"


@dataclass(frozen=True)
class LatencyJob:
    """A task of a measuring process: milliseconds of the network or of other stages.

    Args:
        config (str): Config file of a detector.
        options (dict): Changes of the config, as in ``--cfg-options``.
        checkpoint (str or Path, optional): Weights; None for untrained ones.
        batch (int): Images per batch.
        run_options (RunOptions): Device, precision, threads.
        backend (str, optional): Key of :data:`.BACKENDS`. Defaults to None: measure
            :data:`PRE` and :data:`POST` instead of :data:`.NETWORK`.
    """

    config: str
    options: dict
    checkpoint: str | Path | None
    batch: int
    run_options: RunOptions
    backend: str | None = None

    def network(self, subject: Subject) -> nn.Module:
        """Network to measure; a subclass may return another one of the same input."""
        return subject.network

    def prepare(self) -> tuple[Runs, dict]:
        """See :meth:`.Task.prepare`."""
        prepare = self._prepare_network if self.backend else self._prepare_stages
        runs, facts = prepare()
        keep_freed_memory()
        device = self.run_options.device
        return {name: timed(run, device) for name, run in runs.items()}, facts

    def build_subject(self, device: str) -> Subject:
        """Build the subject with one thread: many processes do it at the same time."""
        warnings.filterwarnings("ignore", "torch.meshgrid")  # MMDetection's priors
        set_threads(1)
        cfg = load_config(self.config, self.options)
        subject = Subject(cfg, self.checkpoint, self.batch, device)
        set_threads(self.run_options.threads)
        return subject

    def _prepare_stages(self) -> tuple[dict[str, Callable], dict]:
        subject = self.build_subject(self.run_options.device)
        runs = {PRE: subject.preprocess, POST: subject.postprocess}
        return runs, dict(boxes=sum(map(len, subject.postprocess())))

    def _prepare_network(self) -> tuple[dict[str, Callable], dict]:
        """Load the network; nothing else stays in memory."""
        backend = BACKENDS[self.backend]
        if backend.form:
            import_module(backend.engine.module)  # not part of the network's memory
        memory = Memory(self.run_options.device)
        run = self._load_file() if backend.form else self._load_pytorch()
        run()  # compilation and caches
        peak = memory.peak(run)
        if memory.cuda and backend.form:
            peak = None  # allocated by the runtime, not by PyTorch
        return {NETWORK: run}, dict(peak_memory=peak)

    def _load_pytorch(self) -> Callable[[], object]:
        subject = self.build_subject("cpu")
        network, images = self.network(subject), subject.images
        engine = build_engine(network, images, self.backend, self.run_options)
        return engine.prepare(images.numpy())

    def _load_file(self) -> Callable[[], object]:
        """Load the network from a file that another process exports.

        This process uses as much memory as one that never exports.
        """
        set_threads(self.run_options.threads)
        with TemporaryDirectory() as folder:
            exporter = Worker(_Export(self, Path(folder)))
            try:
                exporter.wait()
            finally:
                exporter.close()
            path, images = exporter.facts["path"], exporter.facts["images"]
            return BACKENDS[self.backend].engine(path, self.run_options).prepare(images)


class _Export(NamedTuple):
    """Task that exports the network of a job to a folder."""

    job: LatencyJob
    folder: Path

    def prepare(self) -> tuple[Runs, dict]:
        """See :meth:`.Task.prepare`."""
        subject, options = self.job.build_subject("cpu"), self.job.run_options
        network, images = self.job.network(subject), subject.images
        path = export_for(network, images, self.job.backend, options, self.folder)
        return {}, dict(path=path, images=images.numpy())
