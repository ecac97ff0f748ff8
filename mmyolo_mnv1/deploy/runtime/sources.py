"""Image sources: files, folders, globs, videos, cameras, lists of files."""

import glob
import io
import itertools
import os
import sys
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple, TypeVar

import cv2
import numpy as np

from ...errors import InputError

IMAGES = (
    *(".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"),
    *(".avif", ".gif", ".jfif", ".jp2", ".jpe", ".mpo", ".pgm", ".ppm"),
    *(".cr2", ".dng", ".heic", ".heif", ".nef"),  # readable with a plugin of Pillow
)
VIDEOS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv")

#: Seconds until a server has to answer, and limit of a photo from the web.
TIMEOUT, MAX_BYTES = 10, 256 << 20

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


class UniqueNames:
    """Output names: a name that was given before gets a number.

    ``s/x.jpg`` and ``../s/x.jpg`` become ``s/x.jpg`` and ``s/x_2.jpg``.
    """

    def __init__(self) -> None:
        self._hashes: set[int] = set()

    def __call__(self, name: str) -> str:
        """The name, or the first free one with a number."""
        path, number = Path(name), 1
        unique = name
        while hash(unique) in self._hashes:
            number += 1
            unique = str(path.with_name(f"{path.stem}_{number}{path.suffix}"))
        self._hashes.add(hash(unique))
        return unique


def open_source(text: str, names: UniqueNames | None = None) -> FrameSource:
    """Open a source.

    Args:
        text (str): An image, a folder (searched recursively for images and videos,
            also behind links), a glob, a video, the number of a camera, the URL of a
            photo or stream, or ``-`` for a list of images on standard input.
        names (UniqueNames, optional): Names of earlier sources. Defaults to None.

    Raises:
        InputError: If it does not exist or contains no image.
    """
    path, names = Path(text), names or UniqueNames()
    if text == "-":
        lines = (line.rstrip("\n") for line in sys.stdin)
        return FrameSource(None, _read_all(lines, names))
    if path.is_dir():
        return _open_files(find_images(path, VIDEOS), names)
    if not path.exists():
        if text.startswith(("http://", "https://")) and (data := _download(text)):
            return FrameSource(1, _decode_all({text: data}, names))
        if text.isdecimal() or "://" in text:
            return _open_video(text, names)
        files = sorted(p for p in glob.glob(text, recursive=True) if os.path.isfile(p))
        if not files:
            raise InputError(
                f"source {text}: no such file, folder or camera, and no file fits it "
                "as a glob"
            )
        return _open_files(files, names)
    return _open_files([text], names)


def open_sources(texts: Sequence[str]) -> FrameSource:
    """Open several sources as one."""
    names = UniqueNames()
    return _chain([open_source(text, names) for text in texts])


def find_images(folder: Path, others: tuple[str, ...] = ()) -> list[str]:
    """List the image files of a folder, recursively, also behind links; sorted.

    Hidden files and what systems leave beside data are passed over, with a note of
    their number on standard error.

    Args:
        folder (Path): The folder.
        others (tuple[str, ...]): Further suffixes, in lower case. Defaults to none.

    Raises:
        InputError: If there is no image.
    """
    paths, hidden, seen = [], 0, set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        seen.add(os.path.realpath(parent))
        inside = [name for name in folders if not _is_hidden(name)]
        hidden += len(folders) - len(inside)
        folders[:] = [
            name
            for name in inside
            if os.path.realpath(os.path.join(parent, name)) not in seen
        ]
        matching = [n for n in files if n.lower().endswith(IMAGES + others)]
        visible = [name for name in matching if not _is_hidden(name)]
        hidden += len(matching) - len(visible)
        paths += [os.path.join(parent, name) for name in visible]
    if hidden:
        print(f"{folder}: {hidden} hidden files and folders left out", file=sys.stderr)
    paths.sort()
    if not paths:
        raise InputError(
            f"folder {folder} has no image: give one with {', '.join(IMAGES)}"
        )
    return paths


def _download(url: str) -> bytes | None:
    """Download a photo; None if the address is that of a stream or video.

    Raises:
        InputError: If the address cannot be read, or the photo is too large.
    """
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
            if response.headers.get_content_maintype() != "image":
                return None
            data = response.read(MAX_BYTES + 1)
    except (OSError, ValueError, HTTPException) as e:
        raise InputError(
            f"source {url} cannot be read ({e}): see the address"
        ) from None
    if len(data) > MAX_BYTES:
        raise InputError(
            f"source {url} has more than {MAX_BYTES >> 20} MiB: get a file"
        )
    return data


def read_image(path: str) -> np.ndarray:
    """Read an image, (H, W, 3) uint8 BGR, rotated by its EXIF orientation.

    Raises:
        ValueError: If it cannot be read, with the reason.
    """
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as e:
        raise ValueError(e.strerror or str(e)) from None
    return _decode(data, path)


def _decode(data: np.ndarray, name: str) -> np.ndarray:
    """Decode an image, by OpenCV or else by Pillow.

    Raises:
        ValueError: If neither can, with the reason.
    """
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    except cv2.error as e:  # more pixels than OpenCV's limit
        raise ValueError(f"OpenCV: {e.err}") from None
    if image is None:
        image = _decode_by_pillow(data, name)
    if image is None:
        raise ValueError("damaged or no image")
    return image


def _decode_by_pillow(data: np.ndarray, name: str) -> np.ndarray | None:
    """Decode a format that OpenCV does not, if Pillow is installed and can."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        return None
    if name.lower().endswith((".jpg", ".jpeg", ".png")):
        return None  # damaged: Pillow would give up later, or fill it with grey
    try:
        with Image.open(io.BytesIO(data.tobytes())) as image:
            rgb = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, SyntaxError, ValueError):
        return None
    return np.ascontiguousarray(np.asarray(rgb)[..., ::-1])


def read_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield the same items, computing the next one in a thread meanwhile."""
    end = object()
    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(next, items, end)
        while (item := upcoming.result()) is not end:
            upcoming = pool.submit(next, items, end)
            yield item


def _open_files(paths: Sequence[str], names: UniqueNames) -> FrameSource:
    """Open images and videos, in the given order."""
    sources = []
    for are_videos, group in itertools.groupby(paths, _is_video):
        files = list(group)
        if are_videos:
            sources += [_open_video(file, names) for file in files]
        else:
            sources.append(FrameSource(len(files), _read_all(files, names)))
    return _chain(sources)


def _read_all(paths: Iterable[str], names: UniqueNames) -> Iterator[Frame | Unreadable]:
    for path in paths:
        try:
            yield Frame(names(_name(path)), read_image(path))
        except ValueError as e:
            yield Unreadable(path, str(e))


def _decode_all(
    photos: dict[str, bytes], names: UniqueNames
) -> Iterator[Frame | Unreadable]:
    for name, data in photos.items():
        try:
            image = _decode(np.frombuffer(data, np.uint8), name)
            yield Frame(names(_name(name.partition("?")[0])), image)
        except ValueError as e:
            yield Unreadable(name, str(e))


def _open_video(text: str, names: UniqueNames) -> FrameSource:
    """Open a video file, a camera or a stream."""
    is_file = os.path.isfile(text)
    video = cv2.VideoCapture(int(text) if text.isdecimal() else text)
    if not video.isOpened():
        if not is_file:
            raise InputError(f"source {text}: no such camera or stream")
        return FrameSource(1, iter([Unreadable(text, "damaged or no video")]))
    count = int(video.get(cv2.CAP_PROP_FRAME_COUNT)) if is_file else None
    name = names(_name(text) if is_file else f"camera{_name(text)}")
    return FrameSource(count, _read_video(video, text, name, count))


def _read_video(
    video: cv2.VideoCapture, text: str, name: str, count: int | None
) -> Iterator[Frame | Unreadable]:
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


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "@eaDir")


def _is_video(path: str) -> bool:
    return path.lower().endswith(VIDEOS)


def _name(path: str) -> str:
    """Path below an output folder: relative to the working folder, without ``..``."""
    file = Path(path)
    if file.is_absolute() and file.is_relative_to(Path.cwd()):
        file = file.relative_to(Path.cwd())
    parts = [
        p
        for p in file.parts
        if p not in (file.anchor, "..", "http:", "https:", "rtsp:")
    ]
    return "/".join(parts)
