"""Size of a photo as OpenCV decodes it, read from the file's header.

OpenCV turns photos by their EXIF orientation, and differs from other readers where the
tag has an unusual type or value or is damaged: of a LONG it reads the first two bytes,
so that 65537, which old Apple software wrote, is no rotation. Therefore OpenCV itself
interprets the tag: it decodes a photo of 2 x 1 px that has the EXIF data of the file.
"""

import io
from functools import cache
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

#: OpenCV's limit of an image, CV_IO_MAX_IMAGE_PIXELS.
MAX_PIXELS = 1 << 30
_PNG = b"\x89PNG\r\n\x1a\n"
#: Chunks of a PNG that may have EXIF data.
_PNG_METADATA = (b"eXIf", b"iTXt", b"tEXt", b"zTXt")
#: JPEG markers of a frame header: SOF0 to SOF15 without DHT, JPG and DAC.
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


def decoded_size(source: Path | bytes) -> tuple[int, int]:
    """Width and height in pixels as ``cv2.imdecode`` gives them for training.

    JPEG, PNG and WebP are read up to the pixels; a file that is damaged before them,
    and any other format, is decoded.

    Args:
        source (Path | bytes): A file, or an encoded image.

    Raises:
        ValueError: If OpenCV cannot decode it, with the reason.
        OSError: If the file cannot be read.
    """
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        size = _header_size(file)
        if size is None:
            file.seek(0)
            size = _pixels_size(file.read())
    if size is None:
        raise ValueError("damaged or no image")
    if size[0] * size[1] > MAX_PIXELS:
        raise ValueError(f"{size[0]} x {size[1]} px is too large for OpenCV")
    return size


def is_decodable(path: Path) -> bool:
    """Whether OpenCV can decode a file; False if it cannot be read."""
    try:
        return _pixels_size(path.read_bytes()) is not None
    except OSError:
        return False


def is_rotated(path: Path, size: tuple[int, int]) -> bool:
    """Check whether a size is that of a photo before its EXIF rotation by 90 degrees.

    Args:
        path (Path): A photo that OpenCV can decode.
        size (tuple[int, int]): Width and height in pixels.
    """
    if size[0] == size[1] or decoded_size(path) != size[::-1]:
        return False
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    return cv2.imdecode(np.fromfile(path, np.uint8), flags).shape[1::-1] == size


def _header_size(file: BinaryIO) -> tuple[int, int] | None:
    """Size from the header; None if only decoding tells it."""
    start = file.read(30)
    if start[:3] == b"\xff\xd8\xff":
        found = _read_jpeg(file)
    elif start[:8] == _PNG:
        found = _read_png(file)
    elif start[:4] + start[8:12] == b"RIFFWEBP":
        found = _read_webp(start)
    else:
        found = None
    if found is None:
        return None
    (width, height), probe = found
    turned = _pixels_size(probe) if probe else (2, 1)
    if turned is None or not width or not height:
        return None
    return (height, width) if turned == (1, 2) else (width, height)


def _pixels_size(data: bytes) -> tuple[int, int] | None:
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # no data, or more pixels than OpenCV's limit
        return None
    return None if image is None else image.shape[1::-1]


@cache
def _tiny(suffix: str) -> bytes:
    """An image of 2 x 1 px."""
    return cv2.imencode(suffix, np.zeros((1, 2, 3), np.uint8))[1].tobytes()


def _read_jpeg(file: BinaryIO) -> tuple[tuple[int, int], bytes] | None:
    """Stored size, and a tiny JPEG with the APP1 segments of this one, if any."""
    size, metadata = None, b""
    file.seek(2)
    while True:
        head = file.read(4)
        length = int.from_bytes(head[2:], "big")
        if len(head) < 4 or head[0] != 0xFF or not 0xC0 <= head[1] < 0xFF or length < 2:
            return None
        if head[1] == 0xDA:  # start of scan
            break
        is_frame, is_app1 = head[1] in _JPEG_FRAMES, head[1] == 0xE1
        if not is_frame and not is_app1:
            file.seek(length - 2, io.SEEK_CUR)
            continue
        segment = file.read(length - 2)
        if len(segment) < length - 2 or (is_frame and (size or len(segment) < 6)):
            return None
        if is_app1:
            metadata += head + segment
        else:
            height, width = (int.from_bytes(segment[i : i + 2], "big") for i in (1, 3))
            size = width, height
    if size is None:
        return None
    tiny = _tiny(".jpg")
    return size, tiny[:2] + metadata + tiny[2:] if metadata else b""


def _read_png(file: BinaryIO) -> tuple[tuple[int, int], bytes] | None:
    """Stored size, and a tiny PNG with the metadata of this one, if any."""
    size, probe, has_metadata = None, b"", False
    tiny = _tiny(".png")
    pixels = tiny.index(b"IDAT") - 4
    end = tiny.index(b"IEND") - 4
    file.seek(8)
    while True:
        head = file.read(8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if len(head) < 8 or kind == b"acTL" or (size is None) != (kind == b"IHDR"):
            return None  # damaged or animated
        if kind == b"IEND":
            break
        if kind == b"IHDR":
            header = file.read(length)
            size = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
            probe += tiny[:pixels]
            file.seek(4, io.SEEK_CUR)
        elif kind in _PNG_METADATA:
            has_metadata = True
            probe += head + file.read(length + 4)
        else:
            if kind == b"IDAT" and pixels < end:
                probe += tiny[pixels:end]
                pixels = end
            file.seek(length + 4, io.SEEK_CUR)
    return size, probe + tiny[end:] if has_metadata else b""


def _read_webp(start: bytes) -> tuple[tuple[int, int], bytes] | None:
    """Size; None with EXIF data or an animation, for OpenCV's versions differ."""
    kind = start[12:16]
    if kind == b"VP8 " and start[23:26] == b"\x9d\x01\x2a":
        sides = (int.from_bytes(start[i : i + 2], "little") & 0x3FFF for i in (26, 28))
    elif kind == b"VP8L" and start[20] == 0x2F:
        bits = int.from_bytes(start[21:25], "little")
        sides = ((bits >> shift & 0x3FFF) + 1 for shift in (0, 14))
    elif kind == b"VP8X" and len(start) == 30 and not start[20] & 0x0A:
        sides = (int.from_bytes(start[i : i + 3], "little") + 1 for i in (24, 27))
    else:
        return None
    return tuple(sides), b""
