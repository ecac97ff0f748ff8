"""Arrays given to ``Detector``: grey, BGRA, refused ones; OpenCV missing."""

import cv2
import numpy as np
import pytest

from mmyolo_mnv1.deploy import Detector
from mmyolo_mnv1.errors import InputError
from tests.helpers.deploy_models import photos


@pytest.fixture(scope="module")
def detector(narrow) -> Detector:
    return Detector(narrow.files["onnx"])


def test_grey_and_bgra_give_what_their_bgr_gives(detector):
    photo = photos()[0]
    grey = cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY)
    expected = detector(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR))
    assert len(expected.labels)
    for image in (grey, grey[..., None]):
        assert np.array_equal(detector(image).boxes, expected.boxes)
    found = detector(cv2.cvtColor(photo, cv2.COLOR_BGR2BGRA))
    assert np.array_equal(found.boxes, detector(photo).boxes)


@pytest.mark.parametrize(
    ("photo", "words"),
    [
        (None, "photo is NoneType, as cv2.imread returns for a file that it cannot"),
        ("photo.jpg", "photo is str: give a uint8 array"),
        ([[1, 2], [3, 4]], "photo is list: "),
        (np.zeros((8, 8, 3), np.float32), "photo is an array of float32; convert it"),
        (np.zeros((8, 8, 3), np.uint16), "photo is an array of uint16; convert it"),
        (np.zeros((8, 8, 3), bool), "photo is an array of bool; convert it"),
        (np.zeros((8, 8, 2), np.uint8), r"photo is an array of shape \(8, 8, 2\): "),
        (np.zeros((3, 8, 8), np.uint8), r"photo is an array of shape \(3, 8, 8\): "),
        (np.zeros((0, 8, 3), np.uint8), r"photo is an array of shape \(0, 8, 3\): "),
        (np.zeros((1, 8, 8, 3), np.uint8), r"shape \(1, 8, 8, 3\): "),
        (np.zeros(8, np.uint8), r"photo is an array of shape \(8,\): "),
    ],
)
def test_other_arrays_are_refused(detector, photo, words):
    with pytest.raises(InputError, match=words) as error:
        detector(photo)
    assert "\n" not in str(error.value)


def test_missing_opencv_is_one_line(python):
    code = "import sys; sys.modules['cv2'] = None; import mmyolo_mnv1.deploy"
    done = python("-c", code)
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1
    assert "pip install opencv-python-headless" in done.stderr
