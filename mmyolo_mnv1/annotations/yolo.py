"""Ultralytics YOLO (data.yaml and label files) to COCO."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

from ..errors import InputError
from .conversion import (
    AnnotatedImage,
    Box,
    Converted,
    Dropped,
    image_size,
    names_below,
    read_images,
    read_text,
    write_coco,
)
from .splits import RandomSplit

SPLITS = ("train", "val", "validation", "test", "minival")  # keys of data.yaml
IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp")
OTHER_SUFFIXES = (".dng", ".heic", ".pfm")  # Ultralytics reads them, OpenCV does not
TOLERANCE = 0.01  # by which a coordinate may lie outside [0, 1]


@dataclass
class DataYaml:
    """A data.yaml: its fields, the line of each, and the folder of the dataset."""

    path: Path
    fields: dict
    lines: dict[str, int]
    root: Path = Path()

    def refuse(self, field: str, problem: str) -> InputError:
        """The error that names the line of a field."""
        line = f":{self.lines[field]}" if field in self.lines else ""
        return InputError(f"{self.path}{line}: {field} {problem}")


def yolo_to_coco(
    src: Path, dst: Path, splits: Sequence[str] | RandomSplit | None = None
) -> dict[str, Converted]:
    """Convert an Ultralytics YOLO dataset to COCO.

    Each split of ``src`` is a folder, a text file that lists images, or a list of
    these. The labels of ``.../images/x.jpg`` are in ``.../labels/x.txt``; an image
    without that file has no objects. Label lines are ``class x y width height`` or
    ``class x1 y1 x2 y2 x3 y3 ...``, a polygon of which the box is taken; all but the
    class are fractions of the image. Photos keep their path below the dataset's
    folder, without ``images``. Nothing is written unless everything could be read.
    What is written: :func:`~mmyolo_mnv1.annotations.conversion.write_coco`.

    Args:
        src (Path): The data.yaml.
        dst (Path): Where to write.
        splits (Sequence[str] | RandomSplit, optional): Names of the splits, or how to
            divide the images of all splits. Defaults to None, the splits of ``src``.

    Returns:
        dict[str, Converted]: By split.

    Raises:
        InputError: Naming the file, and the line in it, that cannot be read.
    """
    data = _read_yaml(src)
    classes = _class_names(data)
    names = None if isinstance(splits, RandomSplit) else splits
    paths = {split: _list_images(data, split) for split in _present(data, names)}
    every = dict.fromkeys(path for split in paths.values() for path in split)
    image_names = names_below(every, data.root)
    read = partial(_read_image, image_names, classes)
    images = dict(zip(every, read_images(every, read), strict=True))
    for split, members in paths.items():
        if not any(images[path].boxes for path in members):
            raise data.refuse(
                split,
                f"has {len(members)} images and no box (labels are looked for as "
                f"{_label_path(members[0])}): put them there or leave the split out",
            )
    chosen = {split: [images[path] for path in paths[split]] for split in paths}
    if isinstance(splits, RandomSplit):
        chosen = splits({image.name: image for image in images.values()})
    results = write_coco(chosen, classes, dst)
    for split in paths:
        result = results.get(split) or next(iter(results.values()))
        result.dropped += _lone_labels(data, split, every)
    return results


def _read_yaml(path: Path) -> DataYaml:
    try:
        text = read_text(path)
        fields, node = yaml.safe_load(text), yaml.compose(text, yaml.SafeLoader)
    except OSError:
        raise InputError(f"{path} not found: SRC must be a data.yaml") from None
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else path
        problem = getattr(e, "problem", None) or str(e).splitlines()[0]
        raise InputError(f"{where}: not YAML ({problem}): mend it") from None
    if not isinstance(fields, dict):
        raise InputError(
            f"{path}: no fields: SRC must be a data.yaml with names, train"
        )
    lines = {key.value: key.start_mark.line + 1 for key, _ in node.value}
    data = DataYaml(path, fields, lines)
    if "kpt_shape" in fields:
        raise data.refuse("kpt_shape", "is for poses: give labels of boxes, without it")
    folder = fields.get("path") or "."
    places = [path.parent / str(folder), Path(str(folder))]
    root = next((place for place in places if place.is_dir()), None)
    if root is None:
        raise data.refuse(
            "path", f"{folder} not found, seen from {path.parent} or here: correct it"
        )
    data.root = root.resolve()
    return data


def _class_names(data: DataYaml) -> list[str]:
    names, count = data.fields.get("names"), data.fields.get("nc")
    if isinstance(names, dict):
        if sorted(names, key=str) != sorted(range(len(names)), key=str):
            raise data.refuse(
                "names", f"has keys {list(names)}: number them 0, 1, 2, …"
            )
        names = [names[index] for index in range(len(names))]
    if not isinstance(names, list) or not names:
        raise data.refuse("names", "is no list of class names: give one")
    for name in names:
        if isinstance(name, bool) or not isinstance(name, (str, int)):
            raise data.refuse("names", f"has {name!r}, which is no text: quote it")
    names = [str(name) for name in names]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise data.refuse("names", f"has {twice!r} twice: rename one")
    if count is not None and count != len(names):
        raise data.refuse("nc", f"is {count!r} but names has {len(names)}: correct one")
    return names


def _present(data: DataYaml, wanted: Sequence[str] | None) -> Sequence[str]:
    """The splits to convert."""
    have = [split for split in SPLITS if data.fields.get(split)]
    if not have:
        raise data.refuse("train", "names no images: give a folder or a list file")
    for split in wanted or ():
        if split not in have:
            raise data.refuse(split, f"names no images: --splits takes {have}")
    return wanted or have


def _places(data: DataYaml, split: str) -> list[Path]:
    """The folders and list files of a split."""
    entries, found = data.fields[split], []
    for entry in entries if isinstance(entries, list) else [entries]:
        # Roboflow exports ../train/images for train/images.
        places = [data.root / str(entry), data.root / str(entry).removeprefix("../")]
        place = next((place for place in places if place.exists()), None)
        if place is None:
            raise data.refuse(split, f"{places[0]} not found: correct it or path")
        found.append(place.resolve())
    return found


def _list_images(data: DataYaml, split: str) -> list[Path]:
    images: dict[Path, None] = {}
    for place in _places(data, split):
        found = _glob_images(place) if place.is_dir() else _read_list(place, data.root)
        if not found:
            raise data.refuse(split, f"{place} has no image: fill it or leave it out")
        images |= dict.fromkeys(found)
    return list(images)


def _glob_images(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        if path.suffix.lower() in OTHER_SUFFIXES:
            raise InputError(
                f"{path}: OpenCV cannot read it: convert it to JPEG or PNG"
            )
    return [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES]


def _read_list(path: Path, root: Path) -> list[Path]:
    """Images of a list file, whose lines start from its folder or the dataset's."""
    if path.suffix != ".txt":
        raise InputError(f"{path} is neither a folder nor a .txt list: give one")
    images: dict[Path, int] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not (line := line.strip()):
            continue
        places = [Path(os.path.normpath(p / line)) for p in (path.parent, root)]
        image = next((place for place in places if place.is_file()), None)
        if image is None:
            raise InputError(
                f"{path}:{number}: {line} not found, seen from {path.parent}: "
                "restore it or take it off the list"
            )
        if image in images:
            raise InputError(
                f"{path}:{number}: {line} stands on line {images[image]} already: "
                "remove one"
            )
        images[image] = number
    return list(images)


def _label_path(image: Path) -> Path:
    head, images, tail = image.as_posix().rpartition("/images/")
    return Path(f"{head}/labels/{tail}" if images else image).with_suffix(".txt")


def _lone_labels(data: DataYaml, split: str, images: Iterable[Path]) -> list[Dropped]:
    """Label files beside a split's folders of images to which there is no image."""
    known = {_label_path(image) for image in images}
    lone = []
    for folder in _places(data, split):
        labels = _label_path(folder / "any").parent
        if folder.is_dir() and labels != folder:
            lone += set(labels.rglob("*.txt")) - known - {labels / "classes.txt"}
    return [Dropped("label file without image", str(path)) for path in sorted(lone)]


def _read_image(
    names: dict[Path, str], classes: list[str], path: Path
) -> AnnotatedImage:
    name = re.sub(r"(^|/)images/", r"\1", names[path])
    size = image_size(path)
    image = AnnotatedImage(path, name, size, [])
    label_path = _label_path(path)
    if not label_path.is_file():
        return image
    for number, line in enumerate(read_text(label_path).splitlines(), 1):
        if line.strip():
            where = f"{label_path}:{number}"
            image.boxes.append(_read_line(where, line.split(), classes, size))
    return image


def _read_line(
    where: str, words: list[str], classes: list[str], size: tuple[int, int]
) -> Box:
    label, *values = (_number(where, word) for word in words)
    if len(values) != 4 and (len(values) < 6 or len(values) % 2):
        raise InputError(
            f"{where}: {len(words)} numbers: give class x y width height, "
            "or class and x y of at least 3 points"
        )
    if not label.is_integer() or not 0 <= label < len(classes):
        raise InputError(
            f"{where}: class {label:g} is not one of 0 to {len(classes) - 1}: "
            "correct it, or names in data.yaml"
        )
    for value in values:
        if not -TOLERANCE <= value <= 1 + TOLERANCE:
            raise InputError(
                f"{where}: {value:g} is outside [0, 1]: give fractions of the image"
            )
    if len(values) == 4:
        x, y, w, h = values
        corners = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
    else:
        xs, ys = values[::2], values[1::2]
        corners = (min(xs), min(ys), max(xs), max(ys))
    return Box(
        classes[int(label)],
        tuple(v * side for v, side in zip(corners, size * 2, strict=True)),
        where,
    )


def _number(where: str, word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise InputError(f"{where}: {word!r} is no number: mend the line") from None
