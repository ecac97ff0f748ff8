"""Image sources: files, folders, globs, videos, cameras, lists of files."""

import glob
import itertools
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

import cv2
import numpy as np

from ...errors import InputError

IMAGES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
VIDEOS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv")

Item = TypeVar("Item")


class Frame(NamedTuple):
    """An image, decoded.

    Args:
        name (str): Path below an output folder: the given path without its root and
            ``..``. Frames of a video are ``clip.mp4/000001`` and so on.
        image (np.ndarray): (H, W, 3) uint8 BGR, rotated by its EXIF orientation.
        video (str): Name of its video; empty for an image. Defaults to "".
        fps (float): Frame rate of the video in Hz. Defaults to 0.
    """

    name: str
    image: np.ndarray
    video: str = ""
    fps: float = 0.0


class Unreadable(NamedTuple):
    """A file that could not be read.

    Args:
        name (str): Its path.
        reason (str): Short reason.
    """

    name: str
    reason: str


class FrameSource(NamedTuple):
    """Images, read lazily.

    Args:
        count (int, optional): Number of images; None if unknown.
        frames (Iterator[Frame or Unreadable]): The images.
    """

    count: int | None
    frames: Iterator[Frame | Unreadable]


def open_source(text: str) -> FrameSource:
    """Open a source.

    Args:
        text (str): An image, a folder (searched recursively), a glob, a video, the
            number of a camera, the URL of a stream, or ``-`` for a list of images on
            standard input.

    Raises:
        InputError: If it does not exist or contains no image.
    """
    path = Path(text)
    if text == "-":
        return FrameSource(None, _read_all(line.rstrip("\n") for line in sys.stdin))
    if path.is_dir():
        return _open_images(find_images(path))
    if not path.exists():
        if text.isdecimal() or "://" in text:
            return _open_video(text)
        files = sorted(p for p in glob.glob(text, recursive=True) if os.path.isfile(p))
        if not files:
            raise InputError(
                f"source {text}: no such file, folder or camera, and no file fits it "
                "as a glob"
            )
        return _open_files(files)
    return _open_files([text])


def open_sources(texts: Sequence[str]) -> FrameSource:
    """Open several sources as one."""
    return _chain([open_source(text) for text in texts])


def find_images(folder: Path) -> list[str]:
    """List the image files of a folder, recursively, sorted.

    Raises:
        InputError: If there is no image.
    """
    paths = sorted(
        os.path.join(parent, name)
        for parent, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith(IMAGES) and not name.startswith(".")
    )
    if not paths:
        raise InputError(
            f"folder {folder} has no image: give one with {', '.join(IMAGES)}"
        )
    return paths


def read_image(path: str) -> np.ndarray:
    """Read an image, (H, W, 3) uint8 BGR, rotated by its EXIF orientation.

    Raises:
        ValueError: If it cannot be read, with the reason.
    """
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as e:
        raise ValueError(e.strerror or str(e)) from None
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if image is None:
        raise ValueError("damaged or no image")
    return image


def read_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield the same items, computing the next one in a thread meanwhile."""
    end = object()
    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(next, items, end)
        while (item := upcoming.result()) is not end:
            upcoming = pool.submit(next, items, end)
            yield item


def _open_files(paths: Sequence[str]) -> FrameSource:
    """Open images and videos, in the given order."""
    sources = []
    for are_videos, group in itertools.groupby(paths, _is_video):
        files = list(group)
        sources += map(_open_video, files) if are_videos else [_open_images(files)]
    return _chain(sources)


def _open_images(paths: Sequence[str]) -> FrameSource:
    return FrameSource(len(paths), _read_all(paths))


def _read_all(paths: Iterable[str]) -> Iterator[Frame | Unreadable]:
    for path in paths:
        try:
            yield Frame(_name(path), read_image(path))
        except ValueError as e:
            yield Unreadable(path, str(e))


def _open_video(text: str) -> FrameSource:
    """Open a video file, a camera or a stream."""
    is_file = os.path.isfile(text)
    video = cv2.VideoCapture(int(text) if text.isdecimal() else text)
    if not video.isOpened():
        if not is_file:
            raise InputError(f"source {text}: no such camera or stream")
        return FrameSource(1, iter([Unreadable(text, "damaged or no video")]))
    count = int(video.get(cv2.CAP_PROP_FRAME_COUNT)) if is_file else None
    return FrameSource(count, _read_video(video, text, count))


def _read_video(
    video: cv2.VideoCapture, text: str, count: int | None
) -> Iterator[Frame | Unreadable]:
    name = _name(text) if os.path.isfile(text) else f"camera{_name(text)}"
    fps = video.get(cv2.CAP_PROP_FPS) or 25.0
    number = 0
    while True:
        success, image = video.read()
        if not success:
            break
        number += 1
        yield Frame(f"{name}/{number:06d}", image, name, fps)
    video.release()
    if count is None or number < count:
        total = "" if count is None else f" of {count}"
        yield Unreadable(text, f"ends after {number}{total} frames")


def _chain(sources: Sequence[FrameSource]) -> FrameSource:
    counts = [source.count for source in sources]
    total = None if None in counts else sum(counts)
    return FrameSource(total, (frame for source in sources for frame in source.frames))


def _is_video(path: str) -> bool:
    return path.lower().endswith(VIDEOS)


def _name(path: str) -> str:
    """Path below an output folder: relative to the working folder, without ``..``."""
    file = Path(path)
    if file.is_absolute() and file.is_relative_to(Path.cwd()):
        file = file.relative_to(Path.cwd())
    parts = [p for p in file.parts if p not in (file.anchor, "..", "http:", "rtsp:")]
    return "/".join(parts)
