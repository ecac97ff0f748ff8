"""What every converter shares: from annotated photos to COCO files and images."""

import filecmp
import io
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import ExifTags, Image
from tqdm import tqdm

from ..errors import InputError
from .coco import add_box, coco_dict, write_json

PRECISION = 0.01  # px: what annotations are written with


@dataclass
class Box:
    """One object: class name, corners in pixels (0-based), and where it stands.

    ``extra`` goes into the COCO annotation as it is.
    """

    name: str
    corners: tuple[float, float, float, float]
    where: str
    extra: dict = field(default_factory=dict)


@dataclass
class Dropped:
    """An annotation left out: why, and which."""

    reason: str
    what: str


@dataclass
class AnnotatedImage:
    """A photo with its boxes.

    Args:
        path (Path): Where the photo is.
        name (str): Its name under ``images/`` of the output.
        size (tuple[int, int]): Width and height in pixels.
        boxes (list[Box]): Its objects.
        dropped (list[Dropped]): What the reader left out. Defaults to nothing.
        read (Callable, optional): Gives the encoded photo where ``path`` is no file.
            Defaults to None.
    """

    path: Path
    name: str
    size: tuple[int, int]
    boxes: list[Box]
    dropped: list[Dropped] = field(default_factory=list)
    read: Callable[[], bytes] | None = None


@dataclass
class Converted:
    """What became of a split: its COCO document, and the boxes dropped and clipped."""

    coco: dict
    dropped: list[Dropped] = field(default_factory=list)
    clipped: int = 0


def write_coco(
    splits: dict[str, list[AnnotatedImage]], classes: Sequence[str], dst: Path
) -> dict[str, Converted]:
    """Write splits as COCO.

    ``dst`` gets ``annotations/<split>.json`` and, in ``images/``, the photos (hard
    links where the file system can, copies elsewhere). Boxes are clipped to the image;
    those without area, and those that repeat another of the same image, are dropped.

    Args:
        splits (dict[str, list[AnnotatedImage]]): By name.
        classes (Sequence[str]): Class names in order.
        dst (Path): Where to write.

    Returns:
        dict[str, Converted]: By split.

    Raises:
        InputError: Before anything is written, if there is no box, two photos need the
            same name, or another photo has it in ``images/``. Or if ``dst`` cannot be
            written.
    """
    results = {split: _to_coco(images, classes) for split, images in splits.items()}
    if not any(result.coco["annotations"] for result in results.values()):
        dropped = sum(len(result.dropped) for result in results.values())
        raise InputError(
            f"no box in {sum(map(len, splits.values()))} images ({dropped} dropped), "
            "so nothing is written: see that SRC has the labels"
        )
    photos: dict[str, AnnotatedImage] = {}
    for image in (image for images in splits.values() for image in images):
        first = photos.setdefault(image.name, image)
        if first.path != image.path:
            raise InputError(
                f"{image.path} and {first.path} would both be "
                f"{dst / 'images' / image.name}: rename one"
            )
    for name, image in photos.items():
        there = dst / "images" / name
        if there.exists() and not _same_photo(image, there):
            raise InputError(
                f"{there} exists and is not {image.path}: "
                "remove it or choose another DST"
            )
    try:
        for name, image in _progress(photos.items(), "photos placed"):
            _place(image, dst / "images" / name)
        for split, result in results.items():
            write_json(result.coco, dst / "annotations" / f"{split}.json")
    except OSError as e:
        raise InputError(
            f"{dst} cannot be written ({e}): choose another DST or mend it"
        ) from None
    return results


def read_images(
    items: Iterable, read: Callable[..., AnnotatedImage]
) -> list[AnnotatedImage]:
    """Read annotated images one by one, showing progress on a terminal."""
    return [read(item) for item in _progress(list(items), "annotations read")]


def choose_classes(
    images: Iterable[AnnotatedImage], classes: Sequence[str] | None
) -> list[str]:
    """Class names in order: ``classes``, or all that occur, sorted.

    Raises:
        InputError: If a name stands twice in ``classes``, or a box has another.
    """
    boxes = [box for image in images for box in image.boxes]
    if not classes:
        return sorted({box.name for box in boxes})
    if len(set(classes)) < len(classes):
        raise InputError(f"--classes {list(classes)}: a name stands twice: remove one")
    for box in boxes:
        if box.name not in classes:
            raise InputError(
                f"{box.where}: class {box.name!r} is not one of {list(classes)}: "
                "add it to --classes or mend the annotation"
            )
    return list(classes)


def image_size(source: Path | bytes, where: str = "") -> tuple[int, int]:
    """Width and height of a photo as training will load it.

    Read from the image's own header. OpenCV turns JPEG and PNG upright by their EXIF
    orientation, and so do the tools with which photos are annotated.

    Args:
        source (Path | bytes): A file, or an encoded image.
        where (str): What to call it in the message. Defaults to the path.

    Raises:
        InputError: If it is no image.
    """
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with Image.open(file) as image:
            turned = (
                image.format in ("JPEG", "MPO", "PNG")
                and image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
            )
            return image.size[::-1] if turned else image.size
    except Image.DecompressionBombError as e:
        raise InputError(f"{where or source}: {e}: make it smaller") from None
    except (OSError, SyntaxError, ValueError):
        raise InputError(
            f"{where or source} is not a readable image: replace it"
        ) from None


def names_below(paths: Iterable[Path], root: Path) -> dict[Path, str]:
    """A name for each photo that keeps photos of the same base name apart.

    Returns:
        dict[Path, str]: Relative to ``root``, or, where one lies outside it, to the
        deepest folder that holds all.
    """
    paths = list(paths)
    if not all(path.is_relative_to(root) for path in paths):
        root = Path(os.path.commonpath([path.parent for path in paths]))
    return {path: path.relative_to(root).as_posix() for path in paths}


def read_text(path: Path) -> str:
    """Text of a UTF-8 file, with or without byte order mark.

    Raises:
        InputError: If it is not UTF-8.
        OSError: If it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as e:
        raise InputError(f"{path}: not UTF-8 text ({e}): save it as UTF-8") from None


def _to_coco(images: list[AnnotatedImage], classes: Sequence[str]) -> Converted:
    result = Converted(coco_dict(classes))
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
            if min(x2 - x1, y2 - y1) < PRECISION:
                size = f"{right - left:g} x {bottom - top:g} px"
                what = f"{box.where}: {box.name} of {size}"
                result.dropped.append(Dropped("without area in the image", what))
            elif (box.name, box.corners) in seen:
                what = f"{box.where}: {box.name}"
                result.dropped.append(Dropped("repeats another box", what))
            else:
                seen.add((box.name, box.corners))
                moved = zip((x1, y1, x2, y2), box.corners, strict=True)
                result.clipped += any(abs(a - b) > PRECISION for a, b in moved)
                add_box(
                    result.coco,
                    image_id,
                    category_ids[box.name],
                    (x1, y1, x2 - x1, y2 - y1),
                    **box.extra,
                )
    return result


def _same_photo(image: AnnotatedImage, there: Path) -> bool:
    if image.read:
        return there.read_bytes() == image.read()
    return there.samefile(image.path) or filecmp.cmp(image.path, there, shallow=False)


def _place(image: AnnotatedImage, target: Path) -> None:
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(target.name + ".tmp")
    if image.read:
        temporary.write_bytes(image.read())
    else:
        try:
            return os.link(image.path.resolve(), target)
        except OSError:
            shutil.copyfile(image.path, temporary)
    os.replace(temporary, target)


def _progress(items: Iterable, what: str) -> Iterable:
    return tqdm(items, desc=what, unit="", disable=None)
