"""mAP of the images and classes that the dataset loads."""

import json

import numpy as np
import pytest

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.datasets import CheckedCocoMetric
from mmyolo_mnv1.errors import InputError

BOX = [10.0, 20.0, 30.0, 40.0]  # x, y, width, height


@pytest.fixture
def truth(tmp_path):
    """Four images of 100 x 100 px, each with one cat and one dog."""
    document = dict(
        images=[
            dict(id=i, file_name=f"{i}.jpg", width=100, height=100) for i in range(1, 5)
        ],
        categories=[dict(id=7, name="cat"), dict(id=3, name="dog")],
        annotations=[
            dict(image_id=i, category_id=category, bbox=BOX, area=1200)
            for i in range(1, 5)
            for category in (7, 3)
        ],
    )
    path = tmp_path / "truth.json"

    def write(change=None):
        if change:
            change(document)
        path.write_text(json.dumps(document))
        return path

    return write


def evaluate(path, classes=("cat", "dog"), labels=None, images=(1, 2, 3, 4), **options):
    """Evaluate predictions equal to the ground truth, for given labels and images."""
    metric = CheckedCocoMetric(str(path), metric="bbox", **options)
    metric.dataset_meta = dict(classes=classes)
    labels = np.array(range(len(classes)) if labels is None else labels)
    x, y, width, height = BOX
    boxes = np.array([[x, y, x + width, y + height]] * len(labels))
    results = [
        (
            dict(img_id=i, width=100, height=100),
            dict(img_id=i, bboxes=boxes, scores=0.9 - 0.1 * labels, labels=labels),
        )
        for i in images
    ]
    return metric.compute_metrics(results)


def test_ignored_classes(truth):
    one = dict(classes=("cat",), ignore_classes=("dog",))
    assert evaluate(truth(), **one)["bbox_mAP"] == 1
    with pytest.raises(InputError, match="'dog'.*not among classes"):
        evaluate(truth(), classes=("cat",))


def test_ignored_classes_reach_the_metrics(root):
    cfg = load_config(
        root / "configs/yolo11_mnv1_n_bccd.py",
        dict(classes=["RBC"], ignore_classes=["WBC", "Platelets"]),
    )
    for split in ("val", "test"):
        assert cfg[f"{split}_evaluator"].ignore_classes == ["WBC", "Platelets"]
        assert cfg[f"{split}_dataloader"].dataset.ignore_classes == cfg.ignore_classes


def test_boxes_of_images_that_are_left_out_do_not_count(truth):
    assert evaluate(truth(), images=(1, 2, 3))["bbox_mAP"] == 1


def test_classwise_with_descending_category_ids(truth, tmp_path):
    prefix = tmp_path / "found"
    metrics = evaluate(truth(), labels=[0], classwise=True, outfile_prefix=str(prefix))
    assert metrics["cat_precision"] == 1 and metrics["dog_precision"] == 0
    found = json.loads((tmp_path / "found.bbox.json").read_text())
    assert {box["category_id"] for box in found} == {7}


@pytest.mark.parametrize("field", ["ignore", "iscrowd"])
def test_ignored_boxes_do_not_count(truth, field):
    """Pascal VOC's difficult objects."""

    def ignore_dogs(document):
        for ann in document["annotations"]:
            ann[field] = int(ann["category_id"] == 3)
        document["annotations"].append(
            dict(image_id=1, category_id=3, bbox=[60, 60, 20, 20], area=400)
        )

    path = truth(ignore_dogs)
    metrics = evaluate(path, labels=[0], classwise=True)
    assert metrics["cat_precision"] == 1
    assert CheckedCocoMetric(str(path))._coco_api.dataset["annotations"][1] == dict(
        id=2, image_id=1, category_id=3, bbox=BOX, area=1200, iscrowd=1
    )
