"""Files of a source folder, and those that are passed over."""

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

#: Suffixes of images, in lower case.
IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".mpo"),
    *(".jfif", ".jpe", ".avif", ".gif", ".jp2"),
)
#: Formats of photos that OpenCV does not read.
UNSUPPORTED_SUFFIXES = (".dng", ".heic", ".heif", ".pfm")
#: Names of image folders, in lower case.
IMAGE_FOLDERS = ("images", "jpegimages")
#: Names that systems leave beside data, in lower case; besides those with a dot.
LEFTOVERS = (
    *("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir"),
    *("$recycle.bin", "system volume information", "lost+found"),
)
MAX_LISTED = 3  # files in a note
#: Of the JSON that converters write.
COCO_START = b'{"info": {}, "images": ['


class SourceFiles:
    """Walk over folders; counts hidden files, leftovers of systems and own output.

    Args:
        output (Path): Folder that the conversion writes: not searched.
    """

    def __init__(self, output: Path) -> None:
        self._output = Path(os.path.abspath(output))
        self._images = self._output / "images"
        self._hidden: dict[str, None] = {}
        self._outputs: dict[str, None] = {}

    def find(self, folder: Path, suffixes: Collection[str]) -> list[Path]:
        """Files with a suffix, in any case, at any depth and behind links; sorted.

        Args:
            folder (Path): Its own name may be hidden.
            suffixes (Collection[str]): In lower case.
        """
        paths = [p for p in self._walk(folder) if p.suffix.lower() in suffixes]
        placed = {
            p for p in paths if Path(os.path.abspath(p)).is_relative_to(self._images)
        }
        if placed:  # hard links, if SRC is DST
            files = {_inode(path) for path in paths if path not in placed}
            paths = [p for p in paths if p not in placed or _inode(p) not in files]
        return sorted(paths)

    def passes_over(self, path: Path, root: Path) -> bool:
        """Whether a listed file is hidden, as seen from ``root``; counts it."""
        inside = [path.name]
        if path.is_relative_to(root):
            inside = path.relative_to(root).parts
        hidden = any(map(is_hidden, inside))
        if hidden:
            self._hidden[os.path.abspath(path)] = None
        return hidden

    def notes(self) -> list[str]:
        """Number and first names of what was passed over; empty if nothing was."""
        return [
            count_and_list(f"{what} passed over", paths)
            for what, paths in (
                ("hidden or system files", self._hidden),
                ("folders of converted data", self._outputs),
            )
            if paths
        ]

    def _walk(self, top: Path) -> Iterator[Path]:
        visited = {os.path.realpath(top)}
        for parent, folders, names in os.walk(top, followlinks=True):
            for name in sorted(folders):
                path = Path(parent, name)
                real = os.path.realpath(path)
                if is_hidden(name):
                    files = (Path(p, n) for p, _, ns in os.walk(path) for n in ns)
                    self._hidden |= {os.path.abspath(file): None for file in files}
                elif os.path.abspath(path) == str(self._output) or _is_output(path):
                    self._outputs[os.path.abspath(path)] = None
                elif real not in visited:
                    visited.add(real)
                    continue
                folders.remove(name)
            folders.sort()
            for path in (Path(parent, name) for name in names):
                if is_hidden(path.name):
                    self._hidden[os.path.abspath(path)] = None
                elif path.is_file() and not _is_coco_json(path):
                    yield path


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is no data of the user."""
    return name.startswith(".") or name.lower() in LEFTOVERS


def count_and_list(label: str, items: Iterable[object]) -> str:
    """Number of items with a label, and the first three."""
    texts = list(map(str, items))
    more = ", …" if len(texts) > MAX_LISTED else ""
    return f"{len(texts)} {label}: {', '.join(texts[:MAX_LISTED])}{more}"


def image_folder(path: Path, replacement: str = "") -> Path:
    """Replace the last folder of images in a path; without a replacement, drop it.

    Args:
        path (Path): Path of an image.
        replacement (str): Name of the folder in its place. Defaults to "".

    Returns:
        Path: The same path if it has no folder ``images`` or ``JPEGImages``.
    """
    parts = list(path.parts)
    for i in reversed(range(len(parts) - 1)):
        if parts[i].lower() in IMAGE_FOLDERS:
            parts[i : i + 1] = [replacement] if replacement else []
            return Path(*parts)
    return path


def _inode(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _is_output(folder: Path) -> bool:
    """Whether a converter wrote this folder."""
    jsons = (folder / "annotations").glob("*.json")
    return (folder / "images").is_dir() and any(map(_is_coco_json, jsons))


def _is_coco_json(path: Path) -> bool:
    """Whether a converter wrote this file, by its first bytes."""
    is_candidate = path.suffix == ".json" and path.parent.name == "annotations"
    if not is_candidate or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(COCO_START)) == COCO_START
