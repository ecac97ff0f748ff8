"""Common part of the converters: annotated images in, COCO files and images out."""

import filecmp
import json
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from ..errors import PREFIX, InputError
from ..files import replacing, write_json
from ..photos import decoded_size, is_rotated
from .coco import add_box, coco_dict, count_boxes

T = TypeVar("T")

PRECISION = 0.01  # px, of written coordinates
#: Class of boxes that become ignored regions, ``iscrowd``, by labelme's name.
IGNORED = "__ignore__"
MAX_FAULTS = 10  # listed in a message


@dataclass
class Box:
    """An annotated object."""

    name: str  # of its class
    corners: tuple[float, float, float, float]  # x1, y1, x2, y2 in pixels from 0
    location: str  # file and line of the annotation
    extra: dict = field(default_factory=dict)  # further fields of the COCO annotation


@dataclass
class Dropped:
    """An annotation that is left out: the reason, and which one it is."""

    reason: str
    description: str


@dataclass
class AnnotatedImage:
    """An image with its boxes."""

    path: Path
    name: str  # below images/ of the output
    size: tuple[int, int]  # width, height in pixels
    boxes: list[Box]
    dropped: list[Dropped] = field(default_factory=list)  # by the reader
    read: Callable[[], bytes] | None = None  # the encoded image, if path is missing


@dataclass
class ConvertedSplit:
    """A split as a COCO document, with its dropped annotations and clipped boxes."""

    coco: dict
    dropped: list[Dropped] = field(default_factory=list)
    clipped: int = 0
    notes: list[str] = field(default_factory=list)  # on the source; in the first split


class Faults:
    """Faults of all files, to be reported in one message."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Keep the message of an :class:`InputError` in this block, and go on."""
        try:
            yield
        except InputError as e:
            self.messages.append(str(e).removeprefix(PREFIX))

    def check(self, summary: str = "") -> None:
        """Report the first ten faults, their number, and ``summary``.

        Raises:
            InputError: If there is a fault.
        """
        if len(self.messages) == 1:
            raise InputError(self.messages[0])
        if self.messages:
            more = len(self.messages) - MAX_FAULTS
            listed = [
                f"{len(self.messages)} faults{summary}: {self.messages[0]}",
                *self.messages[1:MAX_FAULTS],
                *([f"and {more} more"] if more > 0 else []),
            ]
            raise InputError("; ".join(listed))


def write_coco(
    splits: dict[str, list[AnnotatedImage]],
    classes: Sequence[str],
    dst: Path,
    notes: Sequence[str] = (),
) -> dict[str, ConvertedSplit]:
    """Write splits in COCO format and return their documents.

    ``dst`` gets ``annotations/<split>.json`` and, in ``images/``, the image files: hard
    links where the file system supports them, otherwise copies. Boxes are clipped to
    the image. Boxes without area, and duplicates in an image, are dropped.

    Args:
        splits (dict[str, list[AnnotatedImage]]): Images by split.
        classes (Sequence[str]): Class names in order.
        dst (Path): Output folder.
        notes (Sequence[str]): Kept with the first split. Defaults to none.

    Raises:
        InputError: Before anything is written: if there is no box, if two images need
            the same name, if ``images/`` has another image of that name, or if a split
            that an earlier conversion wrote has images of these. Also if ``dst`` cannot
            be written.
    """
    results = {split: _to_coco(images, classes) for split, images in splits.items()}
    next(iter(results.values())).notes += notes
    if not any(sum(count_boxes(result.coco).values()) for result in results.values()):
        dropped = sum(len(result.dropped) for result in results.values())
        raise InputError(
            f"no box in {sum(map(len, splits.values()))} images ({dropped} dropped), "
            "so nothing is written: see that SRC has the labels"
        )
    images = _images_by_name(splits, dst / "images")
    _check_leftovers(results, dst / "annotations")
    try:
        for name, image in progress_bar(images.items(), "photos placed"):
            _place(image, dst / "images" / name)
    except OSError as e:
        raise InputError(
            f"{dst} cannot be written ({e}): choose another DST or mend it"
        ) from None
    for split, result in results.items():
        write_json(result.coco, dst / "annotations" / f"{split}.json")
    return results


def _check_leftovers(results: dict[str, ConvertedSplit], folder: Path) -> None:
    """Check that no split of an earlier conversion has images of the new splits."""
    names = {i["file_name"] for r in results.values() for i in r.coco["images"]}
    for path in sorted(folder.glob("*.json")):
        if path.stem in results:
            continue
        try:
            images = json.loads(path.read_bytes())["images"]
            shared = sum(image["file_name"] in names for image in images)
        except (LookupError, TypeError, ValueError):  # written by something else
            continue
        if shared:
            raise InputError(
                f"{path}, of an earlier conversion, has {shared} images of the splits "
                f"{', '.join(results)}: remove it, or choose another DST"
            )


def progress_bar(items: Collection[T], label: str = "annotations read") -> Iterable[T]:
    """Wrap a loop over ``items`` in a progress bar if standard error is a terminal."""
    return tqdm(items, desc=label, unit="", disable=None)


def choose_classes(
    images: Iterable[AnnotatedImage], classes: Sequence[str] | None
) -> list[str]:
    """Class names in order: ``classes``, or by default all that occur, sorted.

    Raises:
        InputError: If ``classes`` repeats a name or lacks the class of a box.
    """
    boxes = [box for image in images for box in image.boxes if box.name != IGNORED]
    if not classes:
        return sorted({box.name for box in boxes})
    if len(set(classes)) < len(classes):
        raise InputError(f"--classes {list(classes)}: a name stands twice: remove one")
    for box in boxes:
        if box.name not in classes:
            raise InputError(
                f"{box.location}: class {box.name!r} is not one of {list(classes)}: "
                "add it to --classes or mend the annotation"
            )
    return [name for name in classes if name != IGNORED]


def image_size(source: Path | bytes, name: str = "") -> tuple[int, int]:
    """Width and height of an image as :func:`.photos.decoded_size` reads them.

    Args:
        source (Path | bytes): A file, or an encoded image.
        name (str): Name of the image in messages. Defaults to the path.

    Raises:
        InputError: If OpenCV cannot read it.
    """
    try:
        return decoded_size(source)
    except (OSError, ValueError) as e:
        raise InputError(
            f"{name or source} is not a readable image ({e}): replace it"
        ) from None


def check_rotation(path: Path, size: tuple[int, int], location: object) -> None:
    """Check that annotations are of the photo after its EXIF rotation.

    Args:
        path (Path): The photo.
        size (tuple[int, int]): Its width and height in pixels by the annotations.
        location (object): Where they are, for the message.

    Raises:
        InputError: If the size is that before the rotation.
    """
    if is_rotated(path, size):
        raise InputError(
            f"{location}: {size[0]} x {size[1]} px, but the EXIF data of {path} rotate "
            "it by 90 degrees: remove them (exiftool -Orientation= FILE), or annotate "
            "the rotated photo"
        )


def images_by_key(
    images: Iterable[AnnotatedImage], key: Callable[[AnnotatedImage], str]
) -> dict[str, AnnotatedImage]:
    """Images by a key of their names for a random split; by name if keys repeat.

    Raises:
        InputError: If two images have the same name.
    """
    images = list(images)
    _check_names(images)
    keyed = {key(image): image for image in images}
    return keyed if len(keyed) == len(images) else {i.name: i for i in images}


def check_annotated_once(
    files: Iterable[Path], images: Iterable[AnnotatedImage]
) -> None:
    """Refuse two annotation files of one image.

    Args:
        files (Iterable[Path]): Annotation file of each image.
        images (Iterable[AnnotatedImage]): The images.

    Raises:
        InputError: Naming both files.
    """
    first: dict[Path, Path] = {}
    for file, image in zip(files, images, strict=True):
        if (other := first.setdefault(image.path, file)) != file:
            raise InputError(
                f"{file} and {other} both annotate {image.path}: merge them into one"
            )


def names_below(paths: Iterable[Path], root: Path) -> dict[Path, str]:
    """Unique name of each image: its path relative to ``root``.

    If an image lies outside ``root``, all are relative to their deepest common folder.
    """
    paths = list(paths)
    if not all(path.is_relative_to(root) for path in paths):
        root = Path(os.path.commonpath([path.parent for path in paths]))
    return {path: path.relative_to(root).as_posix() for path in paths}


def read_text(path: Path) -> str:
    """Read a UTF-8 file, with or without byte order mark.

    Raises:
        InputError: If it is not UTF-8.
        OSError: If it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as e:
        raise InputError(f"{path}: not UTF-8 text ({e}): save it as UTF-8") from None


def numbered_lines(path: Path) -> list[tuple[int, str]]:
    """Non-blank lines of :func:`read_text`, stripped, with their numbers from 1."""
    lines = enumerate(read_text(path).splitlines(), 1)
    return [(number, line.strip()) for number, line in lines if line.strip()]


def _to_coco(images: list[AnnotatedImage], classes: Sequence[str]) -> ConvertedSplit:
    result = ConvertedSplit(coco_dict(classes))
    category_ids = {cat["name"]: cat["id"] for cat in result.coco["categories"]}
    for image_id, image in enumerate(images, 1):
        width, height = image.size
        result.coco["images"].append(
            dict(id=image_id, file_name=image.name, width=width, height=height)
        )
        result.dropped += image.dropped
        seen = set()
        for box in image.boxes:
            left, top, right, bottom = box.corners
            x1, x2 = (min(max(x, 0), width) for x in (left, right))
            y1, y2 = (min(max(y, 0), height) for y in (top, bottom))
            description = f"{box.location}: {box.name}"
            names = classes if box.name == IGNORED else [box.name]
            if min(x2 - x1, y2 - y1) < PRECISION:
                description += f" of {right - left:g} x {bottom - top:g} px"
                result.dropped.append(Dropped("without area in the image", description))
            elif (box.name, box.corners) in seen:
                result.dropped.append(Dropped("repeats another box", description))
            else:
                seen.add((box.name, box.corners))
                moves = zip((x1, y1, x2, y2), box.corners, strict=True)
                result.clipped += any(abs(a - b) > PRECISION for a, b in moves)
                xywh = (x1, y1, x2 - x1, y2 - y1)
                extra = box.extra | (dict(iscrowd=1) if box.name == IGNORED else {})
                for name in names:
                    add_box(result.coco, image_id, category_ids[name], xywh, **extra)
    return result


def _images_by_name(
    splits: dict[str, list[AnnotatedImage]], folder: Path
) -> dict[str, AnnotatedImage]:
    """Images of all splits by name; a name must belong to one image only."""
    images = _check_names([i for split in splits.values() for i in split], folder)
    for name, image in images.items():
        existing = folder / name
        if existing.exists() and not _is_same_image(image, existing):
            raise InputError(
                f"{existing} exists and is not {image.path}: "
                "remove it or choose another DST"
            )
    return images


def _check_names(
    images: Iterable[AnnotatedImage], folder: Path = Path("images")
) -> dict[str, AnnotatedImage]:
    by_name: dict[str, AnnotatedImage] = {}
    for image in images:
        first = by_name.setdefault(image.name, image)
        if first.path != image.path:
            raise InputError(
                f"{image.path} and {first.path} would both be "
                f"{folder / image.name}: rename one"
            )
    return by_name


def _is_same_image(image: AnnotatedImage, file: Path) -> bool:
    if image.read:
        return file.read_bytes() == image.read()
    return file.samefile(image.path) or filecmp.cmp(image.path, file, shallow=False)


def _place(image: AnnotatedImage, target: Path) -> None:
    """Link or copy an image file, unless ``target`` exists."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if not image.read:
        with suppress(OSError):
            return os.link(image.path.resolve(), target)
    with replacing(target) as temporary:
        if image.read:
            temporary.write_bytes(image.read())
        else:
            shutil.copyfile(image.path, temporary)
