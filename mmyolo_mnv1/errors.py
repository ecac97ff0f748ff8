"""Bad input: the one exception, and the checks that several modules share."""

from collections.abc import Mapping, Sequence

PREFIX = "mmyolo-mnv1: "
#: The largest stride of the detectors: input sides are multiples of it, in pixels.
STRIDE = 32


class InputError(SystemExit, ValueError):
    """Bad input, described in one line that names the file, the field and the remedy.

    To a caller it is a :class:`ValueError`. Left uncaught it is a :class:`SystemExit`:
    any program built on this package, MMYOLO's own ``train.py`` under ``mim train``
    included, ends with that line on standard error and exit status 1, without a
    traceback.

    Args:
        message (str): One line without a trailing newline; or a traceback of a data
            loader's worker that ends in such a line, of which that line is kept.
    """

    def __init__(self, message: str) -> None:
        super().__init__(PREFIX + message.rpartition(PREFIX)[2].strip())


def one_line(error: BaseException) -> str:
    """Format an exception as one line: type and first 160 characters."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"


def check_sides(what: str, sides: Sequence[int], stride: int = STRIDE) -> None:
    """Refuse a height and width that the network's strides do not divide.

    Args:
        what (str): Start of the message: the option and its value.
        sides (Sequence[int]): Height and width in pixels.
        stride (int): Defaults to 32.

    Raises:
        InputError: If they are not two positive multiples of ``stride``.
    """
    if not is_valid_size(sides, stride):
        raise InputError(
            f"{what}: give height and width in multiples of {stride} px, such as "
            f"{20 * stride} {20 * stride}"
        )


def is_valid_size(sides: object, stride: int = STRIDE) -> bool:
    """Whether ``sides`` are two positive whole multiples of ``stride``."""
    return (
        isinstance(sides, (tuple, list))
        and len(sides) == 2
        and all(isinstance(s, int) and s > 0 and s % stride == 0 for s in sides)
    )


def check_least(numbers: Mapping[str, int], **least: int) -> None:
    """Refuse numbers below a minimum.

    Args:
        numbers (Mapping[str, int]): By the name of their option.
        least (int): Minimum of each option to check.

    Raises:
        InputError: If a number is smaller.
    """
    for name, minimum in least.items():
        if numbers[name] < minimum:
            raise InputError(f"--{name} {numbers[name]}: give {minimum} or more")
