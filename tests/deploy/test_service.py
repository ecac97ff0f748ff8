"""docs/examples/service.py: answers to many clients, limits, health."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from mmyolo_mnv1.deploy import Detector
from tests.helpers.deploy_models import photos


@pytest.fixture(scope="module")
def address(narrow, root) -> str:
    """The service, on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ["--app-dir", root / "docs/examples", "--port", port, "service:app"]
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", *map(str, arguments)],
        env=os.environ
        | dict(MODEL=str(narrow.files["onnx"]), SCORE="0.05", PYTHONPATH=str(root)),
        stderr=subprocess.DEVNULL,
    )
    address, end = f"http://127.0.0.1:{port}", time.monotonic() + 120
    while True:
        try:
            assert call(f"{address}/health") == (200, dict(status="ok", photos=0))
            break
        except urllib.error.URLError:
            assert time.monotonic() < end and process.poll() is None
            time.sleep(0.1)
    yield address
    process.terminate()
    process.wait(30)


def call(url: str, body: bytes | None = None) -> tuple[int, object]:
    """Status and JSON of an answer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body)) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as e:
        return e.code, json.load(e)


def test_eight_clients_get_the_answers_of_one(address, narrow):
    bodies = [cv2.imencode(".png", photo)[1].tobytes() for photo in photos()] * 6
    url = f"{address}/detect"
    alone = [call(url, body) for body in bodies[:4]]
    with ThreadPoolExecutor(8) as clients:
        together = list(clients.map(lambda body: call(url, body), bodies))
    assert together == alone * 6
    detector = Detector(narrow.files["onnx"], score_threshold=0.05)
    for (status, rows), photo in zip(alone, photos(), strict=True):
        expected = detector(photo).to_coco(1)
        assert status == 200 and len(rows) == len(expected)
        for row, other in zip(rows, expected, strict=True):
            assert row["category_id"] == other["category_id"]
            assert np.allclose(row["bbox"], other["bbox"], atol=0.01)
    assert sum(len(rows) for _, rows in alone) > 0


def test_limits(address):
    url = f"{address}/detect"
    assert call(url, b"no photo") == (422, dict(detail="photo: damaged or no image"))
    status, answer = call(url, bytes(21 << 20))
    assert (status, answer) == (413, dict(detail="photo: more than 20 MiB"))
    large = cv2.imencode(".png", np.zeros((7000, 8000), np.uint8))[1].tobytes()
    status, answer = call(url, large)
    assert status == 422 and "MAX_IMAGE_PIXELS" in answer["detail"]


def test_more_than_the_queue_holds_is_refused(address):
    """Clients that are slow to send hold their places."""
    host, port = address.removeprefix("http://").split(":")
    head = b"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"
    waiting = [socket.create_connection((host, int(port))) for _ in range(18)]
    for client in waiting:
        client.sendall(head)
    end = time.monotonic() + 30
    while call(f"{address}/health")[1]["photos"] < 18:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert call(f"{address}/detect", b"x") == (503, dict(detail="busy: try again"))
    for client in waiting:
        client.close()
    while call(f"{address}/health")[1]["photos"]:
        assert time.monotonic() < end
        time.sleep(0.05)
