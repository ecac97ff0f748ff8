"""Matplotlib settings for text with class names."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from matplotlib import font_manager
from matplotlib import pyplot as plt

from ..deploy.runtime.fonts import find_font


@contextmanager
def literal_text(names: Iterable[str]) -> Iterator[None]:
    """Draw class names as they are: no mathematics between ``$``, any script.

    Matplotlib falls back to a font of the system for names that its own lacks.

    Args:
        names (Iterable[str]): Class names.
    """
    families = list(plt.rcParams["font.family"])
    for name in names:
        path = None if name.isascii() else find_font(name)
        if path:
            font_manager.fontManager.addfont(path)
            families.append(font_manager.FontProperties(fname=path).get_name())
    families = list(dict.fromkeys(families))
    with plt.rc_context({"text.parse_math": False, "font.family": families}):
        yield
