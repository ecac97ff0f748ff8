"""Live sources and videos: newest frames, losses, several at once, signals."""

import errno
import json
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.predict.mjpeg_server import MjpegServer, now, read_time
from mmyolo_mnv1.deploy.runtime import videos
from mmyolo_mnv1.deploy.runtime.frames import Frame, Unreadable, without_password
from mmyolo_mnv1.deploy.runtime.predict import predict
from mmyolo_mnv1.deploy.runtime.sources import open_source, open_sources
from mmyolo_mnv1.deploy.runtime.video_file import VideoFile
from mmyolo_mnv1.deploy.runtime.videos import StreamOptions
from mmyolo_mnv1.deploy.runtime.writers import WRITERS
from mmyolo_mnv1.errors import InputError
from tests.helpers.blob_engine import blob_detector, discs

PHOTO = discs((120, 520), (100, 70, 20), (300, 70, 30))


@pytest.fixture
def server():
    with MjpegServer(PHOTO, 20) as running:
        yield running


def frames_of(url: str, **options):
    """Frames of a stream, and the stream."""
    source = open_sources([url], StreamOptions(**options))
    return closing(source.frames), source.streams[0]


def clip(path: Path, sizes=((100, 80),) * 6) -> Path:
    codec = cv2.VideoWriter_fourcc(*"MJPG")
    video = cv2.VideoWriter(str(path), codec, 10, sizes[0])
    for number, (width, height) in enumerate(sizes):
        video.write(discs((height, width), (20 + 5 * number, 40, 12)))
    video.release()
    return path


def count_frames(path: Path) -> int:
    video, count = cv2.VideoCapture(str(path)), 0
    while video.grab():
        count += 1
    return count


def test_slow_reader_gets_the_newest_frame(server):
    """A queue would be a second behind after a second and a half."""
    frames, stream = frames_of(server.url)
    with frames as items:
        for frame in islice(items, 8):
            age = now() - read_time(frame.image)
            time.sleep(0.2)
    assert stream.dropped > 8 and frame.number > 16
    assert age < 700
    assert frame.live and frame.seconds <= time.monotonic()


def test_every_frame_is_kept(server):
    frames, stream = frames_of(server.url, every_frame=True)
    with frames as items:
        numbers = []
        for frame in islice(items, 8):
            numbers.append(frame.number)
            time.sleep(0.1)
    assert numbers == [*range(1, 9)] and stream.dropped == 0


def test_stride_of_a_stream(server):
    frames, _ = frames_of(server.url, every_frame=True, stride=3)
    with frames as items:
        assert [frame.number for frame in islice(items, 3)] == [1, 4, 7]


def test_lost_source_is_opened_again(server):
    frames, stream = frames_of(server.url)
    with frames as items:
        before = next(items).number
        server.drop()
        while not stream.reconnects:
            after = next(items).number
    assert after > before and stream.reconnects == 1 and server.connections >= 2


def test_source_that_does_not_return(server, capsys, monkeypatch):
    """Every attempt has its pause; then the source ends, with the reason."""
    pauses = []
    monkeypatch.setattr(videos, "MAX_PAUSE", 0.1)
    open_capture = videos.open_capture

    def opened(text):
        pauses.append(time.monotonic())
        return open_capture(text)

    source = open_sources([server.url], StreamOptions(retry=3))
    monkeypatch.setattr(videos, "open_capture", opened)
    with closing(source.frames) as items:
        next(items)
        server.stop()
        last = [item for item in items][-1]
    server.start()
    assert (
        isinstance(last, Unreadable) and "3 attempts to open it failed" in last.reason
    )
    assert len(pauses) == 3
    out = capsys.readouterr().out
    assert [f"attempt {n} in 0.1 s" in out for n in (1, 2, 3)] == [True] * 3


def test_error_of_the_reader_ends_the_source(server, monkeypatch):
    source = open_sources([server.url])
    monkeypatch.setattr(videos, "frame_rate", lambda video: 1 / 0)
    with closing(source.frames) as items:
        assert [item.reason for item in items] == [
            "ZeroDivisionError: division by zero"
        ]


def test_pauses_grow():
    waits = [min(2 ** (n - 1), videos.MAX_PAUSE) for n in range(1, 8)]
    assert waits == [1, 2, 4, 8, 16, 30, 30]


def test_sources_side_by_side(server, tmp_path):
    with MjpegServer(PHOTO, 20) as other:
        source = open_sources([str(clip(tmp_path / "c.avi")), server.url, other.url])
        with closing(source.frames) as items:
            names = [frame.video for frame in islice(items, 16)]
    assert len(set(names[:6])) == 1 and names[0].endswith("c.avi")
    live = [name for name in names[6:]]
    assert len(set(live)) == 2 and min(map(live.count, set(live))) >= 2


def test_sources_that_never_open():
    for url, words in (
        ("http://127.0.0.1:9/x.mjpg", "cannot be read"),
        ("rtsp://user:secret@127.0.0.1:9/x", "no such camera or stream"),
    ):
        with pytest.raises(InputError, match=words) as error:
            open_source(url)
        assert "\n" not in str(error.value) and "secret" not in str(error.value)
    assert without_password("rtsp://me:pw@host/1?a=@") == "rtsp://host/1?a=@"
    assert without_password("rtsp://me:p@ss@host/1") == "rtsp://host/1"
    assert without_password("http://host?user=a@b") == "http://host?user=a@b"


def test_stride_of_a_file(tmp_path):
    source = open_source(str(clip(tmp_path / "c.avi")), options=StreamOptions(stride=4))
    found = [(f.number, f.fps, f.seconds) for f in source.frames]
    assert found == [(1, 2.5, 0), (5, 2.5, 0.4)] and source.count == 2


def test_stream_that_changes_its_size(tmp_path, monkeypatch, capsys):
    """Its pictures go on in another file, and both play."""
    monkeypatch.chdir(tmp_path)
    clip(Path("a.avi"))
    read_video = videos.read_video

    def changing(*args):
        for frame in read_video(*args):
            if frame.number > 4:
                frame = frame._replace(image=frame.image[:60])
            yield frame

    monkeypatch.setattr("mmyolo_mnv1.deploy.runtime.sources.read_video", changing)
    summary = predict(blob_detector(), ["a.avi"], Path("out"), ["pictures"])
    assert summary.images == 6
    assert "a.avi/000005: now 100 x 60 px, in a new file" in capsys.readouterr().out
    counts = {p.name: count_frames(p) for p in Path("out/pictures").iterdir()}
    assert counts == {"a.mp4": 4, "a.avi.mp4": 2}


def test_folder_with_a_colon(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clip(Path("b.avi"))
    predict(blob_detector(), ["b.avi"], Path("10:00"), ["pictures"])
    assert count_frames((tmp_path / "10:00/pictures/b.mp4").rename("b.mp4")) == 6


def test_video_that_is_gone_when_its_turn_comes(tmp_path):
    path = clip(tmp_path / "b.avi")
    source = open_source(str(path))
    path.unlink()
    (item,) = source.frames
    assert item == Unreadable(str(path), "cannot be opened any more")


@pytest.mark.parametrize("form", ["coco", "csv"])
def test_folder_that_cannot_be_written(tmp_path, monkeypatch, form):
    """The file is opened, not its folder."""
    clip(tmp_path / "b.avi")

    def refuse(path, *args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"out/detections.\w+ cannot .*Permission den"):
        predict(blob_detector(), [str(tmp_path / "b.avi")], tmp_path / "out", [form])
    assert not list((tmp_path / "out").iterdir())


def test_video_beyond_the_limits_of_mpeg_4(tmp_path, capsys):
    """The video is reported and counted as skipped once; the photo is processed."""
    cv2.imwrite(str(tmp_path / "a.png"), PHOTO)
    clip(tmp_path / "b.avi", [(8200, 80)] * 3)
    summary = predict(blob_detector(), [str(tmp_path)], tmp_path / "out", ["pictures"])
    assert (summary.images, summary.skipped) == (4, 1)
    (line,) = [x for x in capsys.readouterr().out.splitlines() if "MPEG-4" in x]
    assert "b.avi/000001: 8200 x 80 px" in line
    assert [p.suffix for p in (tmp_path / "out").rglob("*.*")] == [".png"]


@pytest.mark.parametrize("fps", [239.231, 29.97, 23.976, 0.1])
def test_odd_frame_rates(tmp_path, fps):
    image = np.zeros((32, 32, 3), np.uint8)
    frame = Frame("", image, "v", fps)
    with ExitStack() as files:
        VideoFile(tmp_path / "v.mp4", frame, files).write(frame, image)
    found = cv2.VideoCapture(str(tmp_path / "v.mp4")).get(cv2.CAP_PROP_FPS)
    assert found == pytest.approx(fps, abs=0.01)


def test_incomplete_video_does_not_appear(tmp_path):
    """A full disk: OpenCV reports nothing. The other outputs are completed."""
    clip(tmp_path / "b.avi")
    write = VideoFile.write

    def lose_one(video, frame, picture):
        write(video, frame, picture)
        video._written += frame.number == 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VideoFile, "write", lose_one)
        with pytest.raises(InputError, match="b.mp4 cannot be written .the video is i"):
            predict(blob_detector(), [str(tmp_path)], tmp_path / "out")
    names = {p.name for p in (tmp_path / "out").glob("*.*")}
    assert names == {"detections.csv", "detections.json"}
    assert not list((tmp_path / "out").rglob("*.mp4"))


@pytest.mark.parametrize("failing", ["coco", "csv"])
def test_error_in_one_output_keeps_the_others(tmp_path, monkeypatch, failing):
    clip(tmp_path / "b.avi")
    write = WRITERS[failing].write

    def fill_disk(writer, frame, detections):
        write(writer, frame, detections)
        if frame.number == 3:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(WRITERS[failing], "write", fill_disk)
    files = dict(coco="detections.json", csv="detections.csv")
    with pytest.raises(InputError, match=f"{files[failing]} cannot be .*No space"):
        predict(blob_detector(), [str(tmp_path)], tmp_path / "out", files)
    (other,) = (tmp_path / "out").iterdir()
    assert other.name in files.values() and other.name != files[failing]
    assert "b.avi/000002" in other.read_text()


def test_missing_encoder_keeps_what_was_done(tmp_path, monkeypatch):
    cv2.imwrite(str(tmp_path / "a.png"), PHOTO)
    clip(tmp_path / "b.avi")

    class Closed:
        def __init__(self, *args):
            pass

        def isOpened(self):  # noqa: N802
            return False

    monkeypatch.setattr(cv2, "VideoWriter", Closed)
    with pytest.raises(InputError, match="no encoder for mp4v: leave pictures out"):
        predict(blob_detector(), [str(tmp_path)], tmp_path / "out")
    coco = json.loads((tmp_path / "out/detections.json").read_text())
    assert len(coco["images"]) >= 1 and len(coco["annotations"]) >= 2
    assert not [p for p in (tmp_path / "out").rglob("*") if p.name.startswith(".")]


def test_video_of_a_live_source_plays_in_real_time(tmp_path):
    """Frames at 0, 0.5 and 1 s of 10 Hz fill eleven; a long pause fills one second."""
    image = np.zeros((32, 32, 3), np.uint8)
    for times, expected in (((0, 0.5, 1), 11), ((0, 9, 9.1), 12), ((0, 0.01), 2)):
        with ExitStack() as files:
            frames = [Frame("", image, "v", 10, 1, t, True) for t in times]
            video = VideoFile(tmp_path / "v.mp4", frames[0], files)
            for frame in frames:
                video.write(frame, image)
        assert count_frames(tmp_path / "v.mp4") == expected


def test_sigterm_leaves_a_video_that_plays(server, narrow, root, tmp_path):
    args = [narrow.files["onnx"], server.url, "--out", tmp_path, "--threads", "1"]
    process = subprocess.Popen(
        [sys.executable, root / "tools/predict.py", *map(str, args)],
        stdout=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 120
    while not list(tmp_path.rglob(".*.mp4")):
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and "interrupted" in out
    assert "latency" in out and "frames dropped, 0 reconnects" in out
    (video,) = (tmp_path / "pictures").rglob("*.mp4")
    images = json.loads((tmp_path / "detections.json").read_text())["images"]
    assert count_frames(video) >= len(images) >= 1


def test_options_out_of_range(tmp_path):
    source = [str(clip(tmp_path / "c.avi"))]
    for options, words in (
        (dict(stride=0), "--stride 0"),
        (dict(retry=-1), "--retry -1"),
    ):
        with pytest.raises(InputError, match=words):
            predict(blob_detector(), source, options=StreamOptions(**options))
