"""The README's Python example runs."""

import re

import cv2

from tests.helpers.blob_engine import blob_detector, discs


def test_example_of_the_runtime(root, tmp_path, monkeypatch, capsys):
    text = (root / "README.md").read_text()
    (block,) = (b for b in re.findall(r"```python\n(.*?)```", text, re.S) if "cv2" in b)
    monkeypatch.chdir(tmp_path)
    photo = discs((160, 160), (50, 70, 20), (120, 70, 30))
    cv2.imwrite("photo.jpg", photo)
    monkeypatch.setattr("mmyolo_mnv1.deploy.Detector", lambda path: blob_detector())
    exec(block, {})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["red", "red"]
