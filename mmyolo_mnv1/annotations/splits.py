"""Random, repeatable splits of a dataset."""

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
    """A random split of images that is repeatable on every machine.

    Images are sorted by the SHA-256 of seed and name and cut at the fractions. The
    split does not depend on the order of files, its sizes are exact to one image, and
    an added or removed image moves at most one other across each cut.

    Args:
        fractions (dict[str, float]): Fraction of each split, in (0, 1]; their sum is 1.
        seed (int): Seed of the order. Defaults to 0.

    Raises:
        InputError: If a fraction is out of range, or the sum is not 1.
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
        """Split items by their names; each split is sorted by name.

        Raises:
            InputError: If a split would be empty.
        """
        ranked = sorted(items, key=self._hash)
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

    def _hash(self, name: str) -> bytes:
        return hashlib.sha256(f"{self.seed}/{name}".encode()).digest()


def parse_splits(
    words: Sequence[str] | None, seed: int
) -> list[str] | RandomSplit | None:
    """Parse ``--splits``: names, such as ``train val``, or fractions, ``train=0.8``.

    Raises:
        InputError: If a value is neither, names and fractions are mixed, or a name
            repeats.
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
