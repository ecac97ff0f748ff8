"""Detection of the format of a dataset's labels, and conversion to COCO."""

import codecs
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError
from .coco_source import coco_to_coco
from .conversion import ConvertedSplit
from .labelme import labelme_to_coco
from .source_files import IMAGE_SUFFIXES, SourceFiles
from .split_names import split_roles
from .splits import RandomSplit
from .voc import voc_splits, voc_to_coco
from .yolo import yolo_splits, yolo_to_coco

HEAD = 1 << 16  # bytes of a file that say what it is; COCO's may begin with classes
#: Fewest photos that can be split and learnt from.
MIN_PHOTOS = 10


class Format(NamedTuple):
    """A format of labels: its name, its files, and what they contain at the start."""

    title: str
    suffixes: tuple[str, ...]
    pattern: re.Pattern[bytes]


FORMATS = dict(
    yolo=Format(
        "YOLO", (".yaml", ".yml", ".data"), re.compile(rb"^\s*names\s*[:=]", re.M)
    ),
    voc=Format("Pascal VOC", (".xml",), re.compile(rb"<annotation\b")),
    labelme=Format(
        "labelme", (".json",), re.compile(rb'"(shapes|imagePath|imageData)"\s*:')
    ),
    coco=Format("COCO", (".json",), re.compile(rb'"(images|annotations)"\s*:\s*\[')),
)


class Labels(NamedTuple):
    """Labels of a dataset.

    Args:
        kind (str): Key of :data:`FORMATS`.
        root (Path): Folder of the dataset.
        files (list[Path]): Files of this format.
    """

    kind: str
    root: Path
    files: list[Path]


def find_labels(data: Path, kind: str | None = None, output: Path = Path()) -> Labels:
    """Find the labels of a dataset and their format.

    Args:
        data (Path): A file of labels, or a folder that has some at any depth.
        kind (str, optional): Key of :data:`FORMATS`. Defaults to None, the only one
            that is there.
        output (Path): Folder that the conversion writes: not searched.

    Raises:
        InputError: If there are no labels, or those of two formats, or fewer than
            :data:`MIN_PHOTOS` photos.
    """
    if not data.exists():
        raise InputError(f"{data} not found: give a data.yaml, COCO JSON or a folder")
    root = data if data.is_dir() else data.parent
    source = SourceFiles(output)
    suffixes = {s for form in FORMATS.values() for s in form.suffixes}
    paths = source.find(root, suffixes) if data.is_dir() else [data]
    paths = paths or sorted((root / "annotations").glob("*.json"))  # converted before
    found: dict[str, list[Path]] = {}
    for path in paths:
        if name := _format_of(path):
            found.setdefault(name, []).append(path)
    if kind:
        found = {name: found[name] for name in found if name == kind}
    photos = source.find(root, IMAGE_SUFFIXES)
    if not photos and not data.is_dir():  # annotations/all.json
        root = root.parent
        photos = source.find(root, IMAGE_SUFFIXES)
    if not found:
        formats = ", ".join(form.title for form in FORMATS.values())
        texts = source.find(root, (".txt",))
        hint = (
            "YOLO's label files need a data.yaml with names and train beside them"
            if texts and photos and not kind
            else "label the photos, or give the folder or file that has labels"
        )
        what = FORMATS[kind].title if kind else formats
        raise InputError(
            f"{data} has {len(photos)} photos and no labels ({what}): {hint}"
        )
    if len(found) > 1:
        kinds = " and ".join(f"{FORMATS[k].title} ({found[k][0]})" for k in found)
        raise InputError(
            f"{data} has labels of {len(found)} formats, {kinds}: choose one by "
            f"--labels {' or '.join(found)}"
        )
    ((name, files),) = found.items()
    # A data.yaml may name photos of another place.
    if name not in ("labelme", "yolo") and len(photos) < MIN_PHOTOS:
        raise _too_few(data, len(photos))
    return Labels(name, root, files)


def convert(labels: Labels, dst: Path, seed: int = 0) -> dict[str, ConvertedSplit]:
    """Convert labels of any format to COCO.

    The dataset's own splits are kept if one is for training and another one for
    validation or test (:func:`.split_roles`); otherwise a fifth of the photos is held
    out for validation.

    Args:
        labels (Labels): See :func:`find_labels`.
        dst (Path): Output folder, see :func:`.conversion.write_coco`.
        seed (int): Seed of a random split. Defaults to 0.

    Raises:
        InputError: If a file cannot be read, or fewer than :data:`MIN_PHOTOS` photos
            have labels.
    """
    random = RandomSplit(dict(train=0.8, val=0.2), seed)
    converters: dict[str, Callable[[], dict[str, ConvertedSplit]]] = dict(
        yolo=lambda: _convert_yolo(labels, dst, random),
        voc=lambda: _convert_voc(labels, dst, random),
        labelme=lambda: labelme_to_coco(labels.root, dst, random),
        coco=lambda: coco_to_coco(labels.files, labels.root, dst, random),
    )
    results = converters[labels.kind]()
    count = sum(len(result.coco["images"]) for result in results.values())
    if count < MIN_PHOTOS:
        raise _too_few(labels.root, count)
    return results


def _format_of(path: Path) -> str | None:
    """Key of the format of a file, by its suffix and its first bytes."""
    for name, form in FORMATS.items():
        if path.suffix.lower() in form.suffixes:
            with path.open("rb") as file:
                head = file.read(HEAD).removeprefix(codecs.BOM_UTF8)
                if form.pattern.search(head.replace(b"\0", b"")):  # UTF-16
                    return name
    return None


def _too_few(data: Path, count: int) -> InputError:
    return InputError(
        f"{data} has {count} photos with labels: at least {MIN_PHOTOS} are needed, and "
        "100 of each class for a useful detector"
    )


def _convert_yolo(
    labels: Labels, dst: Path, random: RandomSplit
) -> dict[str, ConvertedSplit]:
    file = _nearest(labels)
    splits = None if split_roles(yolo_splits(file)) else random
    return yolo_to_coco(file, dst, splits)


def _convert_voc(
    labels: Labels, dst: Path, random: RandomSplit
) -> dict[str, ConvertedSplit]:
    root = labels.root
    if not (root / "ImageSets").is_dir():
        nested = sorted(path.parent for path in root.rglob("ImageSets"))
        if len(nested) > 1:
            raise InputError(f"{nested[0]} and {nested[1]} have ImageSets: give one")
        root = nested[0] if nested else root
    roles = split_roles(voc_splits(root))
    return voc_to_coco(root, dst, list(dict.fromkeys(roles.values())) or random)


def _nearest(labels: Labels) -> Path:
    """The file that is nearest to the root.

    Raises:
        InputError: If there are two.
    """
    files = sorted(labels.files, key=lambda path: len(path.parts))
    if len(files) > 1 and len(files[0].parts) == len(files[1].parts):
        raise InputError(f"{files[0]} and {files[1]} are both data sets: give one")
    return files[0]
