"""Photos: finding them in a folder, reading, downloading and decoding them."""

import io
import os
import sys
import urllib.request
from http.client import HTTPException
from pathlib import Path

import cv2
import numpy as np

from ...errors import InputError
from .frames import TIMEOUT

IMAGES = (
    *(".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"),
    *(".avif", ".gif", ".jfif", ".jp2", ".jpe", ".mpo", ".pgm", ".ppm"),
    *(".cr2", ".dng", ".heic", ".heif", ".nef"),  # readable with a plugin of Pillow
)
#: Limit of a photo from the web.
MAX_BYTES = 256 << 20


def find_images(folder: Path, others: tuple[str, ...] = ()) -> list[str]:
    """List the image files of a folder, recursively, also behind links; sorted.

    Hidden files and what systems leave beside data are passed over, with a note of
    their number on standard error.

    Args:
        folder (Path): The folder.
        others (tuple[str, ...]): Further suffixes, in lower case. Defaults to none.

    Raises:
        InputError: If there is no image.
    """
    paths, hidden, seen = [], 0, set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        seen.add(os.path.realpath(parent))
        inside = [name for name in folders if not _is_hidden(name)]
        hidden += len(folders) - len(inside)
        folders[:] = [
            name
            for name in inside
            if os.path.realpath(os.path.join(parent, name)) not in seen
        ]
        matching = [n for n in files if n.lower().endswith(IMAGES + others)]
        visible = [name for name in matching if not _is_hidden(name)]
        hidden += len(matching) - len(visible)
        paths += [os.path.join(parent, name) for name in visible]
    if hidden:
        print(f"{folder}: {hidden} hidden files and folders left out", file=sys.stderr)
    paths.sort()
    if not paths:
        raise InputError(
            f"folder {folder} has no image: give one with {', '.join(IMAGES)}"
        )
    return paths


def read_image(path: str) -> np.ndarray:
    """Read an image, (H, W, 3) uint8 BGR, rotated by its EXIF orientation.

    Raises:
        ValueError: If it cannot be read, with the reason.
    """
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as e:
        raise ValueError(e.strerror or str(e)) from None
    return decode_image(data, path)


def decode_image(data: np.ndarray, name: str) -> np.ndarray:
    """Decode an image, by OpenCV or else by Pillow.

    Raises:
        ValueError: If neither can, with the reason.
    """
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    except cv2.error as e:  # more pixels than OpenCV's limit
        raise ValueError(f"OpenCV: {e.err}") from None
    if image is None:
        image = _decode_by_pillow(data, name)
    if image is None:
        raise ValueError("damaged or no image")
    return image


def _decode_by_pillow(data: np.ndarray, name: str) -> np.ndarray | None:
    """Decode a format that OpenCV does not, if Pillow is installed and can."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        return None
    if name.lower().endswith((".jpg", ".jpeg", ".png")):
        return None  # damaged: Pillow would give up later, or fill it with grey
    try:
        with Image.open(io.BytesIO(data.tobytes())) as image:
            rgb = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, SyntaxError, ValueError):
        return None
    return np.ascontiguousarray(np.asarray(rgb)[..., ::-1])


def download(url: str) -> bytes | None:
    """Download a photo; None if the address is that of a stream or video.

    Raises:
        InputError: If the address cannot be read, or the photo is too large.
    """
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
            if response.headers.get_content_maintype() != "image":
                return None
            data = response.read(MAX_BYTES + 1)
    except (OSError, ValueError, HTTPException) as e:
        raise InputError(
            f"source {url} cannot be read ({e}): see the address"
        ) from None
    if len(data) > MAX_BYTES:
        raise InputError(
            f"source {url} has more than {MAX_BYTES >> 20} MiB: get a file"
        )
    return data


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "@eaDir")
