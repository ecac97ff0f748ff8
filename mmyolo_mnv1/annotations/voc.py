"""Conversion of Pascal VOC to COCO."""

import math
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from ..errors import InputError
from .conversion import (
    AnnotatedImage,
    Box,
    ConvertedSplit,
    choose_classes,
    image_size,
    numbered_lines,
    progress_bar,
    write_coco,
)
from .splits import RandomSplit


def voc_to_coco(
    src: Path,
    dst: Path,
    splits: Sequence[str] | RandomSplit,
    classes: Sequence[str] | None = None,
) -> dict[str, ConvertedSplit]:
    """Convert a Pascal VOC dataset to COCO.

    VOC counts pixels from 1: all corners are shifted by -1, as MMDetection's converter
    does. Output is written by :func:`.conversion.write_coco`, after all files are read.

    Args:
        src (Path): Folder with ``Annotations/*.xml``, ``JPEGImages/`` and, for splits
            by name, ``ImageSets/Main/<split>.txt``.
        dst (Path): Output folder.
        splits (Sequence[str] | RandomSplit): Names of the splits, or a random split of
            all annotated images.
        classes (Sequence[str], optional): Class names in order. Defaults to None, all
            names that occur, sorted.

    Raises:
        InputError: Naming the file and line that cannot be read.
    """
    if isinstance(splits, RandomSplit):
        lists, names = {}, _list_annotated(src)
    else:
        lists = {split: _read_split(src, split) for split in splits}
        names = list(dict.fromkeys(chain(*lists.values())))
    images = {name: _read(src, name) for name in progress_bar(names)}
    chosen = {split: [images[name] for name in lists[split]] for split in lists}
    if isinstance(splits, RandomSplit):
        chosen = splits(images)
    return write_coco(chosen, choose_classes(images.values(), classes), dst)


def _list_annotated(src: Path) -> list[str]:
    names = sorted(path.stem for path in (src / "Annotations").glob("*.xml"))
    if not names:
        raise InputError(
            f"{src / 'Annotations'} has no *.xml: SRC must be a Pascal VOC folder"
        )
    return names


def _read(src: Path, name: str) -> AnnotatedImage:
    boxes = _read_xml(src / "Annotations" / f"{name}.xml")
    path = _find_image(src, name)
    return AnnotatedImage(path, path.name, image_size(path), boxes)


def _read_split(src: Path, split: str) -> list[str]:
    folder = src / "ImageSets" / "Main"
    path = folder / f"{split}.txt"
    if not path.is_file():
        available = sorted(p.stem for p in folder.glob("*.txt"))
        raise InputError(
            f"{path} not found: --splits takes {available}"
            if available
            else f"{path} not found: SRC must be a Pascal VOC folder; "
            "one without ImageSets is divided by --splits train=0.8 val=0.2"
        )
    names: dict[str, int] = {}
    for number, line in numbered_lines(path):
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


def _read_xml(path: Path) -> list[Box]:
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
    if root.tag != "annotation":
        raise InputError(
            f"{path}:1: <{root.tag}>, not <annotation>: it is not Pascal VOC: remove it"
        )
    return [_read_object(path, obj) for obj in root.iter("object")]


def _parse(path: Path) -> ElementTree.Element:
    """Parse XML; the attribute "line" of each element is the line of its start tag."""
    builder, parser = ElementTree.TreeBuilder(), expat.ParserCreate()

    def start(tag: str, attributes: dict) -> None:
        builder.start(tag, attributes | {"line": str(parser.CurrentLineNumber)})

    parser.StartElementHandler = start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.Parse(path.read_bytes(), True)
    return builder.close()


def _read_object(path: Path, obj: ElementTree.Element) -> Box:
    location = f"{path}:{obj.get('line')}"
    name = (obj.findtext("name") or "").strip()
    if not name:
        raise InputError(f"{location}: object has no <name>: add it")
    box = obj.find("bndbox")
    if box is None:
        raise InputError(f"{location}: object {name!r} has no <bndbox>: add it")
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
    return Box(name, tuple(corners), location, dict(ignore=int(difficult)))


def _find_image(src: Path, name: str) -> Path:
    folder = src / "JPEGImages"
    for suffix in (".jpg", ".jpeg", ".png", ".JPG"):
        if (path := folder / f"{name}{suffix}").is_file():
            return path
    raise InputError(
        f"{folder / name}.jpg not found: restore it or take it off its split"
    )
