"""Roles of a dataset's splits by their usual names."""

from collections.abc import Iterable

#: Names of each role, the best first.
NAMES = dict(
    train=("train", "training", "trainval"),
    val=("val", "valid", "validation", "dev", "minival"),
    test=("test", "testing"),
)


def split_roles(names: Iterable[str]) -> dict[str, str]:
    """Names of the splits for training, validation and test.

    Without a split for validation or for test the other one serves as both.

    Args:
        names (Iterable[str]): Names of splits, in any case, also with a year:
            ``instances_train2017`` is of training.

    Returns:
        dict[str, str]: Name by ``train``, ``val`` and ``test``; empty if there is none
        for training, or neither of the others.
    """
    names = sorted(names, key=len)  # train before cat_train
    found = {}
    for role, usual in NAMES.items():
        fits = [name for each in usual for name in names if each in words(name)]
        if fits:
            found[role] = fits[0]
    held_out = found.get("val") or found.get("test")
    if "train" not in found or not held_out:
        return {}
    return {role: found.get(role, held_out) for role in NAMES}


def words(name: str) -> list[str]:
    """Words of a name, in lower case, without numbers."""
    letters = "".join(c if c.isalpha() else " " for c in name.lower())
    return letters.split()
