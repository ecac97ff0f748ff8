"""Libraries of the extra ``[video]``, imported when a function needs them."""

import importlib
from types import ModuleType

from ...errors import InputError


def import_extra(name: str, use: str) -> ModuleType:
    """Import a library of the extra.

    Args:
        name (str): Module name.
        use (str): What needs it, for the message.

    Raises:
        InputError: If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as e:
        raise InputError(
            f'{use} needs {name} ({e}): pip install "mmyolo-mnv1[video]"'
        ) from None
