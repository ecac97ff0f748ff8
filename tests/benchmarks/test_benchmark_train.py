"""Training benchmark: each side trains, on the same data."""

import json

import pytest
import torch

from benchmarks.harness.epoch_turns import in_turns
from benchmarks.harness.ultralytics_data import write_yolo_split
from benchmarks.training.benchmark_train import benchmark_training
from benchmarks.training.made_up_data import make_truths
from benchmarks.training.train_job import MEASUREMENTS, TrainPlan
from mmyolo_mnv1.errors import InputError

PLAN = TrainPlan(
    what=MEASUREMENTS,
    peers=["ultralytics", "mmyolo"],
    workers=1,
    threads=1,
    rounds=1,
    warmup=0,
    samples=8,
    boxes=3,
)


@pytest.mark.slow
def test_every_side_trains(ultralytics, root, digits, tmp_path):
    options = dict(data_root=str(digits), img_scale=(64, 64))
    table = benchmark_training(str(root / "configs/yolo11_n_digits.py"), PLAN, options)
    sides = {
        what: [row["side"] for row in table.rows if row["what"] == what]
        for what in PLAN.what
    }
    assert sides["sample"] == sides["loader"] == ["ours", "ultralytics", "mmyolo"]
    two = ["ours", "ultralytics"]
    assert sides["step"] == sides["epoch"] == sides["postprocess"] == two
    assert all(row["ms"] > 0 for row in table.rows)
    for row in table.rows:
        assert ("ratio" in row) == (row["side"] != "ours")
    parts = sum(
        row["ms"]
        for row in table.rows
        if row["side"] == "ours"
        and row["what"].startswith("step: ")
        and " and " not in row["what"]
    )
    (whole,) = (
        row["ms"]
        for row in table.rows
        if (row["what"], row["side"]) == ("step", "ours")
    )
    assert parts == pytest.approx(whole, rel=1e-3)
    table.write([tmp_path / "t.json", tmp_path / "t.md"])
    assert json.loads((tmp_path / "t.json").read_text())["rows"] == table.rows


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(what=["all"]), "--what all"),
        (dict(peers=["yolov5"]), "--peer yolov5: choose from ultralytics, mmyolo"),
        (dict(rounds=0), "--rounds 0: give 1 or more"),
        (dict(threads=0), "--threads 0"),
    ],
)
def test_bad_plans(root, change, words):
    with pytest.raises(InputError, match=words):
        benchmark_training(
            str(root / "configs/yolo11_n_digits.py"), PLAN._replace(**change)
        )


@pytest.mark.slow
def test_side_without_the_model(ultralytics, root, digits):
    """The measuring process reports it, in one line."""
    plan = PLAN._replace(what=["step"], peers=["ultralytics"])
    config = str(root / "configs/yolo11_mnv1_n_digits.py")
    with pytest.raises(InputError, match="Ultralytics has no model with this backbone"):
        benchmark_training(config, plan, dict(data_root=str(digits)))


def test_in_turns():
    log = []

    def train(before, after):
        for epoch in range(2):
            before()
            log.append((epoch, torch.get_num_threads()))
            after()

    epochs = in_turns(train, threads=1)
    assert log == []
    assert next(epochs) >= 0 and log == [(0, 1)]
    assert next(epochs) >= 0 and log == [(0, 1), (1, 1)]
    with pytest.raises(RuntimeError, match="training ended"):
        next(epochs)


def test_made_up_truths_are_inside_the_image():
    truths = make_truths(4, 5, 3, (640, 320), torch.Generator().manual_seed(0))
    image, label, x1, y1, x2, y2 = truths.T
    assert image.tolist() == [i for i in range(4) for _ in range(5)]
    assert set(label.tolist()) <= {0, 1, 2}
    assert ((x1 >= 0) & (x1 < x2) & (x2 <= 640)).all()
    assert ((y1 >= 0) & (y1 < y2) & (y2 <= 320)).all()


def test_yolo_export(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"jpeg")
    boxes = [[10, 20, 40, 20], [-10, 0, 20, 10], [0, 0, 0.5, 10], [0, 0, 9, 9]]
    document = dict(
        images=[dict(id=7, file_name="a.jpg", width=100, height=50)],
        categories=[dict(id=3, name="dog"), dict(id=5, name="cat")],
        annotations=[
            dict(image_id=7, category_id=category, bbox=box, iscrowd=0)
            for category, box in zip((5, 3, 3, 5), boxes, strict=True)
        ],
    )
    document["annotations"][3]["iscrowd"] = 1
    (tmp_path / "a.json").write_text(json.dumps(document))
    images = write_yolo_split(
        tmp_path / "a.json", tmp_path / "photos", ("cat", "dog"), tmp_path / "out", "x"
    )
    (image,) = images.iterdir()
    assert image.read_bytes() == b"jpeg"
    labels = tmp_path / "out" / "labels" / "x" / f"{image.stem}.txt"
    rows = [list(map(float, line.split())) for line in labels.read_text().splitlines()]
    assert rows == [[0, 0.3, 0.6, 0.4, 0.4], [1, 0.05, 0.1, 0.1, 0.2]]
