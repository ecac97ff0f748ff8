"""Start-up checks of the dataset: bad input ends with one line that names it."""

import json
import shutil

import pytest
from mmyolo.registry import DATASETS

from mmyolo_mnv1.errors import InputError

CLASSES = tuple("0123456789")


@pytest.fixture
def copy(digits, tmp_path):
    """A copy of the digits data that a test may damage."""
    return shutil.copytree(digits, tmp_path / "digits")


def load(root, classes=CLASSES, **kwargs):
    return DATASETS.build(
        dict(
            type="CheckedCocoDataset",
            data_root=str(root),
            ann_file="annotations/train.json",
            data_prefix=dict(img="train/"),
            metainfo=dict(classes=classes),
            pipeline=[],
            **kwargs,
        )
    )


def edit(root, change):
    path = root / "annotations" / "train.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def refused(root, *words, **kwargs):
    with pytest.raises(InputError) as error:
        load(root, **kwargs)
    message = str(error.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


def test_good_data_loads(digits):
    dataset = load(digits)
    assert len(dataset) == 16
    assert dataset.get_data_info(0)["instances"]


def test_missing_annotation_file(copy):
    (copy / "annotations" / "train.json").unlink()
    refused(copy, "train.json not found", "cocodataset.org")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"images": 1}', "\x00\x01"])
def test_not_coco_json(copy, text):
    (copy / "annotations" / "train.json").write_text(text)
    refused(copy, "train.json", "COCO JSON")


def test_class_not_in_annotations(copy):
    refused(copy, "['ten']", "train.json", classes=(*CLASSES, "ten"))


def test_class_names_differ_in_case(copy):
    def upper(document):
        document["categories"][3]["name"] = "Three"

    edit(copy, upper)
    refused(copy, "['three']", "Three", classes=("0", "three"))


def test_subset_of_classes_is_allowed(copy):
    dataset = load(copy, classes=("3", "7"))
    labels = {i["bbox_label"] for d in dataset for i in d["instances"]}
    assert labels == {0, 1}


def test_empty_dataset(copy):
    edit(copy, lambda d: d.update(images=[], annotations=[]))
    refused(copy, "no image left", "train.json")


def test_missing_images(copy):
    for number in (0, 2, 3, 5):
        (copy / "train" / f"{number:06d}.jpg").unlink()
    refused(copy, "4 missing", "000000.jpg", "000003.jpg", ", ...", "train.json")


@pytest.mark.parametrize("keep", [0, 1000])
def test_truncated_image(copy, keep):
    path = copy / "train" / "000001.jpg"
    path.write_bytes(path.read_bytes()[:keep])
    refused(copy, "1 truncated", "000001.jpg")


def test_verification_can_be_switched_off(copy):
    (copy / "train" / "000001.jpg").unlink()
    assert len(load(copy, verify_images=False)) == 16
