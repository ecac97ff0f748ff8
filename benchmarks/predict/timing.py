"""Ways from a folder of JPEGs to boxes, timed in a process that does nothing else.

``python -m mmyolo_mnv1.deploy.timing KIND MODEL FOLDER [THREADS]`` gets ready, prints a
line, and for each line on standard input does one run and prints its times. It imports
what a user's process would, and no more.
"""

import functools
import importlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

OURS, PEER, NETWORK = "predict.py", "Ultralytics predict", "network"
SCORE = 0.25  # from which boxes count, the default of predict.py and of Ultralytics

#: Milliseconds an image: all of it, and what is outside the network.
Run = Callable[[], tuple[float, float]]


def prepare_ours(model: str, folder: Path, threads: int | None) -> Run:
    """:func:`.predict`; what is outside the network is measured image by image."""
    from mmyolo_mnv1.deploy.runtime.detector import Detector
    from mmyolo_mnv1.deploy.runtime.predict import predict
    from mmyolo_mnv1.deploy.runtime.sources import find_images, read_image

    detector = Detector(model, score_threshold=SCORE, threads=threads)
    paths = find_images(folder)
    network, spent = detector.engine.run, []

    @functools.wraps(network)
    def timed(images: np.ndarray) -> list[np.ndarray]:
        start = time.perf_counter()
        outputs = network(images)
        spent.append(time.perf_counter() - start)
        return outputs

    def run() -> tuple[float, float]:
        total = predict(detector, [str(folder)]).seconds
        detector.engine.run = timed
        spent.clear()
        start = time.perf_counter()
        for path in paths:
            detector(read_image(path))
        outside = time.perf_counter() - start - sum(spent)
        detector.engine.run = network
        return 1000 * total / len(paths), 1000 * outside / len(paths)

    return run


def prepare_peer(model: str, folder: Path, threads: int | None) -> Run:
    """Ultralytics' ``predict``, where it is installed."""
    peer = importlib.import_module("ultralytics").YOLO(model, task="detect")
    if threads:
        _set_threads(threads)

    def run() -> tuple[float, float]:
        count, inside = 0, 0.0
        start = time.perf_counter()
        for result in peer.predict(folder, conf=SCORE, stream=True, verbose=False):
            count += 1
            inside += result.speed["inference"]
        total = 1000 * (time.perf_counter() - start)
        return total / count, (total - inside) / count

    return run


def prepare_network(model: str, folder: Path, threads: int | None) -> Run:
    """The exported graph alone, one image."""
    from mmyolo_mnv1.deploy.runtime.detector import Detector

    engine = Detector(model, threads=threads).engine
    height, width = engine.metadata.input_shape
    images = np.random.default_rng(0).random((1, 3, height, width), np.float32)

    def run() -> tuple[float, float]:
        engine.run(images)  # wakes the cores
        start = time.perf_counter()
        engine.run(images)
        return 1000 * (time.perf_counter() - start), 0.0

    return run


def _set_threads(threads: int) -> None:
    """Give ONNX Runtime's coming sessions, OpenCV and PyTorch so many threads."""
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


def main(kind: str, model: str, folder: str, threads: str | None = None) -> None:
    """Serve runs until standard input ends."""
    prepare = {OURS: prepare_ours, PEER: prepare_peer, NETWORK: prepare_network}[kind]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what others print goes to standard error
    run = prepare(model, Path(folder), int(threads) if threads else None)
    run()
    print("ready", file=answers, flush=True)
    for _ in sys.stdin:
        print(*run(), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
