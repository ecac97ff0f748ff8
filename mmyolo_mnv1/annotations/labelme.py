"""labelme to COCO."""

import base64
import io
import json
import math
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PIL import Image

from ..errors import InputError
from .conversion import (
    AnnotatedImage,
    Box,
    Converted,
    Dropped,
    choose_classes,
    image_size,
    names_below,
    read_images,
    read_text,
    write_coco,
)
from .splits import RandomSplit

#: Shapes that have a box, and the points they need. Others are dropped.
POINTS = dict(
    rectangle=2, polygon=3, circle=2, mask=2, oriented_rectangle=4, rotation=4
)

GROUP = (int, type(None))  # types of group_id


def labelme_to_coco(
    src: Path, dst: Path, splits: RandomSplit, classes: Sequence[str] | None = None
) -> dict[str, Converted]:
    """Convert a folder of labelme files to COCO.

    The box of a polygon, circle or mask is the smallest that holds it; shapes of an
    image with the same label and ``group_id`` are parts of one object and get one box.
    Points and lines are dropped. Where the photo at ``imagePath`` is missing, the copy
    in ``imageData`` is used. Nothing is written unless everything could be read. What
    is written: :func:`~mmyolo_mnv1.annotations.conversion.write_coco`.

    Args:
        src (Path): Folder with labelme's ``*.json``, in subfolders too.
        dst (Path): Where to write.
        splits (RandomSplit): How to divide the images.
        classes (Sequence[str], optional): Class names in order. Defaults to None, all
            labels that occur, sorted.

    Returns:
        dict[str, Converted]: By split.

    Raises:
        InputError: Naming the file, and the line in it, that cannot be read.
    """
    if not isinstance(splits, RandomSplit):
        raise InputError(
            f"--splits {' '.join(splits)}: labelme files have no splits of their own: "
            "give shares, as in train=0.8 val=0.2"
        )
    written = (dst / "annotations").resolve()
    files = sorted(f for f in src.rglob("*.json") if f.resolve().parent != written)
    if not files:
        raise InputError(f"{src} has no *.json: SRC must be a folder of labelme files")
    images = read_images(files, _read)
    first: dict[Path, Path] = {}
    for file, image in zip(files, images, strict=True):
        if (other := first.setdefault(image.path, file)) != file:
            raise InputError(
                f"{file} and {other} both annotate {image.path}: merge them into one"
            )
    names = names_below(first, Path(os.path.normpath(src)))
    for image in images:
        image.name = names[image.path]
    return write_coco(
        splits({image.name: image for image in images}),
        choose_classes(images, classes),
        dst,
    )


class _LineDecoder(json.JSONDecoder):
    """Gives every JSON object the line on which it starts, under "line"."""

    def __init__(self) -> None:
        super().__init__()
        parse_object = self.parse_object

        def parse_with_line(text_and_start: tuple[str, int], *args) -> tuple:
            found, end = parse_object(text_and_start, *args)
            text, start = text_and_start
            return found | {"line": text.count("\n", 0, start) + 1}, end

        self.parse_object = parse_with_line
        self.scan_once = json.scanner.py_make_scanner(self)


def _read(file: Path) -> AnnotatedImage:
    document = _read_document(file)
    path, size, read = _find_photo(file, document)
    image = AnnotatedImage(path, path.name, size, [], read=read)
    parts: dict[tuple, Box] = {}
    for shape in document["shapes"]:
        box = _read_shape(file, shape)
        if isinstance(box, Dropped):
            image.dropped.append(box)
            continue
        key = (box.name, shape.get("group_id"))
        if key[1] is not None and key in parts:
            parts[key].corners = _union(parts[key].corners, box.corners)
        else:
            parts[key] = box
            image.boxes.append(box)
    return image


def _read_document(file: Path) -> dict:
    """The JSON of a labelme file, each object with its line."""
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


def _find_photo(file: Path, document: dict) -> tuple:
    """Path, size, and, where the path is no file, how to get the encoded photo."""
    name = document["imagePath"].replace("\\", "/")  # of Windows
    path = Path(os.path.normpath(file.parent / name))
    read = None
    if path.is_file():
        size = image_size(path)
    elif document.get("imageData"):
        read = partial(_embedded, file)
        content = read()
        size = image_size(content, f"{file}: imageData")
        path = _rightly_named(path, content)
    else:
        raise InputError(
            f"{file}: imagePath {path} not found and imageData is empty: "
            "restore the photo or remove the file"
        )
    stated = document.get("imageWidth"), document.get("imageHeight")
    if None not in stated and stated != size:
        raise InputError(
            f"{file}: imageWidth x imageHeight is {stated[0]} x {stated[1]} but the "
            f"photo has {size[0]} x {size[1]}: restore the photo that was annotated"
        )
    return path, size, read


def _embedded(file: Path) -> bytes:
    """The photo in imageData."""
    try:
        return base64.b64decode(_read_document(file)["imageData"])
    except (TypeError, ValueError) as e:
        raise InputError(
            f"{file}: imageData is not base64 ({e}): restore the photo"
        ) from None


def _rightly_named(path: Path, content: bytes) -> Path:
    """The path with a suffix of the format: labelme embeds TIFF and others as JPEG."""
    with Image.open(io.BytesIO(content)) as image:
        known = Image.registered_extensions().get(path.suffix.lower()) == image.format
        return path if known else path.with_suffix(f".{image.format.lower()}")


def _read_shape(file: Path, shape: dict) -> Box | Dropped:
    where = f"{file}:{shape['line']}"
    label, points = shape.get("label"), shape.get("points")
    kind = shape.get("shape_type") or "polygon"  # as labelme before 3.0
    if not isinstance(label, str) or not label.strip():
        raise InputError(f"{where}: label is {label!r}: give a class name")
    if not isinstance(kind, str) or not isinstance(shape.get("group_id", 0), GROUP):
        raise InputError(
            f"{where}: shape_type is {kind!r}, group_id {shape.get('group_id')!r}: "
            "give a name, and a number or null"
        )
    if kind not in POINTS:
        return Dropped(f"shape is a {kind}", f"{where}: {label}")
    if not isinstance(points, list) or not all(map(_is_point, points)):
        raise InputError(f"{where}: points of {label!r}: give pairs of numbers")
    if len(points) < POINTS[kind]:
        raise InputError(
            f"{where}: {kind} {label!r} has {len(points)} points: "
            f"give {POINTS[kind]} or remove it"
        )
    if kind == "circle":  # centre, and a point on the line
        (x, y), radius = points[0], math.dist(*points[:2])
        corners = (x - radius, y - radius, x + radius, y + radius)
    else:
        xs, ys = zip(*points, strict=True)
        corners = (min(xs), min(ys), max(xs), max(ys))
    return Box(label.strip(), corners, where)


def _is_point(point: object) -> bool:
    return (
        isinstance(point, list)
        and len(point) == 2
        and all(isinstance(v, (int, float)) and abs(v) < 1e9 for v in point)
    )


def _union(a: Sequence[float], b: Sequence[float]) -> tuple:
    return (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))
