"""Where images come from: files, folders, globs, videos, cameras, lists."""

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
    """An image that was read.

    Args:
        name (str): Its path below an output folder: as it was given, without what
            leads out of there. A video's frames are ``clip.mp4/000001`` and so on.
        image (np.ndarray): (H, W, 3) uint8 BGR, turned as its EXIF says.
        video (str): Name of the video it is of; empty for an image.
        fps (float): Of the video. Defaults to 0.
    """

    name: str
    image: np.ndarray
    video: str = ""
    fps: float = 0.0


class Unreadable(NamedTuple):
    """What could not be read.

    Args:
        name (str): The file.
        reason (str): In a few words.
    """

    name: str
    reason: str


class Source(NamedTuple):
    """Images, read one by one as they are asked for.

    Args:
        count (int, optional): How many; None where that is not known.
        frames (Iterator[Frame or Unreadable]): What is read.
    """

    count: int | None
    frames: Iterator[Frame | Unreadable]


def open_source(text: str) -> Source:
    """Open a source.

    Args:
        text (str): An image, a folder (with the folders in it), a glob, a video, the
            number of a camera, the address of a stream, or ``-`` for a list of images
            on standard input.

    Raises:
        InputError: If it is none of these, or holds no image.
    """
    path = Path(text)
    if text == "-":
        return Source(None, _read_all(line.rstrip("\n") for line in sys.stdin))
    if path.is_dir():
        return _images(find_images(path))
    if not path.exists():
        if text.isdecimal() or "://" in text:
            return _open_video(text)
        found = sorted(p for p in glob.glob(text, recursive=True) if os.path.isfile(p))
        if not found:
            raise InputError(
                f"source {text}: no such file, folder or camera, and no file fits it "
                "as a glob"
            )
        return _files(found)
    return _files([text])


def open_sources(texts: Sequence[str]) -> Source:
    """Open several sources as one."""
    return _chain([open_source(text) for text in texts])


def find_images(folder: Path) -> list[str]:
    """Image files in a folder and the folders in it, in order.

    Raises:
        InputError: If there is none.
    """
    found = sorted(
        os.path.join(place, name)
        for place, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith(IMAGES) and not name.startswith(".")
    )
    if not found:
        raise InputError(
            f"folder {folder} has no image: give one with {', '.join(IMAGES)}"
        )
    return found


def read_image(path: str) -> np.ndarray:
    """Read an image, (H, W, 3) uint8 BGR, turned as its EXIF says.

    Raises:
        ValueError: If it cannot be read: why.
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
    """The same items, the next one being made while this one is used."""
    end = object()
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, items, end)
        while (item := following.result()) is not end:
            following = pool.submit(next, items, end)
            yield item


def _files(paths: Sequence[str]) -> Source:
    """Images and videos, in order."""
    sources = []
    for are_videos, group in itertools.groupby(paths, _is_video):
        files = list(group)
        sources += map(_open_video, files) if are_videos else [_images(files)]
    return _chain(sources)


def _images(paths: Sequence[str]) -> Source:
    return Source(len(paths), _read_all(paths))


def _read_all(paths: Iterable[str]) -> Iterator[Frame | Unreadable]:
    for path in paths:
        try:
            yield Frame(_name(path), read_image(path))
        except ValueError as e:
            yield Unreadable(path, str(e))


def _open_video(text: str) -> Source:
    """A video file, a camera or a stream."""
    is_file = os.path.isfile(text)
    video = cv2.VideoCapture(int(text) if text.isdecimal() else text)
    if not video.isOpened():
        if not is_file:
            raise InputError(f"source {text}: no such camera or stream")
        return Source(1, iter([Unreadable(text, "damaged or no video")]))
    count = int(video.get(cv2.CAP_PROP_FRAME_COUNT)) if is_file else None
    return Source(count, _read_video(video, text, count))


def _read_video(
    video: cv2.VideoCapture, text: str, count: int | None
) -> Iterator[Frame | Unreadable]:
    name = _name(text) if os.path.isfile(text) else f"camera{_name(text)}"
    fps = video.get(cv2.CAP_PROP_FPS) or 25.0
    number = 0
    while True:
        there, image = video.read()
        if not there:
            break
        number += 1
        yield Frame(f"{name}/{number:06d}", image, name, fps)
    video.release()
    if count is None or number < count:
        told = "" if count is None else f" of {count}"
        yield Unreadable(text, f"ends after {number}{told} frames")


def _chain(sources: Sequence[Source]) -> Source:
    counts = [source.count for source in sources]
    total = None if None in counts else sum(counts)
    return Source(total, (frame for source in sources for frame in source.frames))


def _is_video(path: str) -> bool:
    return path.lower().endswith(VIDEOS)


def _name(path: str) -> str:
    """A path as it is below an output folder."""
    place = Path(path)
    if place.is_absolute() and place.is_relative_to(Path.cwd()):
        place = place.relative_to(Path.cwd())
    parts = [p for p in place.parts if p not in (place.anchor, "..", "http:", "rtsp:")]
    return "/".join(parts)
