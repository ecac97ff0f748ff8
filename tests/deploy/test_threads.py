"""One detector used by several threads, with every engine."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mmyolo_mnv1.deploy import Detector
from mmyolo_mnv1.deploy.export.pytorch_engine import load_pytorch
from tests.helpers.deploy_models import photos

THREADS, ROUNDS = 6, 10


@pytest.mark.parametrize("engine", ["onnx", "openvino", "torchscript", "ncnn", "torch"])
def test_threads_get_the_results_of_their_own_photo(narrow, engine):
    """Many calls, from threads that start at different photos."""
    if engine == "torch":
        detector = Detector(load_pytorch(str(narrow.config), narrow.weights))
    else:
        detector = Detector(narrow.files[engine])
    images = [np.roll(photo, 7 * n, 0) for n, photo in enumerate(photos())]
    expected = [detector(image) for image in images]
    assert len({found.boxes.tobytes() for found in expected}) == len(images)

    def work(first: int) -> int:
        wrong = 0
        for number in range(first, first + ROUNDS * 2):
            index = number % len(images)
            found = detector(images[index])
            same = len(found.labels) == len(expected[index].labels) and np.allclose(
                found.boxes, expected[index].boxes, atol=0.01
            )
            wrong += not same
        return wrong

    with ThreadPoolExecutor(THREADS) as pool:
        assert sum(pool.map(work, range(THREADS))) == 0


def test_batches_of_threads_do_not_mix(narrow):
    """``detect`` reuses the input of its own thread only."""
    detector = Detector(narrow.files["onnx"])
    images = photos()
    expected = [found.boxes for found in detector.detect(images)]
    orders = [np.roll(np.arange(len(images)), n).tolist() for n in range(8)]

    def work(order: list[int]) -> bool:
        found = detector.detect([images[i] for i in order])
        return all(
            np.array_equal(each.boxes, expected[i])
            for i, each in zip(order, found, strict=True)
        )

    with ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(work, orders * 3))
