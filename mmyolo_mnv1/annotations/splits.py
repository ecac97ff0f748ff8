"""Dividing images into training, validation and test, the same way at every call."""

import argparse
import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ..errors import InputError

T = TypeVar("T")


@dataclass(frozen=True)
class RandomSplit:
    """Divides images at random, but repeatably.

    Images are ranked by the SHA-256 of seed and name, and the ranking is cut at the
    fractions. So the order of files plays no part, counts are exact to one image, and
    an image more or less moves at most one other across each cut.

    Args:
        fractions (dict[str, float]): Share of each split; they sum to 1.
        seed (int): Another seed gives another division. Defaults to 0.

    Raises:
        InputError: If a share is not in (0, 1], or they do not sum to 1.
    """

    fractions: dict[str, float]
    seed: int = 0

    def __post_init__(self) -> None:
        for split, share in self.fractions.items():
            if not 0 < share <= 1:
                raise InputError(f"--splits {split}={share:g}: give a share in (0, 1]")
        total = math.fsum(self.fractions.values())
        if abs(total - 1) > 1e-6:
            raise InputError(
                f"--splits {self}: the shares sum to {total:g}: make them sum to 1"
            )

    def __str__(self) -> str:
        return " ".join(f"{split}={share:g}" for split, share in self.fractions.items())

    def __call__(self, items: Mapping[str, T]) -> dict[str, list[T]]:
        """Divide items by their names.

        Args:
            items (Mapping[str, T]): By name.

        Returns:
            dict[str, list[T]]: By split, in the order of their names.

        Raises:
            InputError: If there are too few for every split to get one.
        """
        ranked = sorted(items, key=self._rank)
        result, start, reached = {}, 0, 0.0
        for split, share in self.fractions.items():
            reached += share
            stop = round(reached * len(ranked))
            result[split] = [items[name] for name in sorted(ranked[start:stop])]
            start = stop
            if not result[split]:
                raise InputError(
                    f"--splits {self}: {len(ranked)} images leave none for {split}: "
                    "raise its share or leave it out"
                )
        return result

    def _rank(self, name: str) -> bytes:
        return hashlib.sha256(f"{self.seed}/{name}".encode()).digest()


def add_split_arguments(
    parser: argparse.ArgumentParser, default: Sequence[str] | None, own: str = ""
) -> None:
    """Add ``--splits`` and ``--seed`` to a converter's command line.

    Args:
        parser (argparse.ArgumentParser): To extend.
        default (Sequence[str], optional): If the option is not given.
        own (str): What plain names mean, where the source has splits. Defaults to "".
    """
    parser.add_argument(
        "--splits",
        "--split",
        nargs="+",
        default=default,
        metavar="SPLIT",
        help=f"{own}shares, as in train=0.8 val=0.1 test=0.1, divide all images anew",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the division anew")


def parse_splits(
    words: Sequence[str] | None, seed: int
) -> list[str] | RandomSplit | None:
    """What ``--splits`` says: names, or shares by which to divide.

    Raises:
        InputError: If a word is neither, names and shares are mixed, or one repeats.
    """
    if not words:
        return None
    pairs = [word.partition("=") for word in words]
    names = [name for name, _, _ in pairs]
    for word, name in zip(words, names, strict=True):
        if not re.fullmatch(r"[\w.-]+", name):
            raise InputError(f"--splits {word}: give a name, or name=share")
    if len(set(names)) < len(names):
        raise InputError(f"--splits {' '.join(words)}: a name stands twice: remove one")
    if not any(equals for _, equals, _ in pairs):
        return names
    try:
        fractions = {name: float(share) for name, _, share in pairs}
    except ValueError:
        raise InputError(
            f"--splits {' '.join(words)}: give every split a share, as in "
            "train=0.8 val=0.2, or none"
        ) from None
    return RandomSplit(fractions, seed)
