"""Writers of detections: pictures, crops, COCO JSON, YOLO text, CSV, MOT.

Each writer completes its own files: an error in one does not discard the others'.
"""

import csv
import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from ...files import atomic_write
from .detections import Detections
from .drawing import draw
from .frames import Frame
from .video_file import EncodingError, VideoFile


class Writer:
    """Base class of the writers; each handles one output format.

    Args:
        folder (Path): Output folder.
        names (Sequence[str]): Class names by label.
        tracked (bool): Whether the detections have tracks. Defaults to False.
    """

    def __init__(
        self, folder: Path, names: Sequence[str], tracked: bool = False
    ) -> None:
        self.folder, self.names, self.tracked = folder, names, tracked
        #: Context that completes the files.
        self.files = ExitStack()
        self._videos: dict[str, tuple[ExitStack, Any]] = {}
        with self._closed_on_error():
            self.open()

    def open(self) -> None:
        """Open the files that exist from the start."""

    @contextmanager
    def _closed_on_error(self) -> Iterator[None]:
        """On an OSError close the files: ``atomic_write`` removes incomplete ones."""
        try:
            yield
        except OSError:
            with self.files:
                raise

    def add(self, frame: Frame, detections: Detections) -> None:
        """Write the detections of one image.

        Raises:
            InputError: If a file cannot be written; an incomplete one is removed.
            EncodingError: If the picture or video does not suit the format.
        """
        with self._closed_on_error():
            self.write(frame, detections)

    def write(self, frame: Frame, detections: Detections) -> None:
        """Write the detections of one image; subclasses implement it."""
        raise NotImplementedError

    def video_output(self, frame: Frame) -> Any:
        """Output of the frame's video, opened by :meth:`open_video`.

        Live sources are written side by side; a new video file closes the one before.
        """
        if frame.video not in self._videos:
            if not frame.live:
                self.close_videos()
            files = self.files.enter_context(ExitStack())
            self._videos[frame.video] = files, self.open_video(frame, files)
        return self._videos[frame.video][1]

    def open_video(self, frame: Frame, files: ExitStack) -> Any:
        """Open the output of the frame's video, to be closed by ``files``."""
        raise NotImplementedError

    def close_videos(self) -> None:
        """Complete the outputs of all videos so far."""
        while self._videos:
            self._videos.popitem()[1][0].close()


class PictureWriter(Writer):
    """Images with boxes drawn, under ``pictures/``; videos as ``.mp4``.

    If a video changes its size, its pictures go on in another file.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._taken: set[str] = set()  # names of the videos written so far
        self._refused: set[str] = set()  # videos that cannot be encoded

    def write(self, frame: Frame, detections: Detections) -> None:
        """See the parent."""
        if frame.video in self._refused:
            return
        picture = draw(frame.image, detections)
        if frame.video:
            width, height = size = frame.image.shape[1::-1]
            if self.video_output(frame).size != size:
                tqdm.write(f"{frame.name}: now {width} x {height} px, in a new file")
                self._videos.pop(frame.video)[0].close()
            self.video_output(frame).write(frame, picture)
            return
        name = frame.name
        suffix = Path(name).suffix.lower()
        # Formats that OpenCV cannot write, or writes in greyscale only.
        if suffix in (".pbm", ".pgm") or not cv2.haveImageWriter(f"x{suffix}"):
            name = f"{name}.png"
        _write_image(self.folder / "pictures" / name, picture)

    def open_video(self, frame: Frame, files: ExitStack) -> VideoFile:
        """See the parent; clip.avi becomes clip.mp4, or clip.avi.mp4 if taken."""
        stem = _stem(frame.video)
        numbered = (f"{stem}_{number}" for number in itertools.count(2))
        names = itertools.chain((stem, frame.video), numbered)
        name = next(name for name in names if name not in self._taken)
        self._taken.add(name)
        try:
            return VideoFile(self.folder / "pictures" / f"{name}.mp4", frame, files)
        except EncodingError:
            self._refused.add(frame.video)
            raise


class CropWriter(Writer):
    """What was found, cut out: ``crops/CLASS/IMAGE/1.jpg``, best score first."""

    def write(self, frame: Frame, detections: Detections) -> None:
        """See the parent."""
        pairs = zip(detections.boxes, detections.names, strict=True)
        for number, (box, name) in enumerate(pairs, 1):
            left, top = np.floor(box[:2]).astype(int)
            right, bottom = np.ceil(box[2:]).astype(int)
            crop = frame.image[top:bottom, left:right]
            folder = name.replace("/", "_").lstrip(".") or "_"
            path = self.folder / "crops" / folder / frame.name / f"{number}.jpg"
            if crop.size:
                _write_image(path, crop)


class CocoWriter(Writer):
    """``detections.json``: COCO images, categories, and annotations with scores."""

    def open(self) -> None:
        """See the parent."""
        temporary = TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        self.images = self.files.enter_context(temporary)
        path = self.files.enter_context(atomic_write(self.folder / "detections.json"))
        self.file = self.files.enter_context(path.open("w", encoding="utf-8"))
        categories = [dict(id=i, name=name) for i, name in enumerate(self.names, 1)]
        self.file.write(f'{{"categories": {json.dumps(categories)},\n"annotations": [')
        self.count = self.boxes = 0
        self.files.callback(self._finish)

    def write(self, frame: Frame, detections: Detections) -> None:
        """See the parent."""
        self.count += 1
        height, width = frame.image.shape[:2]
        image = dict(id=self.count, file_name=frame.name, width=width, height=height)
        self.images.write(f"{',' * (self.count > 1)}\n{json.dumps(image)}")
        for annotation in detections.to_coco(self.count):
            self.boxes += 1
            annotation["bbox"] = [round(value, 3) for value in annotation["bbox"]]
            annotation["area"] = round(annotation["area"], 3)
            annotation["score"] = round(annotation["score"], 5)
            annotation = dict(id=self.boxes, **annotation)
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

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
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
    """``detections.csv``, one line per box; with the number of its track if tracked."""

    HEADINGS = ("image", "label", "name", "score", "x1", "y1", "x2", "y2")

    def open(self) -> None:
        """See the parent."""
        path = self.files.enter_context(atomic_write(self.folder / "detections.csv"))
        file = path.open("w", encoding="utf-8", newline="")
        self.rows = csv.writer(self.files.enter_context(file))
        self.rows.writerow(self.HEADINGS + ("track",) * self.tracked)

    def write(self, frame: Frame, detections: Detections) -> None:
        """See the parent."""
        rows = zip(*detections[:4], detections.tracks, strict=True)
        for box, score, label, name, track in rows:
            numbers = [f"{value:.3f}" for value in box]
            row = [frame.name, label, name, f"{score:.5f}", *numbers]
            self.rows.writerow(row + [track or ""] * self.tracked)


class MotWriter(Writer):
    """Tracks in the format of MOT Challenge: ``tracks/VIDEO.txt``.

    A line has frame, track, left, top, width, height, score, and -1 three times.
    """

    def write(self, frame: Frame, detections: Detections) -> None:
        """See the parent."""
        output = self.video_output(frame)
        for row in detections.to_coco(frame.number):
            if track := row.get("track_id"):
                numbers = [f"{value:.2f}" for value in row["bbox"]]
                score = f"{row['score']:.5f}"
                output.writerow([frame.number, track, *numbers, score, -1, -1, -1])

    def open_video(self, frame: Frame, files: ExitStack) -> Any:
        """See the parent."""
        path = self.folder / "tracks" / f"{frame.video}.txt"
        temporary = files.enter_context(atomic_write(path))
        return csv.writer(files.enter_context(temporary.open("w", newline="")))


WRITERS: dict[str, type[Writer]] = dict(
    pictures=PictureWriter,
    coco=CocoWriter,
    yolo=YoloWriter,
    csv=CsvWriter,
    mot=MotWriter,
    crops=CropWriter,
)


@contextmanager
def open_writers(
    folder: Path, forms: Sequence[str], names: Sequence[str], tracked: bool = False
) -> Iterator[list[Writer]]:
    """Open writers; files appear when the block ends, pictures one by one.

    They appear also if the block ends by an exception, except the file whose writing
    raised it.

    Args:
        folder (Path): Output folder.
        forms (Sequence[str]): Keys of :data:`WRITERS`.
        names (Sequence[str]): Class names by label.
        tracked (bool): Whether the detections have tracks. Defaults to False.

    Raises:
        InputError: If a file cannot be written; no incomplete file is left.
    """
    writers = []
    with ExitStack() as opened:
        for form in forms:
            writers.append(WRITERS[form](folder, names, tracked))
            opened.push(writers[-1].files)
        opened.pop_all()
    try:
        yield writers
    finally:
        errors = []
        for writer in writers:
            try:
                writer.files.close()
            except Exception as e:  # the other writers complete their files
                errors.append(e)
        if errors:
            raise errors[0]


def _write_image(path: Path, image: np.ndarray) -> None:
    """Encode an image in memory, because OpenCV fails on names without UTF-8.

    Raises:
        EncodingError: If the image does not suit the format.
    """
    try:
        success, data = cv2.imencode(path.suffix, image)
    except cv2.error as e:
        raise EncodingError(f"OpenCV: {e.err}") from None
    if not success:
        raise EncodingError(f"OpenCV cannot write it as {path.suffix}")
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def _stem(name: str) -> str:
    return str(Path(name).with_suffix(""))
