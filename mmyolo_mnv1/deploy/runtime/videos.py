"""Videos, cameras and streams, read by OpenCV.

A thread reads each live source, so that frames do not wait behind a slow model: only
the newest frame is kept. A source that is lost is opened again.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from ...errors import one_line
from .frames import TIMEOUT, Frame, Unreadable, without_password

#: Longest pause between two attempts to open a lost source, in seconds.
MAX_PAUSE = 30
#: Frames that wait for the detector if every one is kept.
BACKLOG = 8
#: Frame rates that are believed; drivers report 0, 1000 or 90000 where they know none.
FRAME_RATES = (0.1, 240)


class StreamOptions(NamedTuple):
    """How videos and live sources are read.

    Args:
        stride (int): Every how many-th frame is taken. Defaults to 1.
        every_frame (bool): Whether a live source keeps the frames that the detector is
            too slow for. Defaults to False.
        retry (int): Attempts to open a lost live source again, after pauses of 1, 2, 4
            seconds and so on. Defaults to 5.
    """

    stride: int = 1
    every_frame: bool = False
    retry: int = 5


class LiveStream:
    """Live source, read by a thread.

    Args:
        text (str): Number of a camera, or URL.
        name (str): Name of its frames.
        options (StreamOptions): How to read it.
        video (cv2.VideoCapture): The source, open.
    """

    def __init__(
        self, text: str, name: str, options: StreamOptions, video: cv2.VideoCapture
    ) -> None:
        self.text, self.name, self.options = text, name, options
        self._label = without_password(text)
        #: Frames that newer ones replaced, and times that it was lost and found.
        self.dropped = self.reconnects = 0
        self._video, self._number = video, 0
        size = BACKLOG if options.every_frame else 1
        self._items: deque[Frame | Unreadable] = deque(maxlen=size)
        self._stopped = False

    def start(self, changed: threading.Condition) -> None:
        """Start to read; ``changed`` is notified of each frame."""
        self._changed = changed
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> threading.Thread:
        """Stop to read; a read that hangs is left to its timeout.

        Returns:
            threading.Thread: The thread, about to end.
        """
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        return self._thread

    def take(self) -> Frame | Unreadable | None:
        """Next frame, or the reason of the end; None if it is still awaited."""
        if not self._items:
            return None
        self._changed.notify_all()  # room in the backlog
        return self._items.popleft()

    def _run(self) -> None:
        try:
            reason = self._read()
        except Exception as e:  # the detector's thread would wait for ever
            reason = one_line(e)
        self._put(Unreadable(self._label, reason))

    def _read(self) -> str:
        """Read until the source is lost for good; returns the reason."""
        failures = 0
        while not self._stopped and failures <= self.options.retry:
            if failures and not self._reopen(failures):
                failures += 1
                continue
            success, image = self._video.read()
            if success:
                self.reconnects += failures > 0
                failures = 0
                self._keep(image)
            else:
                self._video.release()
                failures += 1
        self._video.release()
        reason = f"ends after {self._number} frames"
        if self.options.retry:
            reason += f", lost, and {self.options.retry} attempts to open it failed"
        return reason

    def _reopen(self, failures: int) -> bool:
        pause = min(2 ** (failures - 1), MAX_PAUSE)
        tqdm.write(f"{self._label}: lost; attempt {failures} in {pause} s")
        with self._changed:
            self._changed.wait_for(lambda: self._stopped, pause)
        self._video = open_capture(self.text)
        return self._video.isOpened()

    def _keep(self, image: np.ndarray) -> None:
        now = time.monotonic()
        self._number += 1
        stride = self.options.stride
        if (self._number - 1) % stride == 0:
            name, fps = f"{self.name}/{self._number:06d}", frame_rate(self._video)
            self._put(
                Frame(name, image, self.name, fps / stride, self._number, now, True)
            )

    def _put(self, item: Frame | Unreadable) -> None:
        with self._changed:
            keep = self.options.every_frame or isinstance(item, Unreadable)
            if keep:
                self._changed.wait_for(
                    lambda: self._stopped or len(self._items) < self._items.maxlen
                )
            self.dropped += not keep and len(self._items) == self._items.maxlen
            self._items.append(item)
            self._changed.notify_all()


def read_live(streams: Sequence[LiveStream]) -> Iterator[Frame | Unreadable]:
    """Read live sources side by side, in turns, until the last one ends."""
    changed, reading = threading.Condition(), deque(streams)
    for stream in streams:
        stream.start(changed)
    try:
        while reading:
            with changed:
                while (item := _take_first(reading)) is None:
                    changed.wait()
            yield item
    finally:
        for thread in [stream.stop() for stream in streams]:
            thread.join(1)


def _take_first(reading: deque[LiveStream]) -> Frame | Unreadable | None:
    """Take an item of the first source that has one, and put that source last."""
    for _ in range(len(reading)):
        stream = reading.popleft()
        item = stream.take()
        if not isinstance(item, Unreadable):
            reading.append(stream)
        if item is not None:
            return item
    return None


def open_capture(text: str) -> cv2.VideoCapture:
    """Open a file, the number of a camera, or a URL, with OpenCV's timeouts."""
    if text.isdecimal():
        return cv2.VideoCapture(int(text))
    if os.path.isfile(text):  # whose name may look like a URL: 10:00.mp4
        return cv2.VideoCapture(os.path.abspath(text))
    milliseconds = 1000 * TIMEOUT
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, milliseconds]
    limits += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, milliseconds]
    return cv2.VideoCapture(text, cv2.CAP_ANY, limits)


def frame_rate(video: cv2.VideoCapture) -> float:
    """Frame rate in Hz; 25 if the source gives no credible one."""
    fps = video.get(cv2.CAP_PROP_FPS)
    return fps if FRAME_RATES[0] <= fps <= FRAME_RATES[1] else 25.0


def frame_count(video: cv2.VideoCapture) -> int | None:
    """Frames that the header announces; None for a live source, and for some files."""
    count = video.get(cv2.CAP_PROP_FRAME_COUNT)
    return int(count) if 0 < count < 2**31 else None


def read_video(
    video: cv2.VideoCapture, text: str, name: str, stride: int
) -> Iterator[Frame | Unreadable]:
    """Read a video from its start to its end, and say so if it ends early."""
    count, fps = frame_count(video), frame_rate(video)
    number, seconds = 0, 0.0
    while video.grab():
        if number:
            given = video.get(cv2.CAP_PROP_POS_MSEC) / 1000
            seconds = given if given > seconds else seconds + 1 / fps
        if number % stride == 0:
            success, image = video.retrieve()
            if not success:
                break
            place = f"{name}/{number + 1:06d}"
            yield Frame(place, image, name, fps / stride, number + 1, seconds)
        number += 1
    rate = video.get(cv2.CAP_PROP_FPS)
    video.release()
    if _ends_early(text, count, rate, number, seconds):
        yield Unreadable(text, f"ends after {number} of {count} frames")


def _ends_early(
    text: str, count: int | None, rate: float, number: int, seconds: float
) -> bool:
    """Whether a video has fewer frames than its header announces.

    OpenCV computes the count of some containers from a duration: of AVI, with a time
    base in place of a frame rate, and of Matroska and WebM, from that of the longest
    track. Of these, less than half counts as early.

    Args:
        text (str): The video.
        count (int, optional): Frames by the header.
        rate (float): Frame rate in Hz by the header.
        number (int): Frames read.
        seconds (float): Time of the last one.
    """
    if not count or number >= count:
        return False
    interval = seconds / max(number - 1, 1)
    share = 0.5 if text.lower().endswith((".mkv", ".webm")) else 1
    return rate <= 0 or seconds + 1.5 * interval < share * count / rate
