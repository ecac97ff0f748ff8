"""Latency measurements of exported models, each in a new Python process.

This module imports nothing heavy: each process imports only what a user's process
imports for the same work.
"""

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmyolo_mnv1.analysis.worker import NETWORK, Runs, timed

OURS, PEER = "predict.py", "Ultralytics predict"
SCORE = 0.25  # score threshold, the default of predict.py and of Ultralytics

#: Milliseconds per image: in total, and outside the network.
TimedRun = Callable[[], tuple[float, float]]


class PredictJob(NamedTuple):
    """One way of running an exported model.

    Args:
        kind (str): :data:`OURS` or :data:`PEER`.
        model (Path): Exported model.
        images (Path): Folder of JPEGs.
        threads (int, optional): CPU threads. Defaults to None, as installed.
    """

    kind: str
    model: Path
    images: Path
    threads: int | None = None

    def prepare(self) -> tuple[Runs, dict]:
        """See :meth:`.Task.prepare`; the first run is slower and not measured."""
        run = {OURS: _run_ours, PEER: _run_peer}[self.kind](self)
        run()
        return {NETWORK: run}, {}


class NetworkJob(NamedTuple):
    """Latency of an exported network, with decoding, for one image.

    Args:
        model (Path): Exported model.
        threads (int): CPU threads.
    """

    model: Path
    threads: int

    def prepare(self) -> tuple[Runs, dict]:
        """See :meth:`.Task.prepare`; the first run is slower and not measured."""
        from mmyolo_mnv1.deploy.runtime.detector import Detector

        engine = Detector(self.model, threads=self.threads).engine
        shape = 1, 3, *engine.metadata.input_shape
        images = np.random.default_rng(0).random(shape, np.float32)

        run = timed(lambda: engine.run(images))
        run()
        return {NETWORK: run}, {}


def _run_ours(job: PredictJob) -> TimedRun:
    """Time :func:`.predict`; then image by image, for the time outside the network."""
    from mmyolo_mnv1.deploy.runtime.detector import Detector
    from mmyolo_mnv1.deploy.runtime.images import find_images, read_image
    from mmyolo_mnv1.deploy.runtime.predict import predict

    detector = Detector(job.model, score_threshold=SCORE, threads=job.threads)
    paths = find_images(job.images)
    network, spent = detector.engine.run, []

    @functools.wraps(network)
    def timed_network(images: np.ndarray) -> list[np.ndarray]:
        start = time.perf_counter()
        outputs = network(images)
        spent.append(time.perf_counter() - start)
        return outputs

    def run() -> tuple[float, float]:
        total = predict(detector, [str(job.images)]).seconds
        detector.engine.run = timed_network
        spent.clear()
        start = time.perf_counter()
        for path in paths:
            detector(read_image(path))
        outside = time.perf_counter() - start - sum(spent)
        detector.engine.run = network
        return 1000 * total / len(paths), 1000 * outside / len(paths)

    return run


def _run_peer(job: PredictJob) -> TimedRun:
    """Time Ultralytics' ``predict``, and read its own time of the network."""
    from benchmarks.harness.ultralytics_api import YOLO

    model = YOLO(job.model, task="detect")
    if job.threads:
        _set_threads(job.threads)

    def run() -> tuple[float, float]:
        count, inside = 0, 0.0
        start = time.perf_counter()
        for result in model.predict(job.images, conf=SCORE, stream=True, verbose=False):
            count += 1
            inside += result.speed["inference"]
        total = 1000 * (time.perf_counter() - start)
        return total / count, (total - inside) / count

    return run


def _set_threads(threads: int) -> None:
    """Set the CPU threads of OpenCV, PyTorch and future ONNX Runtime sessions."""
    import cv2
    import onnxruntime
    import torch

    cv2.setNumThreads(threads)
    torch.set_num_threads(threads)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    onnxruntime.InferenceSession = functools.partial(
        onnxruntime.InferenceSession, sess_options=options
    )
