"""Atomic writing: a file appears whole, or not at all."""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from .errors import InputError

#: Error numbers of a full disk: no space, quota exceeded, file too large.
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def replacing(path: Path, durable: bool = False) -> Iterator[Path]:
    """Temporary path that replaces ``path`` when the block ends without an exception.

    The temporary file is ``.STEM.tmp.SUFFIX`` in the same folder: at most one remains
    after a crash, and the next call overwrites it.

    Args:
        path (Path): File to write; its folder is made.
        durable (bool): Whether to flush file and folder to the disk (fsync), so that
            the file survives a loss of power. Defaults to False.

    Yields:
        Path: The temporary path.

    Raises:
        OSError: If the file cannot be written; ``path`` is unchanged.
    """
    temporary = temporary_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if durable:
            _flush(temporary)
        os.replace(temporary, path)
        if durable:
            _flush(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink()


def temporary_path(path: Path) -> Path:
    """Return the path of the temporary file of :func:`replacing`.

    It has the same suffix, and at most 255 bytes, the limit of most file systems.
    """
    stem = os.fsdecode(os.fsencode(path.stem)[: 250 - len(os.fsencode(path.suffix))])
    return path.with_name(f".{stem}.tmp{path.suffix}")


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Temporary path as :func:`replacing` gives it, with errors in one line.

    Raises:
        InputError: If the file cannot be written; nothing is left behind.
    """
    try:
        with replacing(path) as temporary:
            yield temporary
    except OSError as e:
        raise _unwritable(path, e) from None


@contextmanager
def atomic_files(folder: Path) -> Iterator[Path]:
    """Temporary folder; its files move to ``folder`` when the block succeeds.

    Raises:
        InputError: If they cannot be written; nothing is left behind.
    """
    temporary = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(mkdtemp(prefix=".", dir=folder))
        yield temporary
        for path in sorted(temporary.iterdir()):
            os.replace(path, folder / path.name)
    except OSError as e:
        raise _unwritable(folder, e) from None
    finally:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Temporary folder that becomes ``folder`` when the block succeeds.

    Args:
        folder (Path): Must not exist, or be empty.

    Raises:
        InputError: If it cannot be written; nothing is left behind.
    """
    temporary = temporary_path(folder)
    shutil.rmtree(temporary, ignore_errors=True)  # of an earlier crash
    try:
        temporary.mkdir(parents=True)
        yield temporary
        os.replace(temporary, folder)
    except OSError as e:
        raise _unwritable(folder, e) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_json(document: Any, path: Path, indent: int | None = None) -> None:
    """Write JSON by :func:`atomic_write`; NaN and infinite numbers are refused.

    Args:
        document (Any): What :mod:`json` can write.
        path (Path): File to write.
        indent (int, optional): Spaces of each level. Defaults to None, one line.

    Raises:
        InputError: If the file cannot be written.
        ValueError: If a number is NaN or infinite.
    """
    text = json.dumps(document, indent=indent, allow_nan=False)
    with atomic_write(path) as temporary:
        temporary.write_text(text if indent is None else f"{text}\n", encoding="utf-8")


def _unwritable(path: Path, e: OSError) -> InputError:
    return InputError(
        f"{path} cannot be written ({e.strerror or e}): name another place, or make "
        "room"
    )


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
