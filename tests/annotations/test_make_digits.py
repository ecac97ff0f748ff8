"""The default dataset of digits."""

import hashlib
import json

import cv2
import numpy as np
import pytest

from mmyolo_mnv1.annotations.digits import (
    TRAIN_PHOTOS,
    VAL_PHOTOS,
    _digit_mask,
    make_digits,
)
from mmyolo_mnv1.errors import InputError

TOOL = "tools/dataset_converters/make_digits.py"


def digest(folder):
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in files
    }


def test_repeatable_and_seeded(digits, tmp_path):
    again = tmp_path / "again"
    assert make_digits(again, 16, 6, 96)
    assert digest(again) == digest(digits)
    other = tmp_path / "other"
    make_digits(other, 16, 6, 96, seed=1)
    assert digest(other)["train/000000.jpg"] != digest(digits)["train/000000.jpg"]


def test_valid_coco(digits):
    for split, count in (("train", 16), ("val", 6)):
        coco = json.loads((digits / "annotations" / f"{split}.json").read_text())
        assert len(coco["images"]) == count
        assert [c["name"] for c in coco["categories"]] == list("0123456789")
        for image in coco["images"]:
            pixels = cv2.imread(str(digits / split / image["file_name"]))
            assert pixels.shape == (96, 96, 3) == (image["height"], image["width"], 3)
        for ann in coco["annotations"]:
            x, y, w, h = ann["bbox"]
            assert x >= 0 and y >= 0 and w > 2 and h > 8
            assert x + w <= 96 and y + h <= 96
            assert ann["area"] == pytest.approx(w * h)


def test_mask_is_tight():
    scan = np.zeros((8, 8))
    scan[1:7, 3:5] = 16
    mask = _digit_mask(scan, 40, 15)
    drawn = mask > 0.5
    assert drawn[0].any() and drawn[-1].any() and drawn[:, 0].any()
    assert drawn[:, -1].any() and mask.min() >= 0 and mask.max() == 1


def test_splits_share_no_photo():
    assert not set(TRAIN_PHOTOS) & set(VAL_PHOTOS)


def test_second_call_does_nothing(digits):
    before = digest(digits)
    assert not make_digits(digits, 16, 6, 96)
    assert digest(digits) == before


def test_refuses_an_output_folder_of_another_dataset(digits):
    before = digest(digits)
    with pytest.raises(InputError, match="exists and was not made with"):
        make_digits(digits, 16, 6, 96, seed=5)
    assert digest(digits) == before


@pytest.mark.parametrize("bad", [dict(num_train=0), dict(num_val=0), dict(size=10)])
def test_bad_numbers(tmp_path, bad):
    with pytest.raises(InputError, match="at least"):
        make_digits(tmp_path / "d", **bad)
    assert not list(tmp_path.iterdir())


def test_interrupted_call_leaves_no_dataset(tmp_path, monkeypatch):
    written = []

    def interrupt(path, *args):
        written.append(path)
        if len(written) == 3:
            raise KeyboardInterrupt
        return True

    out = tmp_path / "digits"
    with monkeypatch.context() as patch:
        patch.setattr(cv2, "imwrite", interrupt)
        with pytest.raises(KeyboardInterrupt):
            make_digits(out, 4, 2, 96)
    assert not list(tmp_path.iterdir())
    assert make_digits(out, 4, 2, 96)


def test_unwritable_image_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, "imwrite", lambda *args: False)
    with pytest.raises(InputError, match="cannot be written"):
        make_digits(tmp_path / "digits", 2, 1, 96)
    assert not (tmp_path / "digits").exists()


def test_command_line(tool, tmp_path):
    args = ("--out", tmp_path / "d", "--train", 2, "--val", 1, "--size", 96)
    assert "written" in tool(TOOL, *args).stdout
    assert "already there" in tool(TOOL, *args).stdout
    refused = tool(TOOL, *args, "--seed", 3)
    assert refused.returncode == 1
    assert len(refused.stderr.strip().splitlines()) == 1
