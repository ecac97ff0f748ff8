"""Image sources: files, folders, globs, videos, cameras, lists of files."""

import glob
import itertools
import os
import select
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from ...errors import InputError
from .frames import Frame, Unreadable, without_password
from .images import decode_image, find_images, open_url, read_image
from .videos import (
    LiveStream,
    StreamOptions,
    frame_count,
    open_capture,
    read_live,
    read_video,
)

VIDEOS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv")

Item = TypeVar("Item")


class FrameSource(NamedTuple):
    """Images, read lazily.

    Args:
        count (int, optional): Number of images; None if unknown.
        frames (Iterator[Frame, Unreadable or None]): The images; None while standard
            input has no line.
        streams (tuple[LiveStream, ...]): Live sources among them. Defaults to none.
    """

    count: int | None
    frames: Iterator[Frame | Unreadable | None]
    streams: tuple[LiveStream, ...] = ()


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


def open_source(
    text: str, names: UniqueNames | None = None, options: StreamOptions | None = None
) -> FrameSource:
    """Open a source.

    Args:
        text (str): An image, a folder (searched recursively for images and videos,
            also behind links), a glob, a video, the number of a camera, the URL of a
            photo or stream, or ``-`` for a list of images on standard input.
        names (UniqueNames, optional): Names of earlier sources. Defaults to None.
        options (StreamOptions, optional): How to read videos and live sources.
            Defaults to None, the defaults.

    Raises:
        InputError: If it does not exist or contains no image.
    """
    path, names = Path(text), names or UniqueNames()
    options = options or StreamOptions()
    if text == "-":
        return FrameSource(None, _read_all(_standard_input(), names))
    if path.is_dir():
        return _open_files(find_images(path, VIDEOS), names, options)
    if not path.exists():
        kind = "stream"
        if text.startswith(("http://", "https://")):
            kind, data = open_url(text)
            if kind == "photo":
                photos = {without_password(text): data}
                return FrameSource(1, _decode_all(photos, names))
        if text.isdecimal() or "://" in text:
            return _open_video(text, names, options, live=kind == "stream")
        files = sorted(p for p in glob.glob(text, recursive=True) if os.path.isfile(p))
        if not files:
            raise InputError(
                f"source {text}: no such file, folder or camera, and no file fits it "
                "as a glob"
            )
        return _open_files(files, names, options)
    return _open_files([text], names, options)


def open_sources(
    texts: Sequence[str], options: StreamOptions | None = None, ahead: int = 1
) -> FrameSource:
    """Open several sources as one: files one after the other, live ones side by side.

    Args:
        texts (Sequence[str]): See :func:`open_source`.
        options (StreamOptions, optional): See :func:`open_source`. Defaults to None.
        ahead (int): Images of files that are read ahead. Defaults to 1.
    """
    names = UniqueNames()
    source = _chain([open_source(text, names, options) for text in texts])
    return source._replace(frames=_read_all_sources(source, ahead))


def read_ahead(items: Iterator[Item], ahead: int = 1) -> Iterator[Item]:
    """Yield the items of an iterator; prefetch the next ``ahead`` in a thread.

    None is left out: a source yields it while it waits for input, so that this
    generator can be closed.
    """
    end = object()
    with ThreadPoolExecutor(1) as pool:
        try:
            upcoming = deque(pool.submit(next, items, end) for _ in range(ahead))
            while (item := upcoming.popleft().result()) is not end:
                upcoming.append(pool.submit(next, items, end))
                if item is not None:
                    yield item
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _read_all_sources(source: FrameSource, ahead: int) -> Iterator[Frame | Unreadable]:
    yield from read_ahead(source.frames, ahead)
    yield from read_live(source.streams)


def _open_files(
    paths: Sequence[str], names: UniqueNames, options: StreamOptions
) -> FrameSource:
    """Open images and videos, in the given order."""
    sources = []
    for are_videos, group in itertools.groupby(paths, _is_video):
        files = list(group)
        if are_videos:
            sources += [_open_video(f, names, options, live=False) for f in files]
        else:
            sources.append(FrameSource(len(files), _read_all(files, names)))
    return _chain(sources)


def _standard_input() -> Iterator[str | None]:
    """Yield lines of standard input, and None every 0.5 s while no line arrives."""
    try:
        descriptor = sys.stdin.fileno()
        select.select([descriptor], [], [], 0)
    except (OSError, ValueError):  # no file, or Windows
        yield from (line.rstrip("\r\n") for line in sys.stdin)
        return
    rest = b""
    while True:
        if not select.select([descriptor], [], [], 0.5)[0]:
            yield None
            continue
        data = os.read(descriptor, 1 << 16)
        *lines, rest = (rest + data).split(b"\n")
        if not data and rest:  # the last line may have no end
            lines.append(rest)
        yield from (os.fsdecode(line.rstrip(b"\r")) for line in lines)
        if not data:
            return


def _read_all(
    paths: Iterable[str | None], names: UniqueNames
) -> Iterator[Frame | Unreadable | None]:
    for path in paths:
        if path is None:
            yield None
            continue
        try:
            yield Frame(names(_name(path)), read_image(path))
        except ValueError as e:
            yield Unreadable(_printable(path), str(e))


def _decode_all(
    photos: dict[str, bytes], names: UniqueNames
) -> Iterator[Frame | Unreadable]:
    for name, data in photos.items():
        try:
            image = decode_image(np.frombuffer(data, np.uint8), name)
            yield Frame(names(_name(name.partition("?")[0])), image)
        except ValueError as e:
            yield Unreadable(name, str(e))


def _open_video(
    text: str, names: UniqueNames, options: StreamOptions, live: bool
) -> FrameSource:
    """Open a video file, a recording, a camera or a stream.

    Args:
        text (str): A path, the number of a camera, or a URL.
        names (UniqueNames): Names of earlier sources.
        options (StreamOptions): How to read it.
        live (bool): Whether it is a camera or stream, if it announces no end.
    """
    label = _printable(without_password(text))
    video = open_capture(text)
    if not video.isOpened():
        if not os.path.isfile(text):
            raise InputError(
                f"source {label}: no such camera or stream, or it does not answer"
            )
        return FrameSource(1, iter([Unreadable(label, "damaged or no video")]))
    count = frame_count(video)
    if live and count is None:
        name = names(f"camera{_name(label)}")
        return FrameSource(None, iter(()), (LiveStream(text, name, options, video),))
    video.release()  # a folder may have more videos than a process may open files
    total = count and -(-count // options.stride)
    return FrameSource(total, _read_video(text, label, names(_name(label)), options))


def _read_video(
    text: str, label: str, name: str, options: StreamOptions
) -> Iterator[Frame | Unreadable]:
    video = open_capture(text)
    if video.isOpened():
        yield from read_video(video, label, name, options.stride)
    else:
        yield Unreadable(label, "cannot be opened any more")


def _chain(sources: Sequence[FrameSource]) -> FrameSource:
    counts = [source.count for source in sources]
    return FrameSource(
        None if None in counts else sum(counts),
        (frame for source in sources for frame in source.frames),
        tuple(stream for source in sources for stream in source.streams),
    )


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
    return _printable("/".join(parts))


def _printable(path: str) -> str:
    """Replace bytes of a path that are not valid UTF-8 by U+FFFD."""
    return os.fsencode(path).decode("utf-8", "replace")
