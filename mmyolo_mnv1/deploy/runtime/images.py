"""Photos: finding them in a folder, reading, downloading and decoding them."""

import base64
import io
import os
import sys
import urllib.request
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

import cv2
import numpy as np

from ...errors import InputError
from ...photos import MAX_PIXELS
from .frames import TIMEOUT, without_password

IMAGES = (
    *(".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"),
    *(".avif", ".gif", ".jfif", ".jp2", ".jpe", ".mpo", ".pgm", ".ppm"),
    *(".cr2", ".dng", ".heic", ".heif", ".nef"),  # readable with a plugin of Pillow
)
#: Limit of a photo from the web.
MAX_BYTES = 256 << 20
#: Environment variable that changes OpenCV's limit of pixels.
LIMIT = "OPENCV_IO_MAX_IMAGE_PIXELS"


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
    pixels, limit = 0, int(os.environ.get(LIMIT, MAX_PIXELS))
    try:
        with Image.open(io.BytesIO(data.tobytes())) as image:
            pixels = image.width * image.height
            if image.format == "EPS" or pixels > limit:  # EPS runs Ghostscript
                raise ValueError
            rgb = ImageOps.exif_transpose(image).convert("RGB")
    except Image.DecompressionBombError as e:
        raise ValueError(f"Pillow: {e}") from None
    except Exception:  # each plugin of Pillow has its own exceptions
        if pixels > limit:
            raise ValueError(f"{pixels} pixels, above the limit of {limit}") from None
        return None
    return np.ascontiguousarray(np.asarray(rgb)[..., ::-1])


class Resource(NamedTuple):
    """Type and content of a web resource.

    Args:
        kind (str): ``photo``, ``recording``, a video of known length, or ``stream``.
        data (bytes): Content of a photo. Defaults to none.
    """

    kind: str
    data: bytes = b""


def open_url(url: str) -> Resource:
    """Request a URL, and download it if it is a photo.

    Args:
        url (str): HTTP address; ``user:password@`` before the host is sent as basic
            authentication.

    Raises:
        InputError: If the address cannot be read, or the photo is too large.
    """
    label, user = without_password(url), ""
    try:
        parts = urlsplit(url)
        user, _, host = parts.netloc.rpartition("@")
        request = urllib.request.Request(urlunsplit(parts._replace(netloc=host)))
        if user:
            token = base64.b64encode(unquote(user).encode()).decode()
            # Not for the host of a redirect.
            request.add_unredirected_header("Authorization", f"Basic {token}")
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            kind = response.headers.get_content_maintype()
            if kind != "image":
                is_whole = kind == "video" and response.headers["Content-Length"]
                return Resource("recording" if is_whole else "stream")
            data = response.read(MAX_BYTES + 1)
    except (OSError, ValueError, HTTPException) as e:
        if user and getattr(e, "code", None) == HTTPStatus.UNAUTHORIZED:
            return Resource("stream")  # OpenCV knows other ways of authentication
        raise InputError(
            f"source {label} cannot be read ({e}): see the address"
        ) from None
    if len(data) > MAX_BYTES:
        raise InputError(
            f"source {label} has more than {MAX_BYTES >> 20} MiB: get a file"
        )
    return Resource("photo", data)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "@eaDir")
