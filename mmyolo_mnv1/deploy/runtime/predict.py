"""Detection in images, videos and camera streams, for ``tools/predict.py``."""

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
    """Counts of a run.

    Args:
        images (int): Images processed.
        boxes (int): Boxes detected.
        skipped (int): Files that could not be read, or not to their end.
        seconds (float): Time from the first image to the last.
    """

    images: int
    boxes: int
    skipped: int
    seconds: float

    def __str__(self) -> str:
        """Summary in one line."""
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
    """Detect objects in images, videos or a camera stream, one image at a time.

    Unreadable files are reported, counted and skipped. Ctrl-C stops the run and keeps
    its results. Memory does not grow with the number of images.

    Args:
        detector (Detector): The detector.
        sources (Sequence[str]): See :func:`.open_source`.
        out (Path, optional): Output folder. Defaults to None, no output.
        forms (Sequence[str]): Keys of :data:`.WRITERS`. Defaults to all.
        show (bool): Whether to show the images on the screen. Defaults to False.

    Raises:
        InputError: If a source does not exist, a file cannot be written, or ``show`` is
            set without a screen.
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
                if isinstance(item, Frame):
                    item, detections = _detect(detector, item)
                if isinstance(item, Unreadable):
                    skipped += 1
                    tqdm.write(f"{item.name}: {item.reason}; skipped")
                else:
                    for writer in writers:
                        writer.write(item, detections)
                    images, boxes = images + 1, boxes + len(detections.labels)
                    if show and not _show(item, detections):
                        break
                bar.update()
        except KeyboardInterrupt:
            tqdm.write("interrupted: what was found so far is kept")
        seconds = time.perf_counter() - start
    return Summary(images, boxes, skipped, seconds)


def _detect(
    detector: Detector, frame: Frame
) -> tuple[Frame | Unreadable, Detections | None]:
    """Detect in one image; an image that the engine cannot process is unreadable."""
    try:
        return frame, detector(frame.image)
    except Exception as e:  # every runtime has its own exceptions
        line = " ".join(str(e).split())[:160]
        return Unreadable(frame.name, f"{type(e).__name__}: {line}"), None


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
