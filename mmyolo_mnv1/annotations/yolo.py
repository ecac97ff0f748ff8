"""Conversion of Ultralytics YOLO datasets (data.yaml and label files) to COCO."""

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

import yaml

from ..errors import InputError
from .conversion import (
    AnnotatedImage,
    Box,
    ConvertedSplit,
    Dropped,
    Faults,
    image_size,
    images_by_key,
    names_below,
    numbered_lines,
    progress_bar,
    read_text,
    write_coco,
)
from .source_files import (
    IMAGE_SUFFIXES,
    UNSUPPORTED_SUFFIXES,
    SourceFiles,
    count_and_list,
    image_folder,
)
from .splits import RandomSplit

#: Keys of data.yaml.
SPLITS = ("train", "val", "valid", "validation", "test", "minival")
OPTIONAL_SPLITS = ("test", "minival")  # not needed for training
TOLERANCE = 0.01  # of coordinates outside [0, 1]


@dataclass
class DataYaml:
    """A data.yaml: its fields, the line of each, the dataset's folder and labels."""

    path: Path
    fields: dict
    lines: dict[str, int]
    root: Path = Path()
    labels: dict[Path, Path | None] = field(default_factory=dict)  # by image
    notes: list[str] = field(default_factory=list)

    def error(self, field: str, problem: str) -> InputError:
        """Error message with the line of a field."""
        line = f":{self.lines[field]}" if field in self.lines else ""
        return InputError(f"{self.path}{line}: {field} {problem}")


def yolo_to_coco(
    src: Path, dst: Path, splits: Sequence[str] | RandomSplit | None = None
) -> dict[str, ConvertedSplit]:
    """Convert an Ultralytics YOLO dataset to COCO.

    Each split of ``src`` is a folder, a text file that lists images, or a list of
    these. The labels of ``.../images/x.jpg`` are in ``.../labels/x.txt``, or beside the
    image; if the image or its folder is a link, they are looked for at the link and at
    its target. An image without that file has no objects. A line is ``class x y width
    height``, which a score may follow, or ``class x1 y1 x2 y2 x3 y3 ...`` for a
    polygon, which becomes its bounding box; coordinates are fractions of the image.
    Images keep their path below the dataset's folder, without ``images``. Output is
    written by :func:`.conversion.write_coco`, after all files are read.

    Args:
        src (Path): The data.yaml, or the ``obj.data`` of Darknet and CVAT.
        dst (Path): Output folder.
        splits (Sequence[str] | RandomSplit, optional): Names of the splits, or a random
            split of the images of all splits. Defaults to None, the splits of ``src``.

    Raises:
        InputError: Naming the files and lines that cannot be read, the first ten.
    """
    data, files = _read_data(src), SourceFiles(dst)
    classes = _class_names(data)
    is_random = isinstance(splits, RandomSplit)
    paths = _list_splits(data, None if is_random else splits, files)
    all_paths = dict.fromkeys(path for split in paths.values() for path in split)
    labels = {path: data.labels[path] for path in all_paths}
    image_names = names_below(all_paths, data.root)
    reader, images = _LabelReader(classes), {}
    for path in progress_bar(all_paths):
        with reader.faults.collect():
            name = image_folder(Path(image_names[path])).as_posix()
            image = AnnotatedImage(path, name, image_size(path), [])
            images[path] = image
            reader.read(image, labels[path])
    reader.check()
    chosen = {split: [images[path] for path in paths[split]] for split in paths}
    for split, members in chosen.items():
        if is_random or any(image.boxes for image in members):
            continue
        problem = (
            f"has {len(members)} images and no box (labels are looked for as "
            f"{_label_paths(members[0].path)[0]}"
        )
        if split not in OPTIONAL_SPLITS:
            raise data.error(
                split, f"{problem}): put them there or leave the split out"
            )
        data.notes.append(f"{split} {problem} and beside the photos)")
    if is_random:
        chosen = splits(images_by_key(images.values(), lambda image: image.name))
    data.notes += _note_unlabelled(labels) + reader.notes() + files.notes()
    results = write_coco(chosen, classes, dst, data.notes)
    for split in paths:
        result = results.get(split) or next(iter(results.values()))
        result.dropped += _labels_without_image(paths[split], labels, files)
    return results


def yolo_splits(src: Path) -> list[str]:
    """Names of the splits that a data.yaml or obj.data has.

    Raises:
        InputError: If it cannot be read.
    """
    data = _read_data(src)
    return [split for split in SPLITS if data.fields.get(split)]


def _read_data(path: Path) -> DataYaml:
    data = _read_darknet(path) if path.suffix == ".data" else _read_yaml(path)
    if "kpt_shape" in data.fields:
        raise data.error("kpt_shape", "is for poses: give labels of boxes, without it")
    folder = str(data.fields.get("path") or ".")
    candidates = [path.parent / folder, Path(folder).expanduser()]
    root = next(filter(Path.is_dir, candidates), None)
    if root is None:
        own = Path(os.path.abspath(path.parent))
        last = PureWindowsPath(folder).name  # also of a path with slashes
        if not _is_absolute(folder) and last != own.name:
            raise data.error(
                "path",
                f"{folder} not found, seen from {path.parent} or here: correct it",
            )
        root = path.parent
        data.notes.append(f"{path}: path {folder} not found: {root} is used")
    data.root = Path(os.path.abspath(root))
    return data


def _read_darknet(path: Path) -> DataYaml:
    """Read ``key = value`` lines: train, valid and names are files."""
    try:
        lines = {
            key.strip(): (value.strip(), number)
            for number, line in numbered_lines(path)
            for key, _, value in [line.partition("=")]
        }
    except OSError:
        raise InputError(f"{path} not found: give a data.yaml or obj.data") from None
    keys = dict(train="train", valid="val", test="test", names="names")
    fields = {keys[key]: lines[key][0] for key in keys if key in lines}
    data = DataYaml(path, fields, {keys[k]: lines[k][1] for k in keys if k in lines})
    data.root = path.parent
    names = _find(data, fields.get("names", ""), [path.parent])
    if names is None or not names.is_file():
        raise data.error("names", "is no list of class names: give a file")
    fields["names"] = [line for _, line in numbered_lines(names)]
    return data


def _read_yaml(path: Path) -> DataYaml:
    try:
        text = read_text(path)
        fields, node = yaml.safe_load(text), yaml.compose(text, yaml.SafeLoader)
    except OSError:
        raise InputError(f"{path} not found: SRC must be a data.yaml") from None
    except ValueError as e:  # a value in the form of a date
        raise InputError(f"{path}: not YAML ({e}): put the value in quotes") from None
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
    return DataYaml(path, fields, lines)


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


def _list_splits(
    data: DataYaml, names: Sequence[str] | None, files: SourceFiles
) -> dict[str, list[Path]]:
    """Images of each split of ``names``, by default of all splits of the dataset.

    A split that training does not need may be missing if it is not named.
    """
    available = [split for split in SPLITS if data.fields.get(split)]
    if not available:
        raise data.error("train", "names no images: give a folder or a list file")
    for split in names or ():
        if split not in available:
            raise data.error(split, f"names no images: --splits takes {available}")
    found, faults, optional = {}, Faults(), Faults()
    listed: dict[tuple[str, str | None], Path] = {}
    for split in names or available:
        is_optional = not names and split in OPTIONAL_SPLITS
        with (optional if is_optional else faults).collect():
            images = _list_images(data, split, files)
            # Links make several paths of one photo with the same labels.
            real = {_real_paths(image, data.labels): image for image in images}
            for key, image in real.items():
                listed.setdefault(key, image)
            found[split] = list(dict.fromkeys(listed[key] for key in real))
    if faults.messages or not found:
        faults.messages += optional.messages
    faults.check()
    data.notes += [f"{fault}: left out" for fault in optional.messages]
    return found


def _real_paths(image: Path, labels: dict[Path, Path | None]) -> tuple[str, str | None]:
    """Paths behind links of an image and its label file; adds it to ``labels``."""
    if image not in labels:
        labels[image] = next(filter(Path.is_file, _label_paths(image)), None)
    found = labels[image]
    return os.path.realpath(image), os.path.realpath(found) if found else None


def _list_images(data: DataYaml, split: str, files: SourceFiles) -> list[Path]:
    entries, images = data.fields[split], {}
    for entry in entries if isinstance(entries, list) else [entries]:
        source = _find(data, str(entry), [data.root])
        if source is None:
            raise data.error(
                split, f"{data.root / str(entry)} not found: correct it or path"
            )
        is_folder = source.is_dir()
        paths = files.find(source, (*IMAGE_SUFFIXES, *UNSUPPORTED_SUFFIXES))
        if not is_folder:
            paths = _read_list(data, source, files)
        for path in paths:
            if is_folder and path.suffix.lower() in UNSUPPORTED_SUFFIXES:
                raise InputError(
                    f"{path}: OpenCV cannot read it: convert it to JPEG or PNG"
                )
        if not paths:
            raise data.error(split, f"{source} has no image: fill it or leave it out")
        images |= dict.fromkeys(paths)
    return list(images)


def _read_list(data: DataYaml, path: Path, files: SourceFiles) -> list[Path]:
    """Images of a list file; paths are relative to its folder or the dataset's."""
    if path.suffix != ".txt":
        raise InputError(f"{path} is neither a folder nor a .txt list: give one")
    images, faults = {}, Faults()
    for number, line in numbered_lines(path):
        with faults.collect():
            image = _find(data, line, [path.parent, data.root])
            if image is None or not image.is_file():
                raise InputError(
                    f"{path}:{number}: {line} not found, seen from {path.parent}: "
                    "restore it or take it off the list"
                )
            if image in images:
                raise InputError(
                    f"{path}:{number}: {line} stands on line {images[image]} already: "
                    "remove one"
                )
            if not files.passes_over(image, data.root):
                images[image] = number
    faults.check()
    return list(images)


def _is_absolute(text: str) -> bool:
    """Whether a path is absolute on this or another system."""
    return PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()


def _find(data: DataYaml, text: str, folders: Sequence[Path]) -> Path | None:
    """Existing path of an entry of data.yaml or of a list file.

    Besides ``text`` itself: Roboflow writes ../train/images for train/images, and CVAT
    data/train.txt for train.txt. Of an absolute path of another machine, the end that
    exists is taken, and noted.
    """
    text, parts = text.strip(), text.strip().replace("\\", "/").split("/")
    shorter = "/".join(parts[1:] if parts[0] in ("..", "data") else parts)
    for entry in dict.fromkeys((text, "/".join(parts), shorter)):
        for path in (Path(os.path.normpath(folder / entry)) for folder in folders):
            if entry and path.exists():
                return path
    if _is_absolute(text):
        for start in range(1, len(parts)):
            for folder in folders:
                if (path := folder.joinpath(*parts[start:])).exists():
                    note = f"{'/'.join(parts[:start])} not found: {folder} is used"
                    data.notes += [note] if note not in data.notes else []
                    return path
    return None


def _label_paths(image: Path) -> list[Path]:
    """Places of the label file: in ``labels`` for ``images``, and beside the image."""
    paths = [image, Path(os.path.realpath(image))]
    places = [p for path in paths for p in (image_folder(path, "labels"), path)]
    return list(dict.fromkeys(place.with_suffix(".txt") for place in places))


def _note_unlabelled(labels: dict[Path, Path | None]) -> list[str]:
    """Folders in which no image has a label file."""
    labelled = {image.parent for image, path in labels.items() if path}
    unlabelled: dict[Path, list[Path]] = {}
    for image in labels:
        if image.parent not in labelled:
            unlabelled.setdefault(image.parent, []).append(image)
    return [
        count_and_list(f"photos of {folder} and no label file", images)
        for folder, images in unlabelled.items()
    ]


def _labels_without_image(
    images: Iterable[Path], labels: dict[Path, Path | None], files: SourceFiles
) -> Iterator[Dropped]:
    """Label files that belong to no image, in folders ``labels`` of a split."""
    used = set(labels.values())
    folders = {labels[i].parent for i in images if labels[i]} - {
        i.parent for i in images
    }
    for path in sorted(p for f in folders for p in files.find(f, (".txt",))):
        if path in used or path.name == "classes.txt":
            continue
        if not _has_photo(path):
            yield Dropped("label file without image", str(path))


def _has_photo(labels: Path) -> bool:
    """Whether a label file has a photo, which may be of another split."""
    parts = list(labels.parts)
    for index in reversed(range(len(parts) - 1)):
        if parts[index].lower() == "labels":
            parts[index] = "images"
            break
    folders = {labels.parent, Path(*parts).parent}
    photos = (p for f in folders for p in f.glob(f"{glob.escape(labels.stem)}.*"))
    return any(path.suffix.lower() in IMAGE_SUFFIXES for path in photos)


class _LabelReader:
    """Reads label files; keeps all faults, and the numbers of odd lines.

    Args:
        classes (Sequence[str]): Class names.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes, self.faults = classes, Faults()
        self.unknown: set[int] = set()
        self.scored = 0

    def read(self, image: AnnotatedImage, labels: Path | None) -> None:
        """Add the boxes of a label file to an image."""
        for number, line in numbered_lines(labels) if labels else ():
            with self.faults.collect():
                image.boxes.append(
                    self._read_line(f"{labels}:{number}", line.split(), image.size)
                )

    def check(self) -> None:
        """Raise InputError if there was a fault."""
        unknown = ", ".join(map(str, sorted(self.unknown)))
        self.faults.check(
            f" (classes {unknown} are not 0 to {len(self.classes) - 1})"
            if unknown
            else ""
        )

    def notes(self) -> list[str]:
        """Number of boxes with a score."""
        text = "boxes have a score, as predictions do: it is left out"
        return [f"{self.scored} {text}"] if self.scored else []

    def _read_line(self, location: str, words: list[str], size: tuple[int, int]) -> Box:
        label, *values = (_read_number(location, word) for word in words)
        if len(values) < 4 or (len(values) > 5 and len(values) % 2):
            raise InputError(
                f"{location}: {len(words)} numbers: give class x y width height, "
                "or class and x y of at least 3 points"
            )
        last = len(self.classes) - 1
        if not label.is_integer() or not 0 <= label <= last:
            if label.is_integer():
                self.unknown.add(int(label))
            raise InputError(
                f"{location}: class {label:g} is not one of 0 to {last}: "
                "correct it, or names in data.yaml"
            )
        for value in values:
            if not -TOLERANCE <= value <= 1 + TOLERANCE:
                raise InputError(
                    f"{location}: {value:g} is outside [0, 1]: "
                    "give fractions of the image"
                )
        if len(values) <= 5:
            x, y, w, h, *score = values
            self.scored += len(score)
            corners = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        else:
            xs, ys = values[::2], values[1::2]
            corners = (min(xs), min(ys), max(xs), max(ys))
        return Box(
            self.classes[int(label)],
            tuple(v * side for v, side in zip(corners, size * 2, strict=True)),
            location,
        )


def _read_number(location: str, word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise InputError(f"{location}: {word!r} is no number: mend the line") from None
