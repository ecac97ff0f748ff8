"""Conversion of labelme to COCO."""

import base64
import io
import json
import math
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from PIL import Image

from ..errors import InputError
from .conversion import (
    AnnotatedImage,
    Box,
    ConvertedSplit,
    Dropped,
    Faults,
    check_annotated_once,
    choose_classes,
    image_size,
    images_by_key,
    names_below,
    progress_bar,
    read_text,
    write_coco,
)
from .source_files import IMAGE_SUFFIXES, SourceFiles, count_and_list
from .splits import RandomSplit

#: Minimum number of points by shape type. Other types have no box and are dropped.
POINTS = dict(
    rectangle=2, polygon=3, circle=2, mask=2, oriented_rectangle=4, rotation=4
)


def labelme_to_coco(
    src: Path, dst: Path, splits: RandomSplit, classes: Sequence[str] | None = None
) -> dict[str, ConvertedSplit]:
    """Convert a folder of labelme files to COCO.

    Each shape gets its bounding box. Shapes of an image with the same label and
    ``group_id`` are parts of one object and share a box. Points and lines are dropped;
    shapes of the label ``__ignore__`` are regions to ignore, for each class. If the
    file at ``imagePath`` is missing, the copy in ``imageData`` is used. Output is
    written by :func:`.conversion.write_coco`, after all files are read.

    Args:
        src (Path): Folder with ``*.json`` files, at any depth.
        dst (Path): Output folder.
        splits (RandomSplit): Split of the images.
        classes (Sequence[str], optional): Class names in order. Defaults to None, all
            labels that occur, sorted.

    Raises:
        InputError: Naming the files and lines that cannot be read, the first ten.
    """
    if not isinstance(splits, RandomSplit):
        raise InputError(
            f"--splits {' '.join(splits)}: labelme files have no splits of their own: "
            "give shares, as in train=0.8 val=0.2"
        )
    source, faults = SourceFiles(dst), Faults()
    files = source.find(src, (".json",))
    if not files:
        raise InputError(f"{src} has no *.json: SRC must be a folder of labelme files")
    images = []
    for file in progress_bar(files):
        with faults.collect():
            images.append(_read(file, faults))
    if not faults.messages:
        check_annotated_once(files, images)
    faults.check()
    names = names_below([image.path for image in images], Path(os.path.normpath(src)))
    for image in images:
        image.name = names[image.path]
    photos = {Path(os.path.normpath(p)) for p in source.find(src, IMAGE_SUFFIXES)}
    notes = source.notes()
    if unused := sorted(photos - names.keys()):
        notes.append(count_and_list("photos without JSON left out", unused))
    return write_coco(
        splits(images_by_key(images, lambda image: image.name)),
        choose_classes(images, classes),
        dst,
        notes,
    )


class _LineDecoder(json.JSONDecoder):
    """Adds to every JSON object the line on which it starts, under the key "line"."""

    def __init__(self) -> None:
        super().__init__()
        parse_object = self.parse_object

        def parse_with_line(text_and_start: tuple[str, int], *args) -> tuple:
            value, end = parse_object(text_and_start, *args)
            text, start = text_and_start
            return value | {"line": text.count("\n", 0, start) + 1}, end

        self.parse_object = parse_with_line
        self.scan_once = json.scanner.py_make_scanner(self)


def _read(file: Path, faults: Faults) -> AnnotatedImage:
    document = _read_document(file)
    path, size, read = _find_image(file, document)
    image = AnnotatedImage(path, path.name, size, [], read=read)
    parts: dict[tuple, Box] = {}
    for shape in document["shapes"]:
        box = None
        with faults.collect():
            box = _read_shape(file, shape)
        if isinstance(box, Dropped):
            image.dropped.append(box)
        if not isinstance(box, Box):
            continue
        key = (box.name, shape.get("group_id"))
        if key[1] is not None and key in parts:
            parts[key].corners = _union(parts[key].corners, box.corners)
        else:
            parts[key] = box
            image.boxes.append(box)
    return image


def _read_document(file: Path) -> dict:
    """Read a labelme file by :class:`_LineDecoder`."""
    try:
        document = _LineDecoder().decode(read_text(file))
    except json.JSONDecodeError as e:
        raise InputError(
            f"{file}:{e.lineno}: not JSON ({e.msg}): mend or remove it"
        ) from None
    except (OSError, RecursionError, ValueError) as e:
        raise InputError(f"{file}: cannot be read ({e}): mend or remove it") from None
    if (
        not isinstance(document, dict)
        or not isinstance(document.get("imagePath"), str)
        or not isinstance(document.get("shapes"), list)
        or not all(isinstance(shape, dict) for shape in document["shapes"])
    ):
        raise InputError(
            f"{file}: no imagePath and list of shapes: it is not labelme's: remove it"
        )
    return document


def _find_image(
    file: Path, document: dict
) -> tuple[Path, tuple[int, int], Callable[[], bytes] | None]:
    """Path and size of the image, and for an embedded one a function that reads it."""
    name = document["imagePath"].replace("\\", "/")  # Windows
    path = Path(os.path.normpath(file.parent / name))
    beside = file.with_name(PurePosixPath(name).name or file.name)
    if not path.is_file() and beside.is_file():  # a path of another machine
        path = beside
    read = None
    if path.is_file():
        size = image_size(path)
    elif document.get("imageData"):
        read = partial(_read_embedded, file)
        content = read()
        size = image_size(content, f"{file}: imageData")
        path = _with_suffix_of_format(path, content)
    else:
        raise InputError(
            f"{file}: imagePath {path} not found and imageData is empty: "
            "restore the photo or remove the file"
        )
    width, height = document.get("imageWidth"), document.get("imageHeight")
    if None not in (width, height) and (width, height) != size:
        raise InputError(
            f"{file}: imageWidth x imageHeight is {width} x {height} but the "
            f"photo has {size[0]} x {size[1]}: restore the photo that was annotated"
        )
    return path, size, read


def _read_embedded(file: Path) -> bytes:
    """Decode the image in ``imageData``."""
    try:
        return base64.b64decode(_read_document(file)["imageData"])
    except (TypeError, ValueError) as e:
        raise InputError(
            f"{file}: imageData is not base64 ({e}): restore the photo"
        ) from None


def _with_suffix_of_format(path: Path, content: bytes) -> Path:
    """Correct the suffix: labelme embeds TIFF and other formats as JPEG."""
    with Image.open(io.BytesIO(content)) as image:
        matches = Image.registered_extensions().get(path.suffix.lower()) == image.format
        return path if matches else path.with_suffix(f".{image.format.lower()}")


def _read_shape(file: Path, shape: dict) -> Box | Dropped:
    location = f"{file}:{shape['line']}"
    label, points = shape.get("label"), shape.get("points")
    kind = shape.get("shape_type") or "polygon"  # labelme before 3.0
    if not isinstance(label, str) or not label.strip():
        raise InputError(f"{location}: label is {label!r}: give a class name")
    if not isinstance(kind, str) or not isinstance(shape.get("group_id"), int | None):
        raise InputError(
            f"{location}: shape_type is {kind!r}, group_id {shape.get('group_id')!r}: "
            "give a name, and a number or null"
        )
    if kind not in POINTS:
        return Dropped(f"shape is a {kind}", f"{location}: {label}")
    if not isinstance(points, list) or not all(map(_is_point, points)):
        raise InputError(f"{location}: points of {label!r}: give pairs of numbers")
    if len(points) < POINTS[kind]:
        raise InputError(
            f"{location}: {kind} {label!r} has {len(points)} points: "
            f"give {POINTS[kind]} or remove it"
        )
    if kind == "circle":  # centre, and a point on the circle
        (x, y), radius = points[0], math.dist(*points[:2])
        corners = (x - radius, y - radius, x + radius, y + radius)
    else:
        xs, ys = zip(*points, strict=True)
        corners = (min(xs), min(ys), max(xs), max(ys))
    return Box(label.strip(), corners, location)


def _is_point(point: object) -> bool:
    return (
        isinstance(point, list)
        and len(point) == 2
        and all(isinstance(v, (int, float)) and abs(v) < 1e9 for v in point)
    )


def _union(a: Sequence[float], b: Sequence[float]) -> tuple:
    return (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))
