"""Inputs of predict.py that people have: odd formats, equal names, thin photos."""

import csv
import functools
import http.server
import json
import os
import resource
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmyolo.registry import TRANSFORMS
from PIL import Image

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.deploy import Detector
from mmyolo_mnv1.deploy.runtime import videos
from mmyolo_mnv1.deploy.runtime.images import find_images, read_image
from mmyolo_mnv1.deploy.runtime.predict import predict
from mmyolo_mnv1.deploy.runtime.processing import letterbox
from mmyolo_mnv1.deploy.runtime.sources import open_source
from mmyolo_mnv1.errors import InputError
from tests.helpers.deploy_models import photos


@pytest.fixture(scope="module")
def detector(narrow) -> Detector:
    return Detector(narrow.files["onnx"])


def write(path: Path, photo: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(photo[..., ::-1]).save(path)
    return path


def clip(path: Path, photo: np.ndarray, codec: str = "mp4v") -> Path:
    size = photo.shape[1::-1]
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), 10, size)
    for _ in range(3):
        video.write(photo)
    video.release()
    return path


def rows(out: Path) -> dict[str, int]:
    """Boxes by image in the CSV."""
    counts: dict[str, int] = {}
    for row in csv.DictReader((out / "detections.csv").open()):
        counts[row["image"]] = counts.get(row["image"], 0) + 1
    return counts


@pytest.mark.parametrize("suffix", [".gif", ".jp2", ".jfif", ".mpo", ".avif"])
def test_formats_of_opencv_or_pillow_are_read(suffix, tmp_path):
    path = tmp_path / f"x{suffix}"
    formats = {".jfif": "JPEG", ".mpo": "MPO"}
    Image.fromarray(photos()[0]).save(path, formats.get(suffix))
    assert read_image(str(path)).shape == photos()[0].shape


def test_folder_with_videos_links_and_unreadable_formats(detector, tmp_path, capsys):
    """Everything that looks like an image is read, or named and counted."""
    source, elsewhere = tmp_path / "in", tmp_path / "real"
    write(source / "a.jpg", photos()[0])
    write(elsewhere / "b.jpg", photos()[1])
    (source / "linked").symlink_to(elsewhere)
    (source / "linked" / "again").symlink_to(source)  # a cycle
    clip(source / "v.mp4", photos()[0])
    (source / "i.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    (source / "notes.txt").write_text("no image")
    summary = predict(detector, [str(source)], tmp_path / "out")
    assert (summary.images, summary.skipped) == (5, 1)
    assert "i.heic: damaged or no image; skipped" in capsys.readouterr().out


def test_predict_ends_with_1_if_anything_was_left_out(narrow, tool, tmp_path):
    write(tmp_path / "in/a.jpg", photos()[0])
    model = narrow.files["onnx"]
    assert tool("tools/predict.py", model, tmp_path / "in").returncode == 0
    (tmp_path / "in/i.heic").write_bytes(bytes(100))
    assert tool("tools/predict.py", model, tmp_path / "in").returncode == 1


def test_leftovers_of_systems_are_passed_over_and_counted(tmp_path, capsys):
    write(tmp_path / "a.jpg", photos()[0])
    for name in ("._a.jpg", ".ipynb_checkpoints/a.jpg", "__MACOSX/a.jpg"):
        write(tmp_path / "x.jpg", photos()[0]).rename(
            (tmp_path / name)
            if "/" not in name
            else (tmp_path / name).parent.mkdir() or tmp_path / name
        )
    assert [Path(p).name for p in find_images(tmp_path)] == ["a.jpg"]
    assert "3 hidden files and folders left out" in capsys.readouterr().err


def test_photos_of_one_stem_keep_their_labels_apart(detector, tmp_path):
    write(tmp_path / "in/x.jpg", photos()[0])
    write(tmp_path / "in/x.png", photos()[1])
    out = tmp_path / "out"
    predict(detector, [str(tmp_path / "in")], out)
    labels = sorted(p.name for p in (out / "labels").rglob("*.txt"))
    assert labels == ["x.png.txt", "x.txt"]
    counts = [len(p.read_text().splitlines()) for p in (out / "labels").rglob("x*.txt")]
    assert sorted(counts) == sorted(rows(out).values())


def test_one_name_in_two_places(detector, tmp_path, monkeypatch):
    write(tmp_path / "s/x.jpg", photos()[0])
    write(tmp_path / "sub/s/x.jpg", photos()[1])
    monkeypatch.chdir(tmp_path / "sub")
    out = tmp_path / "out"
    predict(detector, ["../s/x.jpg", "s/x.jpg"], out)
    pictures = sorted(p.name for p in (out / "pictures").rglob("*.jpg"))
    assert pictures == ["x.jpg", "x_2.jpg"]
    document = json.loads((out / "detections.json").read_text())
    assert [i["file_name"] for i in document["images"]] == ["s/x.jpg", "s/x_2.jpg"]
    assert set(rows(out)) == {"s/x.jpg", "s/x_2.jpg"}


def test_videos_of_one_stem(detector, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clip(Path("clip.avi"), photos()[0], "MJPG")
    clip(Path("clip.mp4"), photos()[0])
    predict(detector, ["clip.avi", "clip.mp4"], Path("out"))
    written = sorted(p.name for p in Path("out/pictures").iterdir())
    assert written == ["clip.mp4", "clip.mp4.mp4"]


THIN = [(1, 2000), (2000, 1), (3, 2000), (1, 1), (2000, 3)]


@pytest.mark.parametrize("shape", THIN)
def test_thin_photos_are_letterboxed_alike(narrow, detector, shape):
    """In the pipeline of validation and in the runtime; no side becomes 0."""
    photo = np.full((*shape, 3), 200, np.uint8)
    boxed = letterbox(photo, detector.shape, detector.metadata.preprocessing)
    assert boxed.image.shape[:2] == detector.shape
    cfg = load_config(narrow.config)
    (step,) = [s for s in cfg.test_pipeline if s["type"].endswith("Letterbox")]
    result = TRANSFORMS.build(step)(dict(img=photo, ori_shape=shape, img_shape=shape))
    assert result["img"].shape[:2] == detector.shape
    assert result["scale_factor"] == pytest.approx(boxed.scale, rel=1e-6)
    assert np.array_equal(result["img"], boxed.image)


def test_a_photo_that_fails_is_named_and_the_next_one_is_done(
    detector, tmp_path, monkeypatch, capsys
):
    for name in ("a.jpg", "b.jpg"):
        write(tmp_path / name, photos()[0])
    calls = iter([RuntimeError("no memory\nat all"), None])
    detect = Detector.detect

    def fail_once(self, images):
        if error := next(calls):
            raise error
        return detect(self, images)

    monkeypatch.setattr(Detector, "detect", fail_once)
    summary = predict(detector, [str(tmp_path)])
    assert (summary.images, summary.skipped) == (1, 1)
    assert "a.jpg: RuntimeError: no memory at all; skipped" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["caf\udce9.jpg", "b.pgm", f"{'x' * 240}.jpg"])
def test_names_and_formats_that_opencv_does_not_write(detector, tmp_path, name):
    """A name that is not valid UTF-8, a PGM file, and a name of 244 bytes."""
    photo = cv2.cvtColor(photos()[0], cv2.COLOR_BGR2GRAY)
    path = tmp_path / "in" / name
    path.parent.mkdir()
    path.write_bytes(cv2.imencode(path.suffix, photo)[1])
    out = tmp_path / "out"
    summary = predict(detector, [str(path.parent)], out)
    assert (summary.images, summary.skipped) == (1, 0)
    (picture,) = (p for p in (out / "pictures").rglob("*.*") if p.is_file())
    endings = {"caf\udce9.jpg": "caf\ufffd.jpg", "b.pgm": "b.pgm.png"}
    assert picture.name == endings.get(name, name)
    assert cv2.imread(str(picture)) is not None
    (image,) = json.loads((out / "detections.json").read_text())["images"]
    assert image["file_name"].endswith(endings.get(name, name).removesuffix(".png"))


def test_more_videos_than_open_files(detector, tmp_path):
    for number in range(40):
        clip(tmp_path / f"{number:02d}.avi", photos()[0][:64, :64], "MJPG")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = len(os.listdir("/proc/self/fd")) + 20
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
        summary = predict(detector, [str(tmp_path)])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert (summary.images, summary.skipped) == (120, 0)


@pytest.mark.parametrize("suffix", [".avi", ".mkv", ".mp4"])
def test_video_with_an_estimated_number_of_frames(tmp_path, monkeypatch, suffix):
    """OpenCV estimates it from the duration, which may be that of the audio track."""
    codec = "MJPG" if suffix == ".avi" else "mp4v"
    path = clip(tmp_path / f"v{suffix}", photos()[0], codec)
    monkeypatch.setattr(videos, "frame_count", lambda video: 5)
    items = list(videos.read_video(videos.open_capture(str(path)), str(path), "v", 1))
    assert [round(item.seconds, 2) for item in items[:3]] == [0, 0.1, 0.2]
    ends_early = [item.reason for item in items[3:]]
    assert ends_early == ([] if suffix == ".mkv" else ["ends after 3 of 5 frames"])


def test_name_that_looks_like_a_url(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clip(Path("v.avi"), photos()[0], "MJPG").rename("2024-05-01T10:00:00.avi")
    assert open_source("2024-05-01T10:00:00.avi").count == 3


def test_pillow_is_not_given_programs_and_bombs(tmp_path, monkeypatch):
    path = tmp_path / "x.tif"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%End\n")
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", pytest.fail)
    with pytest.raises(ValueError, match="damaged or no image"):
        read_image(str(path))
    Image.fromarray(photos()[0]).save(path, "GIF")
    monkeypatch.setattr(cv2, "imdecode", lambda *_: None)
    monkeypatch.setenv("OPENCV_IO_MAX_IMAGE_PIXELS", "100")
    with pytest.raises(ValueError, match="pixels, above the limit of 100"):
        read_image(str(path))
    monkeypatch.delenv("OPENCV_IO_MAX_IMAGE_PIXELS")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(ValueError, match="Pillow: Image size .* exceeds limit"):
        read_image(str(path))


@pytest.fixture
def server(tmp_path):
    """Serve ``tmp_path`` by a local HTTP server, and yield the URL.

    A folder ``private`` asks for the user me and the password p@ss.
    """

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            given = self.headers["Authorization"]
            if "private" in self.path and given != "Basic bWU6cEBzcw==":
                self.send_error(401)
                return
            super().do_GET()

        def log_message(self, *args):
            pass

    handler = functools.partial(Handler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_photo_from_the_web(detector, server, tmp_path):
    write(tmp_path / "s/x.png", photos()[0])
    out = tmp_path / "out"
    summary = predict(detector, [f"{server}/s/x.png?size=full"], out)
    assert (summary.images, summary.skipped) == (1, 0)
    (picture,) = (out / "pictures").rglob("*.png")
    assert picture.name == "x.png"
    assert sum(rows(out).values()) == len(detector(photos()[0]).labels)


def test_photo_from_the_web_that_does_not_exist(detector, server):
    with pytest.raises(InputError, match=r"none.jpg cannot be read \(HTTP Error 404"):
        predict(detector, [f"{server}/none.jpg"])


def test_photo_behind_a_password(detector, server, tmp_path):
    write(tmp_path / "private/x.png", photos()[0])
    address = server.replace("//", "//me:p%40ss@") + "/private/x.png"
    summary = predict(detector, [address], tmp_path / "out")
    assert summary.images == 1
    assert not [p for p in (tmp_path / "out").rglob("*") if "ss@" in p.name]
    with pytest.raises(InputError, match="source http://127.*HTTP Error 404") as error:
        predict(detector, [address.replace("x.png", "none.png")])
    assert "p%40ss" not in str(error.value)
    with pytest.raises(InputError, match="no such camera or stream"):
        predict(detector, [address.replace("p%40", "w")])


def test_password_stays_with_its_host(server, tmp_path):
    """A redirect to another host does not get it."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.headers["Authorization"])
            if len(seen) == 1:
                self.send_response(302)
                port = self.server.server_port
                self.send_header("Location", f"http://localhost:{port}/x.png")
                self.end_headers()
            else:
                self.send_error(404)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        with pytest.raises(InputError, match="HTTP Error 404"):
            open_source(f"http://me:pw@127.0.0.1:{running.server_port}/x.png")
        running.shutdown()
    assert seen == ["Basic bWU6cHc=", None]
    with pytest.raises(InputError, match="source http:.*cannot be read .Invalid IPv"):
        open_source("http://[abc/x.jpg")


def test_recording_from_the_web_ends(detector, server, tmp_path, monkeypatch):
    """Its header announces no number of frames, as of a browser's recordings."""
    clip(tmp_path / "r.webm", photos()[0], "VP80")
    monkeypatch.setattr(
        "mmyolo_mnv1.deploy.runtime.sources.frame_count", lambda video: None
    )
    assert predict(detector, [f"{server}/r.webm"]).images == 3


def test_damaged_photo_from_the_web(detector, server, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no photo")
    summary = predict(detector, [f"{server}/bad.jpg"])
    assert (summary.images, summary.skipped) == (0, 1)
