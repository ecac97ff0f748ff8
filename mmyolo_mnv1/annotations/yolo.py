"""Conversion of Ultralytics YOLO datasets (data.yaml and label files) to COCO."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from ..errors import InputError
from .conversion import (
    AnnotatedImage,
    Box,
    ConvertedSplit,
    Dropped,
    image_size,
    names_below,
    numbered_lines,
    progress_bar,
    read_text,
    write_coco,
)
from .splits import RandomSplit

SPLITS = ("train", "val", "validation", "test", "minival")  # keys of data.yaml
IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp")
#: Formats that Ultralytics reads and OpenCV does not.
UNSUPPORTED_SUFFIXES = (".dng", ".heic", ".pfm")
TOLERANCE = 0.01  # of coordinates outside [0, 1]


@dataclass
class DataYaml:
    """A data.yaml: its fields, the line of each, and the dataset's folder."""

    path: Path
    fields: dict
    lines: dict[str, int]
    root: Path = Path()

    def error(self, field: str, problem: str) -> InputError:
        """Error message with the line of a field."""
        line = f":{self.lines[field]}" if field in self.lines else ""
        return InputError(f"{self.path}{line}: {field} {problem}")


def yolo_to_coco(
    src: Path, dst: Path, splits: Sequence[str] | RandomSplit | None = None
) -> dict[str, ConvertedSplit]:
    """Convert an Ultralytics YOLO dataset to COCO.

    Each split of ``src`` is a folder, a text file that lists images, or a list of
    these. The labels of ``.../images/x.jpg`` are in ``.../labels/x.txt``; an image
    without that file has no objects. A line is ``class x y width height``, or ``class
    x1 y1 x2 y2 x3 y3 ...`` for a polygon, which becomes its bounding box; coordinates
    are fractions of the image. Images keep their path below the dataset's folder,
    without ``images``. Output is written by :func:`.conversion.write_coco`, after all
    files are read.

    Args:
        src (Path): The data.yaml.
        dst (Path): Output folder.
        splits (Sequence[str] | RandomSplit, optional): Names of the splits, or a random
            split of the images of all splits. Defaults to None, the splits of ``src``.

    Raises:
        InputError: Naming the file and line that cannot be read.
    """
    data = _read_yaml(src)
    classes = _class_names(data)
    names = None if isinstance(splits, RandomSplit) else splits
    paths = {s: _list_images(data, s) for s in _splits_to_convert(data, names)}
    all_paths = dict.fromkeys(path for split in paths.values() for path in split)
    image_names = names_below(all_paths, data.root)
    images = {
        path: _read_image(path, image_names[path], classes)
        for path in progress_bar(all_paths)
    }
    chosen = {split: [images[path] for path in paths[split]] for split in paths}
    for split, members in chosen.items():
        if not any(image.boxes for image in members):
            raise data.error(
                split,
                f"has {len(members)} images and no box (labels are looked for as "
                f"{_label_path(members[0].path)}): put them there or leave the split "
                "out",
            )
    if isinstance(splits, RandomSplit):
        chosen = splits({image.name: image for image in images.values()})
    results = write_coco(chosen, classes, dst)
    for split in paths:
        result = results.get(split) or next(iter(results.values()))
        result.dropped += _labels_without_image(data, split, all_paths)
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
        raise data.error("kpt_shape", "is for poses: give labels of boxes, without it")
    folder = fields.get("path") or "."
    candidates = [path.parent / str(folder), Path(str(folder))]
    root = next(filter(Path.is_dir, candidates), None)
    if root is None:
        raise data.error(
            "path", f"{folder} not found, seen from {path.parent} or here: correct it"
        )
    data.root = root.resolve()
    return data


def _class_names(data: DataYaml) -> list[str]:
    names, count = data.fields.get("names"), data.fields.get("nc")
    if isinstance(names, dict):
        if sorted(names, key=str) != sorted(range(len(names)), key=str):
            raise data.error("names", f"has keys {list(names)}: number them 0, 1, 2, …")
        names = [names[index] for index in range(len(names))]
    if not isinstance(names, list) or not names:
        raise data.error("names", "is no list of class names: give one")
    for name in names:
        if isinstance(name, bool) or not isinstance(name, (str, int)):
            raise data.error("names", f"has {name!r}, which is no text: quote it")
    names = [str(name) for name in names]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise data.error("names", f"has {twice!r} twice: rename one")
    if count is not None and count != len(names):
        raise data.error("nc", f"is {count!r} but names has {len(names)}: correct one")
    return names


def _splits_to_convert(data: DataYaml, names: Sequence[str] | None) -> Sequence[str]:
    """``names``, or by default all splits of the dataset."""
    available = [split for split in SPLITS if data.fields.get(split)]
    if not available:
        raise data.error("train", "names no images: give a folder or a list file")
    for split in names or ():
        if split not in available:
            raise data.error(split, f"names no images: --splits takes {available}")
    return names or available


def _split_sources(data: DataYaml, split: str) -> list[Path]:
    """Folders and list files of a split."""
    entries, sources = data.fields[split], []
    for entry in entries if isinstance(entries, list) else [entries]:
        # Roboflow writes ../train/images for train/images.
        paths = [data.root / str(entry), data.root / str(entry).removeprefix("../")]
        source = next(filter(Path.exists, paths), None)
        if source is None:
            raise data.error(split, f"{paths[0]} not found: correct it or path")
        sources.append(source.resolve())
    return sources


def _list_images(data: DataYaml, split: str) -> list[Path]:
    images: dict[Path, None] = {}
    for source in _split_sources(data, split):
        is_folder = source.is_dir()
        paths = _glob_images(source) if is_folder else _read_list(source, data.root)
        if not paths:
            raise data.error(split, f"{source} has no image: fill it or leave it out")
        images |= dict.fromkeys(paths)
    return list(images)


def _glob_images(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        if path.suffix.lower() in UNSUPPORTED_SUFFIXES:
            raise InputError(
                f"{path}: OpenCV cannot read it: convert it to JPEG or PNG"
            )
    return [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES]


def _read_list(path: Path, root: Path) -> list[Path]:
    """Images of a list file; paths are relative to its folder or the dataset's."""
    if path.suffix != ".txt":
        raise InputError(f"{path} is neither a folder nor a .txt list: give one")
    images: dict[Path, int] = {}
    for number, line in numbered_lines(path):
        candidates = (Path(os.path.normpath(p / line)) for p in (path.parent, root))
        image = next(filter(Path.is_file, candidates), None)
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


def _labels_without_image(
    data: DataYaml, split: str, images: Iterable[Path]
) -> list[Dropped]:
    """Label files of a split's folders that belong to no image."""
    used = {_label_path(image) for image in images}
    unused = []
    for folder in _split_sources(data, split):
        labels = _label_path(folder / "any").parent
        if folder.is_dir() and labels != folder:
            unused += set(labels.rglob("*.txt")) - used - {labels / "classes.txt"}
    return [Dropped("label file without image", str(path)) for path in sorted(unused)]


def _read_image(path: Path, name: str, classes: list[str]) -> AnnotatedImage:
    name = re.sub(r"(^|/)images/", r"\1", name)
    size = image_size(path)
    image = AnnotatedImage(path, name, size, [])
    label_path = _label_path(path)
    if not label_path.is_file():
        return image
    for number, line in numbered_lines(label_path):
        location = f"{label_path}:{number}"
        image.boxes.append(_read_line(location, line.split(), classes, size))
    return image


def _read_line(
    location: str, words: list[str], classes: list[str], size: tuple[int, int]
) -> Box:
    label, *values = (_read_number(location, word) for word in words)
    if len(values) != 4 and (len(values) < 6 or len(values) % 2):
        raise InputError(
            f"{location}: {len(words)} numbers: give class x y width height, "
            "or class and x y of at least 3 points"
        )
    if not label.is_integer() or not 0 <= label < len(classes):
        raise InputError(
            f"{location}: class {label:g} is not one of 0 to {len(classes) - 1}: "
            "correct it, or names in data.yaml"
        )
    for value in values:
        if not -TOLERANCE <= value <= 1 + TOLERANCE:
            raise InputError(
                f"{location}: {value:g} is outside [0, 1]: give fractions of the image"
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
        location,
    )


def _read_number(location: str, word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise InputError(f"{location}: {word!r} is no number: mend the line") from None
