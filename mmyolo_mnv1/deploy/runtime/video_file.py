"""A video file that is written frame by frame, and plays in real time."""

import os
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np

from ...errors import InputError
from ...files import atomic_write
from .frames import Frame

FRAMES = cv2.CAP_PROP_FRAME_COUNT
#: Longest side of an MPEG-4 video in pixels.
MAX_SIDE = 8191


class EncodingError(Exception):
    """An image or video that cannot be encoded in the format of its file."""


class VideoFile:
    """MPEG-4 video; it appears, whole, when its context ends.

    Args:
        path (Path): File to write, ``.mp4``.
        first (Frame): First frame, which decides size and frame rate.
        files (ExitStack): Context that completes the file.

    Raises:
        InputError: If it cannot be written, or this OpenCV has no encoder.
        EncodingError: If a side exceeds :data:`MAX_SIDE`.
    """

    def __init__(self, path: Path, first: Frame, files: ExitStack) -> None:
        self.size = first.image.shape[1::-1]
        if max(self.size) > MAX_SIDE:
            raise EncodingError(
                f"{self.size[0]} x {self.size[1]} px, above the {MAX_SIDE} px of a "
                "side of MPEG-4: no video of its pictures"
            )
        # MPEG-4 counts time in at most 65535 parts of a second.
        fps = round(first.fps, 3 if first.fps < 65 else 2)
        codec = cv2.VideoWriter_fourcc(*"mp4v")
        with ExitStack() as opening:
            # FFmpeg takes a relative path with a colon for a URL.
            self._path = os.path.abspath(opening.enter_context(atomic_write(path)))
            self._video = cv2.VideoWriter(self._path, codec, fps, self.size)
            if not self._video.isOpened():
                raise InputError(
                    f"{path} cannot be written: this OpenCV has no encoder for mp4v: "
                    "leave pictures out of --save, or pip install opencv-python"
                )
            opening.callback(self._finish)
            files.push(opening.pop_all())
        self._start, self._count = first.seconds, 0
        self._written = 0

    def write(self, frame: Frame, picture: np.ndarray) -> None:
        """Append a picture of the frame.

        Of a live source it is repeated in place of frames that were dropped, for a
        second at most, so that the video plays as fast as the source.
        """
        copies = 1
        if frame.live:
            due = 1 + round((frame.seconds - self._start) * frame.fps)
            copies = min(max(due - self._count, 1), max(round(frame.fps), 1))
            self._count = max(due, self._count + copies)
        for _ in range(copies):
            self._video.write(picture)
        self._written += copies

    def _finish(self) -> None:
        """Release the video writer, and check the number of frames in the file.

        OpenCV reports no error of the disk.

        Raises:
            OSError: If it does not.
        """
        self._video.release()
        if int(cv2.VideoCapture(self._path).get(FRAMES)) < self._written:
            raise OSError(None, "the video is incomplete")
