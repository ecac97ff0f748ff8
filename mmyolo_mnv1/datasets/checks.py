"""Checks of the data that are cheap enough to run at every start."""

import os
from collections.abc import Iterable

from ..errors import InputError

#: How a complete file of each format ends; padding may follow.
END_MARKS = {
    ".jpg": b"\xff\xd9",
    ".jpeg": b"\xff\xd9",
    ".png": b"IEND",
}
TAIL_BYTES = 256


def check_images(paths: Iterable[str], listed_in: str) -> None:
    """Check that every image exists and is complete.

    A JPEG or PNG cut short lacks its end mark: OpenCV would decode it half grey
    without an error. Other formats are checked for being there and not empty.

    Args:
        paths (Iterable[str]): Local paths of images.
        listed_in (str): The annotation file, for the message.

    Raises:
        InputError: If any is missing, empty or truncated: how many, and the first
            three.
    """
    missing, truncated = [], []
    for path in paths:
        try:
            complete = _is_complete(path)
        except OSError:
            missing.append(path)
        else:
            if not complete:
                truncated.append(path)
    problems = [
        f"{len(bad)} {what} ({', '.join(bad[:3])}{', ...' if len(bad) > 3 else ''})"
        for bad, what in ((missing, "missing"), (truncated, "truncated"))
        if bad
    ]
    if problems:
        raise InputError(
            f"images listed in {listed_in}: {'; '.join(problems)}: "
            "restore them, correct data_prefix, or take them off the list"
        )


def _is_complete(path: str) -> bool:
    """Whether the file is not empty and ends as its format does.

    Raises:
        OSError: If it cannot be read.
    """
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL_BYTES))
        tail = file.read()
    mark = END_MARKS.get(os.path.splitext(path)[1].lower())
    return mark in tail if mark else size > 0
