"""Conversion of COCO files of other tools: photos found, splits made."""

import os
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from ..coco_file import read_coco
from ..errors import InputError
from .conversion import (
    AnnotatedImage,
    Box,
    ConvertedSplit,
    Faults,
    check_rotation,
    image_size,
    images_by_key,
    names_below,
    progress_bar,
    write_coco,
)
from .source_files import IMAGE_SUFFIXES, SourceFiles, image_folder
from .split_names import split_roles, words
from .splits import RandomSplit


def coco_to_coco(
    files: Sequence[Path], root: Path, dst: Path, splits: RandomSplit
) -> dict[str, ConvertedSplit]:
    """Convert COCO files and their photos to the form that the converters write.

    The split of a file is in its name or in that of its folder, as in
    ``instances_train2017.json`` and ``valid/_annotations.coco.json``. If there is none
    for training or none to test on, all photos are split anew. A photo is looked for
    by ``file_name`` anywhere below ``root``. Categories without a box are left out.
    Output is written by :func:`.conversion.write_coco`, after all files are read.

    Args:
        files (Sequence[Path]): COCO files.
        root (Path): Folder of the photos.
        dst (Path): Output folder.
        splits (RandomSplit): Used if the files are no splits.

    Raises:
        InputError: If two files have the same split, or naming the files that cannot
            be read and the photos that are missing, the first ten.
    """
    names = _name_splits(files)
    source, faults = SourceFiles(dst), Faults()
    photos = _Photos(source.find(root, IMAGE_SUFFIXES), root)
    found: dict[str, list[AnnotatedImage]] = {}
    categories: dict[str, None] = {}
    for name, file in zip(names, files, strict=True):
        with faults.collect():
            found[name] = _read(file, photos, categories, faults)
    faults.check()
    images = [image for members in found.values() for image in members]
    paths = names_below([image.path for image in images], root)
    for image in images:
        image.name = image_folder(Path(paths[image.path])).as_posix()
    if not split_roles(found):
        found = splits(images_by_key(images, lambda image: image.name))
    used = {box.name for image in images for box in image.boxes}
    classes = [name for name in categories if name in used]
    unused = [name for name in categories if name not in used]
    notes = source.notes()
    notes += [f"categories without a box left out: {unused}"] if unused else []
    return write_coco(found, classes, dst, notes)


def _name_splits(files: Sequence[Path]) -> list[str]:
    """Name of each file's split: a word of its name, its folder's, or its stem."""
    names = []
    for file in files:
        roles = ("train", "trainval", "val", "valid", "validation", "test")
        named = [w for w in words(file.stem) + words(file.parent.name) if w in roles]
        names.append(named[0] if named else file.stem)
    for index, name in enumerate(names):
        if name in names[:index]:
            raise InputError(
                f"{files[names.index(name)]} and {files[index]} both are split {name}: "
                "give one of them as DATA, or name them train.json, val.json"
            )
    return names


class _Photos:
    """Photos by name."""

    def __init__(self, paths: Iterable[Path], root: Path) -> None:
        self.root = root
        self.by_name: dict[str, list[Path]] = {}
        for path in paths:
            self.by_name.setdefault(_normalise(path.name), []).append(path)

    def find(self, name: str, file: Path) -> Path:
        """Photo of an entry: the longest common end of paths, the nearest folder."""
        wanted = PurePosixPath(_normalise(name.replace("\\", "/"))).parts
        fits = self.by_name.get(wanted[-1] if wanted else "", [])
        if not fits:
            raise InputError(
                f"{file}: photo {name} not found below {self.root}: restore it, or "
                "give the folder that has photos and labels as DATA"
            )

        def rank(path: Path) -> tuple[int, int]:
            parts = PurePosixPath(_normalise(path.as_posix())).parts
            ends = zip(reversed(parts), reversed(wanted), strict=False)
            common = next((i for i, (a, b) in enumerate(ends) if a != b), len(wanted))
            # annotations/train.json has its photos in train/ or in images/train/.
            near = len(set(words(str(path.parent))) & set(words(file.stem)))
            near += 2 * (path.parent == file.parent)
            return common, near

        best = max(map(rank, fits))
        fits = [path for path in fits if rank(path) == best]
        if len(fits) > 1:
            raise InputError(
                f"{file}: {fits[0]} and {fits[1]} both fit {name}: rename one"
            )
        return fits[0]


def _normalise(name: str) -> str:
    """Normalise a file name to Unicode NFC; macOS stores names in NFD."""
    return unicodedata.normalize("NFC", name)


def _read(
    file: Path, photos: _Photos, categories: dict[str, None], faults: Faults
) -> list[AnnotatedImage]:
    """Images of a COCO file; adds its category names."""
    coco = read_coco(file)
    names = {category["id"]: category["name"] for category in coco["categories"]}
    boxes: dict[object, list[Box]] = {image["id"]: [] for image in coco["images"]}
    for annotation in coco["annotations"]:
        x, y, width, height = annotation["bbox"]
        crowd = dict(iscrowd=1) if annotation["iscrowd"] else {}
        location = f"{file}: annotation {annotation.get('id')}"
        corners = (x, y, x + width, y + height)
        box = Box(names[annotation["category_id"]], corners, location, crowd)
        boxes[annotation["image_id"]].append(box)
    categories |= dict.fromkeys(names.values())
    images, taken = [], {}
    for entry in progress_bar(coco["images"]):
        with faults.collect():
            path = photos.find(str(entry["file_name"]), file)
            path = Path(os.path.normpath(path))
            other = taken.setdefault(path, entry["file_name"])
            if other != entry["file_name"]:
                raise InputError(
                    f"{file}: {other} and {entry['file_name']} both are {path}: "
                    "restore the missing photo"
                )
            members = boxes[entry["id"]]
            images.append(AnnotatedImage(path, path.name, image_size(path), members))
            _check_size(file, entry, images[-1])
    return images


def _check_size(file: Path, entry: dict, image: AnnotatedImage) -> None:
    given, size = (entry.get("width"), entry.get("height")), image.size
    if None not in given and given != size:
        check_rotation(image.path, given, f"{file}, image {entry['id']}")
        raise InputError(
            f"{file}: {entry['file_name']} has {size[0]} x {size[1]} px, not "
            f"{given[0]} x {given[1]}: restore the photo that was annotated"
        )
