"""Detection in many images: what ``tools/predict.py`` does."""

import os
import re
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import cv2
from tqdm import tqdm

from ...errors import InputError
from .detector import Detections, Detector
from .sources import Frame, Unreadable, open_sources, read_ahead
from .writers import WRITERS, draw, open_writers

WINDOW = "mmyolo-mnv1: q or Esc ends"
KEYS = (ord("q"), 27)


class Summary(NamedTuple):
    """What was done.

    Args:
        images (int): In which was looked.
        boxes (int): Found.
        skipped (int): Files that could not be read, or not to their end.
        seconds (float): From the first image to the last.
    """

    images: int
    boxes: int
    skipped: int
    seconds: float

    def __str__(self) -> str:
        rate = self.images / self.seconds if self.seconds else 0
        skipped = f", {self.skipped} skipped" * bool(self.skipped)
        return f"{self.images} images, {self.boxes} boxes{skipped}; {rate:.1f} images/s"


def predict(
    detector: Detector,
    sources: Sequence[str],
    out: Path | None = None,
    forms: Sequence[str] = tuple(WRITERS),
    show: bool = False,
) -> Summary:
    """Detect in images, videos or a camera, one image after the other.

    What cannot be read is named, counted and skipped. Ctrl-C ends it as the end of the
    sources does. Memory does not grow with the number of images.

    Args:
        detector (Detector): That detects.
        sources (Sequence[str]): See :func:`.open_source`.
        out (Path, optional): Folder to write to. Defaults to None: nothing is written.
        forms (Sequence[str]): What is written, of :data:`.WRITERS`.
            Defaults to all of it.
        show (bool): Whether to show the images on the screen. Defaults to False.

    Raises:
        InputError: If a source is none, something cannot be written, or there is no
            screen.
    """
    if show:
        _check_screen()
    source = open_sources(sources)
    images = boxes = skipped = 0
    with ExitStack() as stack:
        bar = stack.enter_context(tqdm(total=source.count, unit="image", disable=None))
        writers = []
        if out:
            writers = stack.enter_context(open_writers(out, forms, detector.names))
        start = time.perf_counter()
        try:
            for item in read_ahead(source.frames):
                if isinstance(item, Unreadable):
                    skipped += 1
                    tqdm.write(f"{item.name}: {item.reason}; skipped")
                else:
                    found = detector(item.image)
                    for writer in writers:
                        writer.write(item, found)
                    images, boxes = images + 1, boxes + len(found.labels)
                    if show and not _show(item, found):
                        break
                bar.update()
        except KeyboardInterrupt:
            tqdm.write("interrupted: what was found so far is kept")
        seconds = time.perf_counter() - start
    return Summary(images, boxes, skipped, seconds)


def _check_screen() -> None:
    """See to it that there is a screen, before OpenCV's windows abort the process.

    Raises:
        InputError: If there is none, or this OpenCV has no windows.
    """
    screens = "DISPLAY", "WAYLAND_DISPLAY"
    there = sys.platform != "linux" or any(map(os.environ.get, screens))
    if not there or re.search(r"GUI:\s+NONE", cv2.getBuildInformation()):
        raise InputError(
            "--show: no screen, or an OpenCV without windows (pip install "
            "opencv-python): leave it out"
        )


def _show(frame: Frame, found: Detections) -> bool:
    """Show an image.

    Returns:
        bool: Whether to go on.
    """
    cv2.imshow(WINDOW, draw(frame.image, found))
    return cv2.waitKey(1) not in KEYS
