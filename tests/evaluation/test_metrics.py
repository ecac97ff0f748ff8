"""Numbers of an evaluation: against values by hand and against CocoMetric."""

import dataclasses
import json

import cv2
import numpy as np
import pytest
import torch
from mmdet.evaluation import CocoMetric

from mmyolo_mnv1.annotations.digits import make_digits
from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.evaluation.data import load_truth
from mmyolo_mnv1.evaluation.metrics import evaluate

CLASSES = dict(cat=7, dog=3, eel=5)  # ids not sorted like the names


def box(image_id: int, name: str, x: float, y: float, w: float, h: float, **more):
    return dict(image_id=image_id, category_id=CLASSES[name], bbox=[x, y, w, h], **more)


OBJECTS = [
    box(1, "cat", 10, 10, 40, 40),
    box(1, "dog", 100, 10, 40, 40),
    box(2, "cat", 10, 10, 50, 50),
    box(2, "cat", 100, 10, 20, 20),
    box(3, "dog", 10, 10, 30, 30),
    box(3, "dog", 50, 10, 40, 40),
    box(3, "cat", 100, 0, 100, 100, iscrowd=1),
]
DETECTIONS = [
    box(1, "cat", 10, 10, 40, 40, score=0.9),  # true positive
    box(1, "cat", 14, 10, 40, 40, score=0.8),  # duplicate
    box(1, "cat", 100, 10, 40, 40, score=0.7),  # class confusion
    box(2, "cat", 10, 10, 50, 20, score=0.6),  # IoU 0.4
    box(2, "dog", 150, 60, 30, 30, score=0.5),  # background
    box(2, "eel", 150, 60, 30, 30, score=0.3),  # background
    box(2, "cat", 100, 10, 20, 20, score=0.2),  # true positive
    box(3, "dog", 50, 10, 40, 40, score=0.95),  # true positive
    box(3, "cat", 120, 20, 30, 30, score=0.99),  # in a crowd: ignored
]


@pytest.fixture
def toy(root, tmp_path):
    """Ground truth of three images with the objects above."""
    folder = tmp_path / "toy"
    (folder / "annotations").mkdir(parents=True)
    (folder / "images").mkdir()
    for number in (1, 2, 3):
        photo = np.full((100, 200, 3), 50 * number, np.uint8)
        cv2.imwrite(str(folder / f"images/{number}.png"), photo)
    coco = dict(
        images=[
            dict(id=i, file_name=f"{i}.png", width=200, height=100) for i in (1, 2, 3)
        ],
        categories=[dict(id=i, name=name) for name, i in CLASSES.items()],
        annotations=[
            # The first id is 0, which COCOeval reads as "no match".
            dict(dict(iscrowd=0), **o, id=i, area=o["bbox"][2] * o["bbox"][3])
            for i, o in enumerate(OBJECTS)
        ],
    )
    (folder / "annotations/val.json").write_text(json.dumps(coco))
    options = dict(data_root=str(folder), classes=tuple(CLASSES))
    options["img_dirs.test"] = "images/"
    config = root / "configs/yolo11_mnv1_n_digits.py"
    return load_truth(load_config(config, options))


def test_average_precision_by_hand(toy):
    report = evaluate(toy, DETECTIONS)
    cat, dog, eel = report["classes"]
    # 34 of the 101 recalls are at most 1/3, 67 at most 2/3, 51 at most 1/2.
    # cat: true, 3 false, false at 0.6, true: precision 1 up to 1/3, 2/5 up to 2/3.
    expected = (34 + 33 * 2 / 5) / 101
    assert cat["AP"] == pytest.approx(expected)
    assert list(cat["by_iou"]) == [f"0.{iou}" for iou in range(50, 100, 5)]
    assert list(cat["by_iou"].values()) == pytest.approx([expected] * 10)
    assert cat["APs"] == pytest.approx(1 / 2)  # after the flat box of 50 x 20 px
    assert cat["APm"] == pytest.approx(51 / 101) and cat["APl"] is None
    assert [dog["AP"], dog["AP50"], dog["AP75"]] == pytest.approx([34 / 101] * 3)
    assert eel["AP"] is None and set(eel["by_iou"].values()) == {None}
    assert report["summary"]["AP"] == pytest.approx((expected + 34 / 101) / 2)
    curves = report["pr_curves"]
    assert curves["recall"] == pytest.approx([i / 100 for i in range(101)])
    for name in ("iou_50", "iou_75", "iou_mean"):
        of_cat, of_dog, of_eel = curves[name]["classes"]
        assert of_cat == pytest.approx([1] * 34 + [0.4] * 33 + [0] * 34)
        assert of_dog == pytest.approx([1] * 34 + [0] * 67) and of_eel is None
        assert curves[name]["mean"] == pytest.approx([1] * 34 + [0.2] * 33 + [0] * 34)


def test_curves_over_score_by_hand(toy):
    report = evaluate(toy, DETECTIONS)
    curves = {
        name: dict(zip(report["score_curves"]["score"], values, strict=True))
        for name, values in report["score_curves"].items()
    }
    for score, true, false in ((0, 3, 5), (0.2, 3, 5), (0.201, 2, 5), (0.801, 2, 0)):
        assert curves["precision"][score] == pytest.approx(true / (true + false))
        assert curves["recall"][score] == pytest.approx(true / 6)
        assert curves["f1"][score] == pytest.approx(2 * true / (true + false + 6))
    assert curves["precision"][0.951] is None and curves["f1"][0.951] == 0
    assert report["best_score_thr"] == report["score_thr"] == 0.801
    assert report["summary"]["f1"] == pytest.approx(1 / 2)


def test_images_that_the_dataset_leaves_out(toy):
    """With ``bad_images = "skip"``: neither objects nor detections of them count."""
    paths = {i: path for i, path in toy.image_paths.items() if i != 2}
    report = evaluate(dataclasses.replace(toy, image_paths=paths), DETECTIONS)
    assert report["summary"]["objects"] == 4
    for kind in ("false_positives", "misses"):
        worst = [error for e in report[kind].values() for error in e["worst"]]
        assert {error["image"] for error in worst} <= {"1.png", "3.png"}


def test_confusion_and_ratios_by_hand(toy):
    report = evaluate(toy, DETECTIONS, score_thr=0.25)
    assert report["confusion"] == [
        # cat, dog, eel, background detected
        [1, 0, 0, 2],
        [1, 1, 0, 1],
        [0, 0, 0, 0],
        [2, 1, 1, 0],
    ]
    keys = ("objects", "detections", "precision", "recall", "f1")
    rows = [[r[key] for key in keys] for r in (*report["classes"], report["summary"])]
    assert rows == [
        [3, 4, 1 / 4, 1 / 3, 2 / 7],
        [3, 2, 1 / 2, 1 / 3, 2 / 5],
        [0, 1, 0, None, 0],
        [6, 7, 2 / 7, 2 / 6, 4 / 13],
    ]
    assert report["score_thr"] == 0.25 and report["best_score_thr"] == 0.801
    loose = evaluate(toy, DETECTIONS, score_thr=0.25, iou_thr=0.4)
    assert loose["confusion"][0] == [2, 0, 0, 1]
    assert loose["confusion"][3] == [1, 1, 1, 0]


def test_confusion_matrix_gives_the_object_to_the_higher_score(toy):
    dog = [100, 10, 40, 40]
    detections = [
        box(1, "cat", *dog, score=0.5),
        box(1, "eel", 100, 10, 40, 24, score=0.9),  # IoU 0.6
    ]
    assert evaluate(toy, detections, score_thr=0)["confusion"] == [
        [0, 0, 0, 3],
        [0, 0, 1, 2],
        [0, 0, 0, 0],
        [1, 0, 0, 0],
    ]
    strict = evaluate(toy, detections, score_thr=0, iou_thr=0.65)["confusion"]
    assert strict[1] == [1, 0, 0, 2] and strict[3] == [0, 0, 1, 0]


def test_kinds_of_errors_by_hand(toy):
    report = evaluate(toy, DETECTIONS, score_thr=0.25)
    wrong = report["false_positives"]
    assert {kind: group["count"] for kind, group in wrong.items()} == {
        "background": 2,
        "localisation": 1,
        "class confusion": 1,
        "duplicate": 1,
    }
    reasons = {
        kind: [error["reason"] for error in group["worst"]]
        for kind, group in wrong.items()
    }
    assert reasons == {
        "background": ["dog 0.50: no object there", "eel 0.30: no object there"],
        "localisation": ["cat 0.60: IoU 0.40"],
        "class confusion": ["cat 0.70: is dog, IoU 1.00"],
        "duplicate": ["cat 0.80: already found with 0.90"],
    }
    missed = report["misses"]
    reasons = {
        kind: [error["reason"] for error in group["worst"]]
        for kind, group in missed.items()
    }
    assert reasons == {
        "not found": ["dog: no detection there"],
        "localisation": ["cat: detected as cat 0.60, IoU 0.40"],
        "class confusion": ["dog: detected as cat 0.70, IoU 1.00"],
        "low score": ["cat: found with 0.20 only"],
    }
    (weak,) = missed["low score"]["worst"]
    assert weak["image"] == "2.png" and weak["iou"] == 1
    assert weak["object"] == dict(name="cat", bbox=[100, 10, 20, 20])
    assert weak["detection"] == dict(name="cat", bbox=[100, 10, 20, 20], score=0.2)


def test_lists_the_worst_errors_first(toy):
    report = evaluate(toy, DETECTIONS[5:7] + DETECTIONS[3:5], score_thr=0, worst=1)
    group = report["false_positives"]["background"]
    assert group["count"] == 2
    (worst,) = group["worst"]
    assert worst["reason"] == "dog 0.50: no object there"
    sizes = [
        np.prod(error["object"]["bbox"][2:])
        for error in evaluate(toy, [])["misses"]["not found"]["worst"]
    ]
    assert sizes == sorted(sizes, reverse=True) and len(sizes) == 6


def test_nothing_detected(toy):
    report = evaluate(toy, [])
    assert report["summary"]["AP"] == report["summary"]["recall"] == 0
    assert report["summary"]["precision"] is None
    assert report["confusion"] == [
        [0, 0, 0, 3],
        [0, 0, 0, 3],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
    ]
    assert report["misses"]["not found"]["count"] == 6


def test_same_as_coco_metric_on_digits(root, tmp_path):
    """On shifted, mislabelled and repeated boxes."""
    make_digits(tmp_path / "digits", num_train=1, num_val=6, size=256)
    options = dict(data_root=str(tmp_path / "digits"))
    config = load_config(root / "configs/yolo11_mnv1_n_digits.py", options)
    truth = load_truth(config)
    rng = np.random.default_rng(0)
    metric = CocoMetric(truth.ann_file, classwise=True, proposal_nums=(100, 1, 10))
    metric.dataset_meta = dict(classes=truth.classes)
    detections = []
    for image_id, image in truth.coco.imgs.items():
        objects = truth.coco.imgToAnns[image_id]
        boxes = np.array([o["bbox"] for o in objects] * 3, float)
        boxes += rng.normal(0, 1.5, boxes.shape)
        labels = np.array([truth.cat_ids.index(o["category_id"]) for o in objects] * 3)
        labels = np.where(rng.random(len(labels)) < 0.2, labels // 2, labels)
        scores = rng.random(len(labels))
        corners = np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])
        prediction = dict(
            bboxes=torch.tensor(corners),
            scores=torch.tensor(scores),
            labels=torch.tensor(labels),
        )
        size = image["height"], image["width"]
        sample = dict(img_id=image_id, ori_shape=size, pred_instances=prediction)
        metric.process({}, [sample])
        detections += [
            dict(
                image_id=image_id,
                category_id=truth.cat_ids[label],
                bbox=list(map(float, b)),
                score=float(score),
            )
            for b, label, score in zip(boxes, labels, scores, strict=True)
        ]
    expected = metric.evaluate(len(truth.coco.imgs))
    report = evaluate(truth, detections)
    for row in report["classes"]:
        reference = expected[f"coco/{row['name']}_precision"]
        ours = np.nan if row["AP"] is None else round(row["AP"], 3)
        assert ours == pytest.approx(reference, abs=1e-9, nan_ok=True)
    suffixes = dict(AP="", AP50="_50", AP75="_75", APs="_s", APm="_m", APl="_l")
    for ours, suffix in suffixes.items():
        value = report["summary"][ours]
        value = -1 if value is None else round(value, 3)
        assert value == pytest.approx(expected[f"coco/bbox_mAP{suffix}"], abs=1e-9)
    assert all(0.1 < report["summary"][key] < 0.9 for key in ("AP", "APs", "APm"))

    confusion = np.array(report["confusion"])
    rows = report["classes"]
    assert confusion[:-1].sum(1).tolist() == [row["objects"] for row in rows]
    assert confusion[:, :-1].sum(0).tolist() == [row["detections"] for row in rows]
    for name, count in (("false_positives", "detections"), ("misses", "objects")):
        wrong = sum(group["count"] for group in report[name].values())
        assert wrong == report["summary"][count] - np.trace(confusion) > 0
