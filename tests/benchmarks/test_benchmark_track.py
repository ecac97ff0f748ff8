"""Clips with known tracks, and their measurement."""

import cv2
import numpy as np
import pytest

from benchmarks.predict.benchmark_track import Watched, as_detections, measure
from benchmarks.predict.clips import CLIPS, FRAMES, HEIGHT, WIDTH
from benchmarks.predict.mjpeg_server import read_time, write_time
from benchmarks.predict.mosaics import AnnotatedPhoto
from tests.helpers.blob_engine import discs


@pytest.fixture(scope="module")
def photos() -> list[AnnotatedPhoto]:
    """Photos with a disc each, of category 3."""
    boxes = np.array([[280.0, 200, 361, 281]])
    photo = discs((HEIGHT, WIDTH), (320, 240, 40))
    return [AnnotatedPhoto(photo, boxes, [3])] * 24


@pytest.mark.parametrize("clip", CLIPS)
def test_truth_as_detections_is_tracked(photos, clip):
    """Objects hide, leave and enter; a tracker that swaps them would score less."""
    frames = list(CLIPS[clip](photos))
    assert len(frames) == FRAMES and frames[0].image.shape == (HEIGHT, WIDTH, 3)
    counts = [len(frame.ids) for frame in frames]
    assert min(counts) < max(counts)
    red = frames[0].image[..., 2].astype(int) - frames[0].image[..., 1]
    for x, y in ((frames[0].boxes[:, :2] + frames[0].boxes[:, 2:]) / 2).astype(int):
        assert red[y, x] > 150  # the truth lies on the discs
    found = measure(Watched(frames, [*map(as_detections, frames)], 1), "bytetrack", 0)
    assert 80 < found["IDF1"] <= 100
    none = measure(Watched(frames, [as_detections(frames[0])] * FRAMES, 1), "sort", 0)
    assert none["IDF1"] < 60


def test_bar_code_of_the_time_survives_jpeg():
    for number in (0, 1, 123_456_789, 2**32 - 1):
        frame = write_time(discs((64, 520), (40, 40, 9)), number)
        assert read_time(cv2.imdecode(cv2.imencode(".jpg", frame)[1], 1)) == number
