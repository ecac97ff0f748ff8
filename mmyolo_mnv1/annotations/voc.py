"""Pascal VOC to COCO."""

import filecmp
import math
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from PIL import Image, UnidentifiedImageError

from ..errors import InputError
from .coco import add_box, coco_dict, write_json


@dataclass
class VocBox:
    """One object: class name, corners in pixels (0-based), and where it stands."""

    name: str
    corners: tuple[float, float, float, float]
    difficult: bool
    where: str


@dataclass
class Converted:
    """What became of a split: its COCO document, and the boxes dropped and clipped."""

    coco: dict
    dropped: list[str] = field(default_factory=list)
    clipped: int = 0


def voc_to_coco(
    src: Path, dst: Path, splits: Sequence[str], classes: Sequence[str] | None = None
) -> dict[str, Converted]:
    """Convert splits of a Pascal VOC tree to COCO.

    ``src`` has ``Annotations/*.xml``, ``ImageSets/Main/<split>.txt`` and
    ``JPEGImages/``. ``dst`` gets ``annotations/<split>.json`` and, in ``images/``, the
    photos (hard links where the file system can, copies elsewhere). VOC counts pixels
    from 1: all corners are shifted by -1, as MMDetection's converter does. Boxes are
    clipped to the image; those without area are dropped. Nothing is written unless
    everything could be read, and no other photo in ``images/`` has a name needed.

    Args:
        src (Path): The VOC folder.
        dst (Path): Where to write.
        splits (Sequence[str]): Names of the splits.
        classes (Sequence[str], optional): Class names in order. Defaults to None, all
            names of the splits, sorted.

    Returns:
        dict[str, Converted]: By split.

    Raises:
        InputError: Naming the file, and the line in it, that cannot be read.
    """
    names = {split: _read_split(src, split) for split in splits}
    parsed = {
        name: _read_xml(src / "Annotations" / f"{name}.xml")
        for split in names.values()
        for name in split
    }
    if classes and len(set(classes)) < len(classes):
        raise InputError(f"--classes {list(classes)}: a name stands twice: remove one")
    found = {box.name for boxes in parsed.values() for box in boxes}
    classes = list(classes) if classes else sorted(found)
    for box in (box for boxes in parsed.values() for box in boxes):
        if box.name not in classes:
            raise InputError(
                f"{box.where}: class {box.name!r} is not one of {classes}: "
                "add it to --classes or mend the annotation"
            )
    images = {name: _find_image(src, name) for name in parsed}
    results = {
        split: _to_coco(split_names, parsed, images, classes)
        for split, split_names in names.items()
    }
    for image in images.values():
        there = dst / "images" / image.name
        if there.exists() and not filecmp.cmp(image, there, shallow=False):
            raise InputError(
                f"{there} exists and is not {image}: remove it or choose another DST"
            )
    for image in images.values():
        _link(image, dst / "images" / image.name)
    for split, result in results.items():
        write_json(result.coco, dst / "annotations" / f"{split}.json")
    return results


def _read_split(src: Path, split: str) -> list[str]:
    folder = src / "ImageSets" / "Main"
    path = folder / f"{split}.txt"
    if not path.is_file():
        have = sorted(p.stem for p in folder.glob("*.txt"))
        raise InputError(
            f"{path} not found: --splits takes {have}"
            if have
            else f"{path} not found: SRC must be a Pascal VOC folder"
        )
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as e:
        raise InputError(f"{path}: not UTF-8 text ({e}): save it as UTF-8") from None
    names: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        name = line.split()[0]
        if name in names:
            raise InputError(
                f"{path}:{number}: {name} stands on line {names[name]} already: "
                "remove one"
            )
        names[name] = number
    if not names:
        raise InputError(f"{path} lists no image: fill it or leave the split out")
    return list(names)


def _read_xml(path: Path) -> list[VocBox]:
    try:
        root = _parse(path)
    except OSError:
        raise InputError(
            f"{path} not found: restore it or take it off its split"
        ) from None
    except expat.ExpatError as e:
        raise InputError(
            f"{path}:{e.lineno}: not well-formed XML ({e}): mend or remove it"
        ) from None
    except (LookupError, ValueError) as e:
        raise InputError(f"{path}:1: {e}: save it as UTF-8") from None
    return [_read_object(path, obj) for obj in root.iter("object")]


def _parse(path: Path) -> ElementTree.Element:
    """Parse XML; each element gets the line on which it starts as an attribute."""
    builder, parser = ElementTree.TreeBuilder(), expat.ParserCreate()

    def start(tag: str, attributes: dict) -> None:
        builder.start(tag, attributes | {"line": str(parser.CurrentLineNumber)})

    parser.StartElementHandler = start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.Parse(path.read_bytes(), True)
    return builder.close()


def _read_object(path: Path, obj: ElementTree.Element) -> VocBox:
    where = f"{path}:{obj.get('line')}"
    name = (obj.findtext("name") or "").strip()
    if not name:
        raise InputError(f"{where}: object has no <name>: add it")
    box = obj.find("bndbox")
    if box is None:
        raise InputError(f"{where}: object {name!r} has no <bndbox>: add it")
    corners = []
    for tag in ("xmin", "ymin", "xmax", "ymax"):
        text = box.findtext(tag)
        try:
            corners.append(float(text) - 1)
            if not math.isfinite(corners[-1]):
                raise ValueError
        except (TypeError, ValueError):
            raise InputError(
                f"{path}:{box.get('line')}: <{tag}> is {text!r}: "
                "give a number of pixels"
            ) from None
    difficult = (obj.findtext("difficult") or "0").strip() == "1"
    return VocBox(name, tuple(corners), difficult, where)


def _find_image(src: Path, name: str) -> Path:
    folder = src / "JPEGImages"
    for suffix in (".jpg", ".jpeg", ".png", ".JPG"):
        if (path := folder / f"{name}{suffix}").is_file():
            return path
    raise InputError(
        f"{folder / name}.jpg not found: restore it or take it off its split"
    )


def _to_coco(
    names: list[str],
    parsed: dict[str, list[VocBox]],
    images: dict[str, Path],
    classes: list[str],
) -> Converted:
    result = Converted(coco_dict(classes))
    for image_id, name in enumerate(names, 1):
        width, height = _image_size(images[name])
        result.coco["images"].append(
            dict(id=image_id, file_name=images[name].name, width=width, height=height)
        )
        for box in parsed[name]:
            left, top, right, bottom = box.corners
            x1, x2 = (min(max(x, 0), width) for x in (left, right))
            y1, y2 = (min(max(y, 0), height) for y in (top, bottom))
            if x2 <= x1 or y2 <= y1:
                result.dropped.append(
                    f"{box.where}: {box.name} of {right - left:g} x {bottom - top:g} px"
                )
                continue
            result.clipped += (x1, y1, x2, y2) != box.corners
            add_box(
                result.coco,
                image_id,
                classes.index(box.name) + 1,
                (x1, y1, x2 - x1, y2 - y1),
                ignore=int(box.difficult),
            )
    return result


def _image_size(path: Path) -> tuple[int, int]:
    """Width and height from the image's own header: <size> in the XML may be wrong."""
    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, UnidentifiedImageError):
        raise InputError(f"{path} is not a readable image: replace it") from None


def _link(src: Path, dst: Path) -> None:
    dst.parent.mkdir(parents=True, exist_ok=True)
    if dst.exists():
        return
    try:
        os.link(src, dst)
    except OSError:
        temporary = dst.with_name(dst.name + ".tmp")
        shutil.copyfile(src, temporary)
        os.replace(temporary, dst)
