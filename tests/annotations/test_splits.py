"""Random splits: repeatable, of exact size, invalid fractions refused."""

import random

import pytest

from mmyolo_mnv1.annotations.splits import RandomSplit, parse_splits
from mmyolo_mnv1.errors import InputError

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}


def named(count):
    return {f"photo_{i:04d}": i for i in range(count)}


def test_splits_all_images_by_the_shares():
    parts = RandomSplit(SHARES)(named(1000))
    assert {split: len(items) for split, items in parts.items()} == {
        "train": 800,
        "val": 100,
        "test": 100,
    }
    assert sorted(i for items in parts.values() for i in items) == list(range(1000))
    assert parts["train"] == sorted(parts["train"]) != list(range(800))


def test_does_not_depend_on_the_order_of_images():
    items = list(named(100).items())
    parts = RandomSplit(SHARES, seed=0)(dict(items))
    # Computed by sha256sum and sort: the same on every machine and in every release.
    assert parts["val"] == [10, 40, 44, 72, 75, 76, 79, 83, 88, 97]
    random.Random(0).shuffle(items)
    assert RandomSplit(SHARES, seed=0)(dict(items)) == parts
    assert RandomSplit(SHARES, seed=1)(dict(items)) != parts


@pytest.mark.parametrize("count", [20, 99, 1000])
def test_one_more_image_moves_at_most_one_across_each_cut(count):
    before, after = (RandomSplit(SHARES)(named(n)) for n in (count, count + 1))
    moved = [i for split in SHARES for i in before[split] if i not in after[split]]
    assert len(moved) <= 2


def test_refuses_too_few_images():
    with pytest.raises(InputError, match="3 images leave none for test"):
        RandomSplit(SHARES)(named(3))


def test_command_line():
    assert parse_splits(None, seed=0) is None
    assert parse_splits(["train", "val"], seed=0) == ["train", "val"]
    expected = RandomSplit({"train": 0.75, "val": 0.25}, seed=7)
    assert parse_splits(["train=0.75", "val=.25"], seed=7) == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train=0.8", "val=0.1"], "train=0.8 val=0.1: the shares sum to 0.9"),
        (["train=1.2", "val=-0.2"], "train=1.2: give a share in"),
        (["train=nan", "val=1"], "train=nan: give a share in"),
        (["train=1", "val=0"], "val=0: give a share in"),
        (["train=0.8", "val"], "give every split a share"),
        (["train=most", "val=0.2"], "give every split a share"),
        (["train=0.5", "train=0.5"], "a name stands twice"),
        (["train", "train"], "a name stands twice"),
        (["../train=1"], "give a name, or name=share"),
        (["=1"], "give a name, or name=share"),
    ],
)
def test_refuses(words, message):
    with pytest.raises(InputError, match=message) as error:
        parse_splits(words, seed=0)
    assert "\n" not in str(error.value)
