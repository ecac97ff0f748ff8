"""Images on their way from a source to the detector."""

import re
from typing import NamedTuple

import numpy as np

#: Seconds until a server has to answer, or to send the next frame.
TIMEOUT = 10


class Frame(NamedTuple):
    """An image, decoded.

    Args:
        name (str): Path below an output folder: the given path without its root and
            ``..``. Frames of a video are ``clip.mp4/000001`` and so on.
        image (np.ndarray): (H, W, 3) uint8 BGR, rotated by its EXIF orientation.
        video (str): Name of its video or stream; empty for a photo. Defaults to "".
        fps (float): Frames taken from the video per second. Defaults to 0.
        number (int): Number in the video, from 1. Defaults to 0.
        seconds (float): Time in the video; of a live source, time of capture on the
            clock ``time.monotonic``. Defaults to 0.
        live (bool): Whether it comes from a camera or stream. Defaults to False.
    """

    name: str
    image: np.ndarray
    video: str = ""
    fps: float = 0.0
    number: int = 0
    seconds: float = 0.0
    live: bool = False


class Unreadable(NamedTuple):
    """A file that could not be read, or a source that was lost.

    Args:
        name (str): Its path.
        reason (str): Short reason.
    """

    name: str
    reason: str


def without_password(url: str) -> str:
    """Remove user name and password from a URL, for file names and messages."""
    return re.sub(r"^([a-z][\w+.-]*://)[^/?#]*@", r"\1", url, flags=re.IGNORECASE)
