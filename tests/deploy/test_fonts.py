"""Class names in other scripts than ASCII, on pictures and plots."""

import numpy as np
import pytest
from PIL import ImageFont

from mmyolo_mnv1.deploy import Detections
from mmyolo_mnv1.deploy.runtime import fonts
from mmyolo_mnv1.deploy.runtime.drawing import draw

NAMES = ["Ωμέγα", "кошка", "Größe", "naïve"]


def detections(name: str) -> Detections:
    boxes = np.array([[40, 60, 200, 200]], np.float32)
    return Detections(boxes, np.ones(1, np.float32), np.zeros(1, int), (name,))


@pytest.mark.parametrize("name", NAMES)
def test_names_are_drawn_by_a_font_that_has_them(name):
    font = fonts.find_font(name)  # Matplotlib brings DejaVu
    image = np.zeros((640, 640, 3), np.uint8)
    drawn, number = draw(image, detections(name)), draw(image, detections("0"))
    assert not np.array_equal(drawn, number)
    white = (drawn == 255).all(2)
    assert white.sum() > 50
    mask = ImageFont.truetype(font, 22).getmask(f"{name} 1.00")
    assert white.any(0).nonzero()[0][-1] - 40 <= mask.size[0] + 2


def test_names_that_no_font_has_are_numbers(monkeypatch, capsys):
    monkeypatch.setattr(fonts, "_font_files", lambda: ())
    image = np.zeros((640, 640, 3), np.uint8)
    name = "猫と犬"
    assert np.array_equal(draw(image, detections(name)), draw(image, detections("0")))
    assert "no font has all characters of '猫と犬'" in capsys.readouterr().err
    fonts.find_font.cache_clear()


def test_ascii_names_are_drawn_by_opencv(monkeypatch):
    monkeypatch.setattr("mmyolo_mnv1.deploy.runtime.drawing.find_font", None)
    assert draw(np.zeros((640, 640, 3), np.uint8), detections("cat")).any()
