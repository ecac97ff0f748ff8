"""Every tensor must have a name on both sides: the check, and how it is told."""

from collections.abc import Collection, Sequence

from ..errors import InputError


def check_names(
    given: Collection[str], expected: Collection[str], subject: str
) -> None:
    """Every given name must be expected, every expected one given.

    Args:
        given (Collection[str]): Names of the tensors in a file.
        expected (Collection[str]): Names that have a counterpart.
        subject (str): What the message says before the list.

    Raises:
        InputError: Listing what is left over and what is missing.
    """
    left = [name for name in given if name not in expected]
    missing = [name for name in expected if name not in given]
    if left or missing:
        raise InputError(
            f"{subject}: {listed('left over', left)}, {listed('missing', missing)}"
        )


def listed(what: str, names: Sequence[str], limit: int = 10) -> str:
    """How many, and the first of them."""
    if not names:
        return f"0 {what}"
    more = ", …" if len(names) > limit else ""
    return f"{len(names)} {what} ({', '.join(names[:limit])}{more})"
