"""Writers of detections: pictures, COCO JSON, YOLO text, CSV."""

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import cv2
import numpy as np

from ...errors import InputError
from ...files import atomic_write
from .detector import Detections
from .fonts import draw_text, find_font, text_size
from .sources import Frame

#: Colours by label, repeated, BGR.
PALETTE = (
    (180, 119, 31),
    (14, 127, 255),
    (44, 160, 44),
    (40, 39, 214),
    (189, 103, 148),
    (75, 86, 140),
    (194, 119, 227),
    (34, 189, 188),
    (207, 190, 23),
)


class Writer:
    """Base class of the writers; each handles one output format.

    Args:
        folder (Path): Output folder.
        names (Sequence[str]): Class names by label.
        files (ExitStack): Context that completes the files.
    """

    def __init__(self, folder: Path, names: Sequence[str], files: ExitStack) -> None:
        self.folder, self.names, self.files = folder, names, files

    def write(self, frame: Frame, detections: Detections) -> None:
        """Write the detections of one image."""
        raise NotImplementedError


class PictureWriter(Writer):
    """Images with boxes drawn, under ``pictures/``; videos as ``.mp4``."""

    def __init__(self, folder: Path, names: Sequence[str], files: ExitStack) -> None:
        super().__init__(folder, names, files)
        self.video: tuple[str, cv2.VideoWriter] | None = None
        self._video_files = files.enter_context(ExitStack())
        self._videos: set[str] = set()  # names of the videos written so far

    def write(self, frame: Frame, detections: Detections) -> None:
        """See the parent."""
        picture = draw(frame.image, detections)
        if frame.video:
            self._open_video(frame).write(picture)
            return
        name = frame.name
        if not cv2.haveImageWriter(name):  # read by Pillow, or a format to read only
            name = f"{name}.png"
        with atomic_write(self.folder / "pictures" / name) as temporary:
            if not cv2.imwrite(str(temporary), picture):
                raise OSError(None, "OpenCV cannot write it")

    def _open_video(self, frame: Frame) -> cv2.VideoWriter:
        """Writer of the frame's video; a new video closes the previous one."""
        if self.video is None or self.video[0] != frame.video:
            self._video_files.close()
            name = _stem(frame.video)  # clip.avi: clip.mp4, or clip.avi.mp4 if taken
            name = frame.video if f"{name}.mp4" in self._videos else name
            self._videos.add(f"{name}.mp4")
            path = self.folder / "pictures" / f"{name}.mp4"
            temporary = self._video_files.enter_context(atomic_write(path))
            codec = cv2.VideoWriter_fourcc(*"mp4v")
            size = frame.image.shape[1::-1]
            writer = cv2.VideoWriter(str(temporary), codec, frame.fps, size)
            if not writer.isOpened():
                raise InputError(f"{path} cannot be written: OpenCV has no encoder")
            self._video_files.callback(writer.release)
            self.video = frame.video, writer
        return self.video[1]


class CocoWriter(Writer):
    """``detections.json``: COCO images, categories, and annotations with scores."""

    def __init__(self, folder: Path, names: Sequence[str], files: ExitStack) -> None:
        super().__init__(folder, names, files)
        temporary = TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        self.images = files.enter_context(temporary)
        path = files.enter_context(atomic_write(folder / "detections.json"))
        self.file = files.enter_context(path.open("w", encoding="utf-8"))
        categories = [dict(id=i, name=name) for i, name in enumerate(names, 1)]
        self.file.write(f'{{"categories": {json.dumps(categories)},\n"annotations": [')
        self.count = self.boxes = 0
        files.callback(self._finish)

    def write(self, frame: Frame, detections: Detections) -> None:
        """See the parent."""
        self.count += 1
        height, width = frame.image.shape[:2]
        image = dict(id=self.count, file_name=frame.name, width=width, height=height)
        self.images.write(f"{',' * (self.count > 1)}\n{json.dumps(image)}")
        boxes, scores, labels, _ = detections
        rows = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
        rows = rows.astype(float).round(3).tolist()
        for box, score, label in zip(rows, scores, labels, strict=True):
            self.boxes += 1
            annotation = dict(
                id=self.boxes,
                image_id=self.count,
                category_id=int(label) + 1,
                bbox=box,
                area=round(box[2] * box[3], 3),
                score=round(float(score), 5),
                iscrowd=0,
            )
            self.file.write(f"{',' * (self.boxes > 1)}\n{json.dumps(annotation)}")

    def _finish(self) -> None:
        self.file.write('\n],\n"images": [')
        self.images.seek(0)
        self.file.writelines(self.images)
        self.file.write("\n]}\n")


class YoloWriter(Writer):
    """``labels/``, one text file per image: class, relative centre and size, score.

    Of photos that differ in their suffix only, all but the first keep it: ``x.txt`` and
    ``x.png.txt``.
    """

    def __init__(self, folder: Path, names: Sequence[str], files: ExitStack) -> None:
        super().__init__(folder, names, files)
        self._written: set[int] = set()  # hashes of names

    def write(self, frame: Frame, detections: Detections) -> None:
        """See the parent."""
        height, width = frame.image.shape[:2]
        x1, y1, x2, y2 = (detections.boxes / np.float32([width, height] * 2)).T
        columns = (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, detections.scores
        lines = [
            f"{label} {' '.join(f'{value:.6f}' for value in values)}\n"
            for label, *values in zip(detections.labels, *columns, strict=True)
        ]
        name = frame.name if frame.video else _stem(frame.name)
        name = frame.name if hash(name) in self._written else name
        if not frame.video:
            self._written.add(hash(name))
        with atomic_write(self.folder / "labels" / f"{name}.txt") as temporary:
            temporary.write_text("".join(lines), encoding="utf-8")


class CsvWriter(Writer):
    """``detections.csv``, one line per box."""

    HEADINGS = ("image", "label", "name", "score", "x1", "y1", "x2", "y2")

    def __init__(self, folder: Path, names: Sequence[str], files: ExitStack) -> None:
        super().__init__(folder, names, files)
        path = files.enter_context(atomic_write(folder / "detections.csv"))
        file = files.enter_context(path.open("w", encoding="utf-8", newline=""))
        self.rows = csv.writer(file)
        self.rows.writerow(self.HEADINGS)

    def write(self, frame: Frame, detections: Detections) -> None:
        """See the parent."""
        for box, score, label, name in zip(*detections, strict=True):
            numbers = [f"{value:.3f}" for value in box]
            self.rows.writerow([frame.name, label, name, f"{score:.5f}", *numbers])


WRITERS: dict[str, type[Writer]] = dict(
    pictures=PictureWriter, coco=CocoWriter, yolo=YoloWriter, csv=CsvWriter
)


@contextmanager
def open_writers(
    folder: Path, forms: Sequence[str], names: Sequence[str]
) -> Iterator[list[Writer]]:
    """Open writers; files appear when the block ends, pictures one by one.

    Args:
        folder (Path): Output folder.
        forms (Sequence[str]): Keys of :data:`WRITERS`.
        names (Sequence[str]): Class names by label.

    Raises:
        InputError: If a file cannot be written; no incomplete file is left.
    """
    with ExitStack() as files:
        yield [WRITERS[form](folder, names, files) for form in forms]


def draw(image: np.ndarray, detections: Detections) -> np.ndarray:
    """Draw boxes, names and scores on a copy of an image.

    Args:
        image (np.ndarray): (H, W, 3) uint8 BGR.
        detections (Detections): Boxes in pixels of the image.
    """
    picture = image.copy()
    size = max(min(image.shape[:2]) / 640, 0.5)
    line = max(round(2 * size), 1)
    font = cv2.FONT_HERSHEY_SIMPLEX, 0.5 * size
    for box, score, label, name in zip(*detections, strict=True):
        colour = PALETTE[label % len(PALETTE)]
        x1, y1, x2, y2 = map(round, box.tolist())
        cv2.rectangle(picture, (x1, y1), (x2, y2), colour, line)
        typeface = None if name.isascii() else find_font(name)
        text = f"{name if name.isascii() or typeface else label} {score:.2f}"
        if typeface:
            (width, height), below = text_size(text, round(22 * size), typeface), 0
        else:
            (width, height), below = cv2.getTextSize(text, *font, 1)
        top = max(y1 - height - below, 0)
        corner = x1 + width, top + height + below
        cv2.rectangle(picture, (x1, top), corner, colour, cv2.FILLED)
        if typeface:
            draw_text(picture, text, x1, top + height, round(22 * size), typeface)
            continue
        at = x1, top + height
        cv2.putText(picture, text, at, *font, (255, 255, 255), 1, cv2.LINE_AA)
    return picture


def _stem(name: str) -> str:
    return str(Path(name).with_suffix(""))
