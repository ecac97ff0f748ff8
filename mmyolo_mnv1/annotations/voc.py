"""Conversion of Pascal VOC to COCO."""

import math
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import TypeVar
from xml.etree import ElementTree
from xml.parsers import expat

from ..errors import InputError
from .conversion import (
    AnnotatedImage,
    Box,
    ConvertedSplit,
    Faults,
    check_annotated_once,
    check_rotation,
    choose_classes,
    image_size,
    images_by_key,
    names_below,
    numbered_lines,
    progress_bar,
    write_coco,
)
from .source_files import (
    IMAGE_FOLDERS,
    IMAGE_SUFFIXES,
    UNSUPPORTED_SUFFIXES,
    SourceFiles,
    count_and_list,
    image_folder,
)
from .splits import RandomSplit

T = TypeVar("T")

#: Folders of a split's photos and XML files, by the split's name.
SPLIT_FOLDERS = dict(val=("val", "valid", "validation"))
#: Folders that are no splits, in lower case.
NO_SPLITS = ("annotations", *IMAGE_FOLDERS)


def voc_to_coco(
    src: Path,
    dst: Path,
    splits: Sequence[str] | RandomSplit,
    classes: Sequence[str] | None = None,
) -> dict[str, ConvertedSplit]:
    """Convert a Pascal VOC dataset to COCO.

    VOC counts pixels from 1: all corners are shifted by -1, as MMDetection's converter
    does. The photo of an XML file has its name or the one in ``<filename>``; it is in
    the same folder, in ``JPEGImages`` or ``images`` in place of ``Annotations``, or
    anywhere below ``src`` if only one fits. Output is written by
    :func:`.conversion.write_coco`, after all files are read.

    Args:
        src (Path): Folder with XML files, in ``Annotations/`` or anywhere. For splits
            by name it has ``ImageSets/Main/<split>.txt`` or a folder ``<split>``.
        dst (Path): Output folder.
        splits (Sequence[str] | RandomSplit): Names of the splits, or a random split of
            all annotated images.
        classes (Sequence[str], optional): Class names in order. Defaults to None, all
            names that occur, sorted.

    Raises:
        InputError: Naming the files and lines that cannot be read, the first ten.
    """
    source, faults = _VocFolder(src, dst), Faults()
    if isinstance(splits, RandomSplit):
        lists, xmls = {}, source.xmls
        if not xmls:
            raise InputError(
                f"{src / 'Annotations'} has no *.xml: SRC must be a Pascal VOC folder"
            )
    else:
        lists = {split: source.read_split(split, faults) for split in splits}
        xmls = list(dict.fromkeys(chain(*lists.values())))
    images: dict[Path, AnnotatedImage] = {}
    for xml in progress_bar(xmls):
        with faults.collect():
            images[xml] = source.read(xml, faults)
    faults.check()
    check_annotated_once(images, images.values())
    source.name_images(images.values())
    chosen = {split: [images[xml] for xml in lists[split]] for split in lists}
    if isinstance(splits, RandomSplit):
        chosen = splits(
            images_by_key(
                images.values(),
                lambda image: str(PurePosixPath(image.name).with_suffix("")),
            )
        )
    notes = source.notes(images.values())
    return write_coco(chosen, choose_classes(images.values(), classes), dst, notes)


def voc_splits(src: Path) -> list[str]:
    """Names of a dataset's splits, by its lists or its folders.

    Args:
        src (Path): See :func:`voc_to_coco`.
    """
    return _VocFolder(src, src / "images").splits


class _VocFolder:
    """Files of a Pascal VOC dataset, in any of the usual layouts."""

    def __init__(self, src: Path, dst: Path) -> None:
        self.src, self.files = src, SourceFiles(dst)
        self.has_lists, self.of_other_size = False, []

    @cached_property
    def xmls(self) -> list[Path]:
        """XML files of the folder ``Annotations`` if it has any, or of ``src``."""
        folders = sorted(self.src.iterdir()) if self.src.is_dir() else []
        folders = [f for f in folders if f.name.lower() == "annotations"]
        found = (self.files.find(folder, (".xml",)) for folder in (*folders, self.src))
        return next(filter(None, found), [])

    @cached_property
    def xmls_by_stem(self) -> dict[str, list[Path]]:
        """XML files by their names without suffix."""
        return _group((path.stem, path) for path in self.xmls)

    @cached_property
    def xmls_by_folder(self) -> dict[str, list[Path]]:
        """XML files by the names of the folders that they are in."""
        return _group(
            (name, xml)
            for xml in self.xmls
            for name in xml.relative_to(self.src).parts[:-1]
        )

    @cached_property
    def splits(self) -> list[str]:
        """Names of the lists in ``ImageSets``, or else of the folders."""
        lists = self.src / "ImageSets"
        found = {p.stem for f in (lists / "Main", lists) for p in f.glob("*.txt")}
        folders = (f for f in self.xmls_by_folder if f.lower() not in NO_SPLITS)
        return sorted(found) or sorted(folders)

    @cached_property
    def photos(self) -> list[Path]:
        """All photos below ``src``."""
        return self.files.find(self.src, (*IMAGE_SUFFIXES, *UNSUPPORTED_SUFFIXES))

    @cached_property
    def photos_by_stem(self) -> dict[tuple[Path | None, str], list[Path]]:
        """Photos by name without suffix and folder.

        The folder is that of the photo, the same without ``images``, or None.
        """
        return _group(
            ((folder, path.stem), path)
            for path in self.photos
            for folder in {path.parent, image_folder(path).parent, None}
        )

    def read_split(self, split: str, faults: Faults) -> list[Path]:
        """XML files of a split, by its list or its folder."""
        folder = self.src / "ImageSets" / "Main"
        for path in (folder / f"{split}.txt", folder.parent / f"{split}.txt"):
            if path.is_file():
                self.has_lists = True
                return self._read_list(path, faults)
        for name in SPLIT_FOLDERS.get(split, (split,)):
            if name in self.xmls_by_folder:
                return self.xmls_by_folder[name]
        raise InputError(
            f"{folder / split}.txt not found: --splits takes {self.splits}"
            if self.splits
            else f"{folder / split}.txt not found: SRC must be a Pascal VOC folder; "
            "one without ImageSets is divided by --splits train=0.8 val=0.2"
        )

    def _read_list(self, path: Path, faults: Faults) -> list[Path]:
        numbers: dict[Path, int] = {}
        for number, line in numbered_lines(path):
            with faults.collect():
                if self.files.passes_over(self.src / line, self.src):
                    continue
                xml = self._find_xml(line)
                if xml in numbers:
                    raise InputError(
                        f"{path}:{number}: {line} stands on line {numbers[xml]} "
                        "already: remove one"
                    )
                numbers[xml] = number
        if not numbers and not faults.messages:
            raise InputError(f"{path} lists no image: fill it or leave the split out")
        return list(numbers)

    def _find_xml(self, line: str) -> Path:
        """XML file of a line: a name, with or without suffix, folder and flag."""
        line = line.replace("\\", "/")
        words = (line, re.sub(r"\s+-?[01]$", "", line), line.split()[0])
        for text in dict.fromkeys(words):
            name = PurePosixPath(text)
            is_suffix = name.suffix.lower() in (".xml", *IMAGE_SUFFIXES)
            for stem in (name.name, name.stem if is_suffix else ""):
                xmls = self.xmls_by_stem.get(stem, [])
                folder = image_folder(Path(name)).parent.parts
                fits = [x for x in xmls if x.parent.parts[-len(folder) :] == folder]
                fits = fits or xmls
                if len(fits) > 1:
                    raise InputError(
                        f"{fits[0]} and {fits[1]} both fit {line}: remove one"
                    )
                if fits:
                    return fits[0]
        raise InputError(
            f"{self.src / 'Annotations' / words[1]}.xml not found: "
            "restore it or take it off its split"
        )

    def read(self, xml: Path, faults: Faults) -> AnnotatedImage:
        """Read an XML file and the size of its photo."""
        boxes, filename, size = _read_xml(xml, faults)
        path = self._find_photo(xml, filename)
        image = AnnotatedImage(path, path.name, image_size(path), boxes)
        check_rotation(path, size, xml)
        if min(size) > 0 and size != image.size:
            self.of_other_size.append(xml)
        return image

    def _find_photo(self, xml: Path, filename: str) -> Path:
        parts = xml.parent.relative_to(self.src).parts
        # Annotations/sub has its photos in the same folder, or in JPEGImages/sub.
        shorter = (parts[:i] + parts[i + 1 :] for i in reversed(range(len(parts))))
        folders = [xml.parent, *(self.src.joinpath(*p) for p in shorter), None]
        for name in dict.fromkeys((xml.stem, Path(filename).stem, filename)):
            for folder in folders:
                fits = self.photos_by_stem.get((folder, name), [])
                fits = [path for path in fits if path.name == filename] or fits
                if len({path.parent for path in fits}) > 1:
                    raise InputError(
                        f"{fits[0]} and {fits[1]} both fit {xml}: remove one"
                    )
                if fits:
                    return min(fits, key=_suffix_rank)
        folder = self.src / "JPEGImages"
        raise InputError(
            f"{(folder if folder.is_dir() else xml.parent) / xml.stem}.jpg not found: "
            "restore it or take it off its split"
        )

    def name_images(self, images: Iterable[AnnotatedImage]) -> None:
        """Name images by their paths below ``src``, without ``JPEGImages``."""
        names = names_below([image.path for image in images], self.src)
        short = {path: image_folder(Path(name)) for path, name in names.items()}
        for image in images:
            image.name = short[image.path].as_posix()

    def notes(self, images: Iterable[AnnotatedImage]) -> list[str]:
        """Files passed over, other sizes and, without lists, photos without XML."""
        label = "XML files give another size than the photo has, see whether boxes fit"
        sizes = [count_and_list(label, self.of_other_size)] * bool(self.of_other_size)
        if self.has_lists:
            return self.files.notes() + sizes
        used = {image.path for image in images}
        tops = {_first_folder(path, self.src) for path in used}
        unused = [
            path
            for path in self.photos
            if path not in used and any(path.is_relative_to(top) for top in tops)
        ]
        label = "photos without XML left out"
        sizes += [count_and_list(label, unused)] * bool(unused)
        return self.files.notes() + sizes


def _read_xml(path: Path, faults: Faults) -> tuple[list[Box], str, tuple[int, int]]:
    """Read boxes, and file name and size of the photo; (0, 0) without a valid size."""
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
    boxes = []
    for obj in root.iter("object"):
        with faults.collect():
            boxes.append(_read_object(path, obj))
    filename = (root.findtext("filename") or "").strip().replace("\\", "/")
    try:
        size = tuple(int(root.findtext(f"size/{tag}")) for tag in ("width", "height"))
    except (TypeError, ValueError):
        size = 0, 0
    return boxes, filename.rpartition("/")[2], size


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
    return Box(name, tuple(corners), location, dict(iscrowd=int(difficult)))


def _group(pairs: Iterable[tuple[T, Path]]) -> dict[T, list[Path]]:
    groups: dict[T, list[Path]] = {}
    for key, path in pairs:
        groups.setdefault(key, []).append(path)
    return groups


def _suffix_rank(path: Path) -> int:
    """Order of photos of one name."""
    return (*IMAGE_SUFFIXES, *UNSUPPORTED_SUFFIXES).index(path.suffix.lower())


def _first_folder(path: Path, src: Path) -> Path:
    """Folder in ``src`` that a photo is in, at any depth; or ``src``."""
    parts = path.relative_to(src).parts
    return src / parts[0] if len(parts) > 1 else src
