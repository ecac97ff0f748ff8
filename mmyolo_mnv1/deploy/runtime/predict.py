"""Detection in images, videos and camera streams, for ``tools/predict.py``."""

import itertools
import os
import re
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from ...errors import InputError, check_least, one_line
from .detections import Detections
from .detector import Detector
from .drawing import draw
from .frames import Frame, Unreadable
from .interrupts import handled_interrupts
from .sources import open_sources
from .tiles import TiledDetector
from .tracking import Tracker
from .video_file import EncodingError
from .videos import StreamOptions
from .writers import open_writers

#: Output formats that are written by default.
FORMS = ("pictures", "coco", "yolo", "csv")
#: Latencies that are kept for the summary.
LATENCIES = 10_000
WINDOW = "mmyolo-mnv1: q or Esc ends"
KEYS = (ord("q"), 27)


class Summary(NamedTuple):
    """Counts of a run.

    Args:
        images (int): Images processed.
        boxes (int): Boxes detected.
        skipped (int): Files that could not be read, or not to their end, and pictures
            that could not be encoded.
        seconds (float): Time from the first image to the last.
        latencies (tuple[float, ...]): Times from capture to result in live sources, in
            seconds; the last :data:`LATENCIES`. Defaults to none.
        dropped (int): Frames of live sources that newer ones replaced. Defaults to 0.
        reconnects (int): Times that a live source was lost and found. Defaults to 0.
    """

    images: int
    boxes: int
    skipped: int
    seconds: float
    latencies: tuple[float, ...] = ()
    dropped: int = 0
    reconnects: int = 0

    def __str__(self) -> str:
        """Summary in one line."""
        rate = self.images / self.seconds if self.seconds else 0
        skipped = f", {self.skipped} skipped" * bool(self.skipped)
        text = f"{self.images} images, {self.boxes} boxes{skipped}; {rate:.1f} images/s"
        if self.latencies:
            median, high = 1000 * np.percentile(self.latencies, [50, 95])
            text += f"; latency {median:.0f} ms (95 % below {high:.0f} ms)"
            text += f", {self.dropped} frames dropped, {self.reconnects} reconnects"
        return text


def predict(
    detector: Detector | TiledDetector,
    sources: Sequence[str],
    out: Path | None = None,
    forms: Sequence[str] | None = None,
    show: bool = False,
    *,
    options: StreamOptions | None = None,
    track: str | None = None,
    batch: int = 1,
) -> Summary:
    """Detect objects in images, videos or live sources.

    Unreadable files are reported, counted and skipped. Ctrl-C and SIGTERM stop the run;
    it keeps its results, also if an error ends it. Memory does not grow with the number
    of images.

    Args:
        detector (Detector or TiledDetector): The detector.
        sources (Sequence[str]): See :func:`.open_source`.
        out (Path, optional): Output folder. Defaults to None, no output.
        forms (Sequence[str], optional): Keys of :data:`.WRITERS`. Defaults to None:
            :data:`FORMS`, with ``track`` also ``mot``.
        show (bool): Whether to show the images on the screen. Defaults to False.
        options (StreamOptions, optional): How to read videos and live sources. Defaults
            to None, the defaults.
        track (str, optional): Member of :data:`.TRACKERS`, for videos and live sources.
            Defaults to None, no tracking.
        batch (int): Images that a dynamic model processes at once; not for live
            sources. Defaults to 1.

    Raises:
        InputError: If a source does not exist, a file cannot be written, an option does
            not fit the sources or the model, or ``show`` is set without a screen.
    """
    if show:
        _check_screen()
    if forms and not out:
        raise InputError(f"--save {' '.join(forms)}: give --out too")
    if forms is None:
        forms = FORMS + ("mot",) * bool(track)
    if "mot" in forms and not track:
        raise InputError("--save mot writes tracks: give --track too")
    if track:
        Tracker(track)  # the library is there
    _check_options(options or StreamOptions(), batch)
    source = open_sources(sources, options, batch)
    if batch > 1 and (source.streams or not detector.takes_batches):
        what = "live sources" if source.streams else "this model (export --dynamic)"
        raise InputError(f"--batch {batch} does not suit {what}: leave it out")
    counts: Counter[str] = Counter()
    latencies: deque[float] = deque(maxlen=LATENCIES)
    trackers: dict[str, Tracker] = {}
    failure = None
    with ExitStack() as stack:
        interrupts = stack.enter_context(handled_interrupts())
        frames = stack.enter_context(closing(source.frames))
        bar = stack.enter_context(tqdm(total=source.count, unit="image", disable=None))
        writers = []
        if out:
            names = detector.names
            writers = stack.enter_context(open_writers(out, forms, names, bool(track)))
        start = time.perf_counter()
        try:
            for item, detections in _detect(detector, interrupts.until(frames), batch):
                bar.update()
                if isinstance(item, Unreadable):
                    counts["skipped"] += 1
                    tqdm.write(f"{item.name}: {item.reason}; skipped")
                    continue
                if track:
                    detections = _track(trackers, track, item, detections)
                if item.live:
                    latencies.append(time.monotonic() - item.seconds)
                for writer in writers:
                    try:
                        writer.add(item, detections)
                    except EncodingError as e:
                        counts["skipped"] += 1
                        tqdm.write(f"{item.name}: {e}")
                counts["images"] += 1
                counts["boxes"] += len(detections.labels)
                if show and not _show(item, detections):
                    break
        except KeyboardInterrupt:
            tqdm.write("interrupted: what was found so far is kept")
        except InputError as e:
            failure = e
        seconds = time.perf_counter() - start
    if failure:
        raise failure
    return Summary(
        counts["images"],
        counts["boxes"],
        counts["skipped"],
        seconds,
        tuple(latencies),
        sum(stream.dropped for stream in source.streams),
        sum(stream.reconnects for stream in source.streams),
    )


def _check_options(options: StreamOptions, batch: int) -> None:
    numbers = dict(stride=options.stride, retry=options.retry, batch=batch)
    check_least(numbers, stride=1, retry=0, batch=1)


def _detect(
    detector: Detector | TiledDetector, items: Iterator[Frame | Unreadable], batch: int
) -> Iterator[tuple[Frame | Unreadable, Detections | None]]:
    """Yield items with the detections in them.

    An image that the engine cannot process is unreadable; if a batch fails, its images
    are processed one by one.
    """
    while group := list(itertools.islice(items, batch)):
        frames = [item for item in group if isinstance(item, Frame)]
        try:
            found = iter(detector.detect([frame.image for frame in frames]))
        except Exception as e:  # every runtime has its own exceptions
            if batch > 1:
                yield from _detect(detector, iter(group), 1)
                continue
            found = iter(())
            group = [Unreadable(frames[0].name, one_line(e))]
        for item in group:
            yield item, next(found) if isinstance(item, Frame) else None


def _track(
    trackers: dict[str, Tracker], kind: str, frame: Frame, detections: Detections
) -> Detections:
    """Track in the frame's video; each video has its own tracker.

    Raises:
        InputError: If the frame is a photo.
    """
    if not frame.video:
        raise InputError(
            f"--track: {frame.name} is a photo: give videos, cameras or streams"
        )
    if frame.video not in trackers:
        trackers[frame.video] = Tracker(kind, frame.fps)
    return trackers[frame.video](detections, frame.seconds)


def _check_screen() -> None:
    """Check for a screen: without one, OpenCV's windows abort the process.

    Raises:
        InputError: If there is no screen, or this OpenCV has no windows.
    """
    variables = "DISPLAY", "WAYLAND_DISPLAY"
    has_screen = sys.platform != "linux" or any(map(os.environ.get, variables))
    if not has_screen or re.search(r"GUI:\s+NONE", cv2.getBuildInformation()):
        raise InputError(
            "--show: no screen, or an OpenCV without windows (pip install "
            "opencv-python): leave it out"
        )


def _show(frame: Frame, detections: Detections) -> bool:
    """Show an image.

    Returns:
        bool: Whether to continue: neither q nor Esc was pressed.
    """
    cv2.imshow(WINDOW, draw(frame.image, detections))
    return cv2.waitKey(1) not in KEYS
