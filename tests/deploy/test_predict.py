"""tools/predict.py: sources, results, what cannot be read, memory."""

import csv
import io
import json
import shutil
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from mmyolo_mnv1.deploy import Detector
from mmyolo_mnv1.deploy.runtime.predict import predict
from mmyolo_mnv1.deploy.runtime.sources import open_source, open_sources, read_ahead
from mmyolo_mnv1.errors import InputError
from tests.helpers.deploy_models import image_files, photos

FRAMES = 12
LOW = ("--score-thr", "0.05")


@pytest.fixture(scope="module")
def folder(narrow, tmp_path_factory):
    """model.onnx, photos/…, clip.avi."""
    folder = tmp_path_factory.mktemp("predict")
    shutil.copyfile(narrow.files["onnx"], folder / "model.onnx")
    image_files(folder / "photos/more")[0].rename(folder / "photos/first.png")
    codec = cv2.VideoWriter_fourcc(*"MJPG")
    video = cv2.VideoWriter(str(folder / "clip.avi"), codec, 10, (150, 100))
    for number in range(FRAMES):
        video.write(cv2.resize(photos()[number % 4], (150, 100)))
    video.release()
    return folder


@pytest.fixture
def run(folder, tool):
    """Call the command in the folder."""

    def call(*args):
        return tool("tools/predict.py", *args, cwd=folder)

    return call


def test_every_result(run, folder, tmp_path):
    done = run("model.onnx", "photos", "clip.avi", "--out", tmp_path, *LOW)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{4 + FRAMES} images, ")
    assert done.stdout.endswith("images/s\n")
    coco = json.loads((tmp_path / "detections.json").read_text())
    names = [image["file_name"] for image in coco["images"]]
    assert names[:2] == ["photos/first.png", "photos/more/1.png"]
    assert names[4:6] == ["clip.avi/000001", "clip.avi/000002"]
    assert [image["id"] for image in coco["images"]] == [*range(1, len(names) + 1)]
    expected = Detector(folder / "model.onnx", score_threshold=0.05)(photos()[0])
    first = [a for a in coco["annotations"] if a["image_id"] == 1]
    assert len(first) == len(expected.scores) > 3
    x, y, width, height = np.array([a["bbox"] for a in first]).T
    boxes = np.stack([x, y, x + width, y + height], 1)
    assert np.abs(boxes - expected.boxes).max() < 2e-3
    category = coco["categories"][first[0]["category_id"] - 1]
    assert category["name"] == expected.names[0]
    with (tmp_path / "detections.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(coco["annotations"])
    assert rows[0]["image"] == "photos/first.png"
    assert float(rows[0]["score"]) == pytest.approx(expected.scores[0], abs=1e-5)
    lines = (tmp_path / "labels/photos/first.txt").read_text().splitlines()
    label, cx, cy, w, h, _score = map(float, lines[0].split())
    assert label == expected.labels[0] and len(lines) == len(first)
    pixels = np.array([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2])
    shape = photos()[0].shape
    pixels *= [shape[1], shape[0]] * 2
    assert np.allclose(pixels, expected.boxes[0], atol=1e-2)
    assert (tmp_path / "labels/clip.avi/000012.txt").is_file()
    picture = cv2.imread(str(tmp_path / "pictures/photos/first.png"))
    changed = (picture != photos()[0]).any(2)
    x1, y1, _, y2 = expected.boxes[0].round().astype(int)
    assert changed[(y1 + y2) // 2, x1] and 0.001 < changed.mean() < 0.9
    video = cv2.VideoCapture(str(tmp_path / "pictures/clip.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == FRAMES
    assert not [p for p in tmp_path.rglob("*") if p.name.startswith(".")]


def test_checkpoint_finds_what_the_file_finds(run, narrow, tmp_path):
    """A config and a checkpoint in place of an exported file."""
    done = run(
        *(narrow.config, "photos/first.png", "--checkpoint", narrow.weights),
        *("--out", tmp_path / "a", "--save", "coco", *LOW),
    )
    assert done.returncode == 0, done.stderr
    run("model.onnx", "photos/first.png", "--out", tmp_path / "b", *LOW)
    a, b = (json.loads((tmp_path / n / "detections.json").read_text()) for n in "ab")
    for some, others in ((a, b), (b, a)):
        clear = [one for one in some["annotations"] if one["score"] > 0.06]
        assert len(clear) > 20
        for one in clear:  # near scores may change places
            assert any(
                one["category_id"] == other["category_id"]
                and one["bbox"] == pytest.approx(other["bbox"], abs=0.1)
                and one["score"] == pytest.approx(other["score"], abs=1e-3)
                for other in others["annotations"]
            )
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["detections.json"]


def test_unreadable_images_are_named_and_counted(run, tmp_path, monkeypatch):
    (tmp_path / "damaged.jpg").write_bytes(b"no image")
    (tmp_path / "empty.jpg").touch()
    names = [f"{tmp_path}/damaged.jpg", "photos/first.png", f"{tmp_path}/none.jpg"]
    names += [f"{tmp_path}/empty.jpg", "photos/more/2.png"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(names)))
    done = run("model.onnx", "-", "--out", tmp_path / "out")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("2 images, ")
    assert ", 3 skipped; " in done.stdout
    for name, reason in (
        ("damaged.jpg", "damaged or no image"),
        ("none.jpg", "No such file"),
        ("empty.jpg", "damaged or no image"),
    ):
        assert f"{tmp_path}/{name}: {reason}" in done.stdout
    coco = json.loads((tmp_path / "out/detections.json").read_text())
    assert [i["file_name"] for i in coco["images"]] == names[1::3]


def test_video_that_ends_early(run, folder, tmp_path):
    """Its header promises more frames than there are; those that are there count."""
    data = (folder / "clip.avi").read_bytes()
    (tmp_path / "short.avi").write_bytes(data[: len(data) * 2 // 3])
    (tmp_path / "no.mp4").write_bytes(b"no video")
    done = run("model.onnx", tmp_path / "short.avi", tmp_path / "no.mp4")
    assert done.returncode == 1
    assert (
        "short.avi: ends after " in done.stdout
        and f" of {FRAMES} frames" in done.stdout
    )
    assert "no.mp4: damaged or no video; skipped" in done.stdout
    assert 3 < int(done.stdout.splitlines()[-1].split()[0]) < FRAMES


def test_sources(folder, monkeypatch):
    monkeypatch.chdir(folder)

    def names(text):
        source = open_source(text)
        found = [frame.name for frame in source.frames]
        assert source.count == len(found)
        return found

    assert names("photos") == names("photos/**/*.png") and len(names("photos")) == 4
    assert names("photos/more/*.png") == [f"photos/more/{n}.png" for n in (1, 2, 3)]
    assert names(str(folder / "photos/first.png")) == ["photos/first.png"]
    assert names("*.avi")[-1] == f"clip.avi/{FRAMES:06d}"
    assert open_sources(["photos", "clip.avi"]).count == 4 + FRAMES
    assert open_sources(["photos", "-"]).count is None
    monkeypatch.chdir(folder / "photos")
    assert names("../photos/first.png") == ["photos/first.png"]  # stays below --out
    for text, words in (
        ("none/*.png", "no such file"),
        ("99", "no such camera or stream"),
        (str(folder / "photos/more/.."), None),
    ):
        if words:
            with pytest.raises(InputError, match=f"source .*{words}"):
                open_source(text)
    (folder / "void").mkdir()
    with pytest.raises(InputError, match="void has no image"):
        open_source(str(folder / "void"))


def test_reads_one_ahead():
    made = []

    def items():
        for number in range(9):
            made.append(number)
            yield number

    for item in read_ahead(items()):
        time.sleep(0.005)
        assert len(made) <= item + 2
    assert item == 8


@pytest.mark.slow
def test_memory_does_not_grow(run, folder, root):
    """A thousand images of 720 kB take no more than a hundred."""
    code = """
import resource, runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    args = [sys.executable, "-c", code, root / "tools/predict.py", "model.onnx", "-"]
    peaks = []
    for count in (100, 1000):
        done = subprocess.run(
            [*args, "--threads", "1", "--out", f"out{count}", "--save", "coco", "csv"],
            input="photos/first.png\n" * count,
            capture_output=True,
            text=True,
            cwd=folder,
        )
        assert f"{count} images" in done.stdout, done.stderr
        peaks.append(int(done.stdout.splitlines()[-1]))
    assert peaks[1] - peaks[0] < 20_000  # kB; the images are 720 MB


def test_interrupted_run_keeps_its_results(folder, root, tmp_path):
    args = ["model.onnx", "-", "--out", str(tmp_path), "--save", "coco"]
    process = subprocess.Popen(
        [sys.executable, root / "tools/predict.py", *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
    )
    process.stdin.write("photos/first.png\r\n" * 3)
    process.stdin.flush()
    end = time.monotonic() + 120
    while not list(tmp_path.glob(".detections.*")):
        assert time.monotonic() < end
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    process.wait(30)  # before the list ends
    out = process.stdout.read()
    process.stdin.close()
    assert "interrupted" in out
    coco = json.loads((tmp_path / "detections.json").read_text())
    assert len(coco["images"]) == 3


def test_refuses(run, folder, tmp_path, monkeypatch):
    done = run("child.py", "photos")
    assert done.returncode == 1 and "give --checkpoint too" in done.stderr
    blocked = tmp_path / "file"
    blocked.touch()
    done = run("model.onnx", "photos", "--out", blocked / "out")
    assert done.returncode == 1 and "cannot be written" in done.stderr
    for options, words in (
        (["--save", "csv"], "--save csv: give --out too"),
        (["--tile", "0"], "32"),
        (["--threads", "-1"], "--threads -1: give 1 or more"),
    ):
        done = run("model.onnx", "photos", *options)
        assert done.returncode == 1 and words in done.stderr, options
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match="--show: no screen"):
        predict(Detector(folder / "model.onnx"), ["photos"], show=True)
