"""Files that are there as a whole or not at all, whenever the power goes."""

import os
import zipfile
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Write a text file under another name, then rename it."""
    temporary = temporary_name(path)
    temporary.write_text(text)
    put_in_place(temporary, path)


def temporary_name(path: Path) -> Path:
    """Where a file is written before it gets its name; always the same place."""
    return path.with_name(f".{path.name}.tmp")


def check_archive(path: Path) -> None:
    """Read a checkpoint back and compare its checksums.

    Raises:
        OSError: If it is not what was written.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except zipfile.BadZipFile as e:
        raise OSError(f"{path} was not written whole: {e}") from None
    if damaged:
        raise OSError(f"{path} was not written well: {damaged} is damaged")


def put_in_place(temporary: Path, path: Path) -> None:
    """Flush a file to the disk and give it its name, in place of any other."""
    _flush(temporary)
    os.replace(temporary, path)
    _flush(path.parent)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
