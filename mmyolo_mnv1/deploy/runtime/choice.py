"""Choice of classes, and score thresholds by class."""

import math
from collections.abc import Mapping, Sequence

from ...errors import InputError


def thresholds_by_label(
    names: Sequence[str],
    default: float,
    by_class: Mapping[str, float],
    chosen: Sequence[str] | None,
) -> list[float]:
    """Score threshold of each class.

    Args:
        names (Sequence[str]): Class names by label.
        default (float): Threshold of the classes that ``by_class`` does not name.
        by_class (Mapping[str, float]): Thresholds by class name.
        chosen (Sequence[str], optional): Classes to detect. Defaults to None, all.

    Returns:
        list[float]: By label; infinite for a class that is not chosen.

    Raises:
        InputError: If the model has no such class, none is chosen, or a number is out
            of range.
    """
    if chosen is not None and not chosen:
        raise InputError("classes is empty: name one or more")
    if unknown := [n for n in (*by_class, *(chosen or ())) if n not in names]:
        raise InputError(
            f"class {unknown[0]!r} is none of the model's: {', '.join(names[:20])}"
            + ", …" * (len(names) > 20)
        )
    for name, threshold in {"": default, **by_class}.items():
        if not 0 <= threshold <= 1:
            raise InputError(
                f"score_threshold {f'{name}=' * bool(name)}{threshold}: give a number "
                "from 0 to 1"
            )
    return [
        by_class.get(name, default) if chosen is None or name in chosen else math.inf
        for name in names
    ]


def parse_thresholds(texts: Sequence[str]) -> tuple[float | None, dict[str, float]]:
    """Parse ``0.25 cat=0.5``: the threshold of all classes, and those by class.

    Raises:
        InputError: If one is no number.
    """
    default, by_class = None, {}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            raise InputError(
                f"--score-thr {text}: give a number, or CLASS=NUMBER"
            ) from None
        if name:
            by_class[name] = value
        else:
            default = value
    return default, by_class
