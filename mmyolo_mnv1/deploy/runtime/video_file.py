"""A video file that is written frame by frame, and plays in real time."""

from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np

from ...errors import InputError
from ...files import atomic_write
from .frames import Frame


class VideoFile:
    """MPEG-4 video; it appears, whole, when its context ends.

    Args:
        path (Path): File to write, ``.mp4``.
        first (Frame): First frame, which decides size and frame rate.
        files (ExitStack): Context that completes the file.

    Raises:
        InputError: If it cannot be written, or this OpenCV has no encoder.
    """

    def __init__(self, path: Path, first: Frame, files: ExitStack) -> None:
        self.size = first.image.shape[1::-1]
        codec = cv2.VideoWriter_fourcc(*"mp4v")
        with ExitStack() as opening:
            temporary = str(opening.enter_context(atomic_write(path)))
            self._video = cv2.VideoWriter(temporary, codec, first.fps, self.size)
            if not self._video.isOpened():
                raise InputError(
                    f"{path} cannot be written: this OpenCV has no encoder for mp4v: "
                    "leave pictures out of --save, or pip install opencv-python"
                )
            opening.callback(self._video.release)
            files.push(opening.pop_all())
        self._start, self._count = first.seconds, 0

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
