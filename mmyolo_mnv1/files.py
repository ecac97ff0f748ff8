"""Files that appear when they are whole."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from .errors import InputError


@contextmanager
def renamed(path: Path) -> Iterator[Path]:
    """A temporary path to write to, renamed to ``path`` when all went well.

    Raises:
        InputError: If it cannot be written; nothing stays behind.
    """
    temporary = path.with_name(f".{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as e:
        raise _unwritable(path, e) from None
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def renamed_together(folder: Path) -> Iterator[Path]:
    """A temporary folder, whose files go to ``folder`` when all went well.

    Raises:
        InputError: If they cannot be written; nothing stays behind.
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


def _unwritable(path: Path, e: OSError) -> InputError:
    return InputError(
        f"{path} cannot be written ({e.strerror or e}): name another place, or make "
        "room"
    )
