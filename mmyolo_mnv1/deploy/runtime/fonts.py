"""Fonts for class names in any script."""

import importlib.util
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import cv2
import numpy as np

#: Folders of fonts on Linux, macOS and Windows.
FOLDERS = (
    *("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts"),
    *("/System/Library/Fonts", "/Library/Fonts", "C:/Windows/Fonts"),
)
SUFFIXES = (".ttf", ".otf", ".ttc")
#: A code point that no font has: fonts draw their box for missing glyphs.
MISSING = "\U0010fffe"


@cache
def find_font(text: str) -> str | None:
    """Find a font that has every character of a text.

    Args:
        text (str): The text.

    Returns:
        str, optional: Font file; None if Pillow is not installed or no font has them.
    """
    try:
        from PIL import ImageFont
    except ImportError:
        return None
    characters = {c for c in text if not c.isspace()}
    for path in _font_files():
        try:
            font = ImageFont.truetype(path, 24)
        except OSError:
            continue
        missing = font.getmask(MISSING)
        masks = map(font.getmask, characters)
        if all(m.size != missing.size or bytes(m) != bytes(missing) for m in masks):
            return path
    print(
        f"no font has all characters of {text!r}: class names are drawn as numbers; "
        "install one, such as fonts-noto-cjk, and Pillow",
        file=sys.stderr,
    )
    return None


def draw_text(
    image: np.ndarray, text: str, x: int, bottom: int, height: int, font: str
) -> None:
    """Draw white text into an image by Pillow.

    Args:
        image (np.ndarray): (H, W, 3) uint8 BGR; changed.
        text (str): The text.
        x (int): Left edge in pixels.
        bottom (int): Lower edge in pixels.
        height (int): Font size in pixels.
        font (str): Font file, of :func:`find_font`.
    """
    from PIL import Image, ImageDraw, ImageFont

    canvas = Image.fromarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    typeface = ImageFont.truetype(font, height)
    ImageDraw.Draw(canvas).text((x, bottom), text, "white", typeface, anchor="lb")
    image[:] = cv2.cvtColor(np.asarray(canvas), cv2.COLOR_RGB2BGR)


def text_size(text: str, height: int, font: str) -> tuple[int, int]:
    """Width and height in pixels of a text in a font of a size in pixels."""
    from PIL import ImageFont

    left, top, right, bottom = ImageFont.truetype(font, height).getbbox(text)
    return int(right - left), int(bottom - top)


@cache
def _font_files() -> tuple[str, ...]:
    """Font files of the system, and those that Matplotlib brings; DejaVu first."""
    files = [str(path) for folder in _folders() for path in _walk(folder)]
    return tuple(sorted(files, key=lambda path: "DejaVuSans.ttf" not in path))


def _folders() -> Iterator[Path]:
    yield from (Path(folder).expanduser() for folder in FOLDERS)
    spec = importlib.util.find_spec("matplotlib")
    if spec and spec.origin:
        yield Path(spec.origin).parent / "mpl-data/fonts/ttf"


def _walk(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        for name in sorted(names):
            if name.lower().endswith(SUFFIXES):
                yield Path(parent, name)
