"""Choice of classes, thresholds, batches, crops; detections in other forms."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmyolo_mnv1.deploy import Detections, Detector
from mmyolo_mnv1.deploy.runtime.choice import parse_thresholds
from mmyolo_mnv1.deploy.runtime.metadata import NMS
from mmyolo_mnv1.deploy.runtime.predict import predict
from mmyolo_mnv1.errors import InputError
from tests.helpers.blob_engine import GREEN, BlobEngine, blob_detector, discs


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """Three discs: red, green, and red cut by the image border (score 0.95)."""
    photo = discs((160, 160), (40, 40, 15), (2, 120, 20))
    cv2.circle(photo, (110, 110), 20, GREEN, cv2.FILLED)
    return photo


def test_classes_and_thresholds(photo):
    assert sorted(blob_detector()(photo).names) == ["green", "red", "red"]
    assert blob_detector(classes=["green"])(photo).names == ("green",)
    found = blob_detector(class_thresholds=dict(red=0.9))(photo)
    assert found.names == ("red", "green")
    assert found.scores == pytest.approx([0.95, 0.8])
    few = blob_detector(score_threshold=0.9, class_thresholds=dict(green=0.5))(photo)
    assert sorted(few.names) == ["green", "red"]


@pytest.mark.parametrize("agnostic", [False, True])
def test_class_agnostic_nms(agnostic):
    """Two classes in one place: the better one hides the other."""

    class Twice(BlobEngine):
        def run(self, images):
            boxes, scores = super().run(images)
            return [boxes, np.maximum(scores, 0.5 * scores[..., ::-1])]

    detector = Detector(Twice(), class_agnostic=agnostic)
    found = detector(discs((160, 160), (60, 60, 20)))
    assert found.names == (("red",) if agnostic else ("red", "green"))


def test_nms_in_the_graph_is_class_wise():
    engine = BlobEngine()
    engine.metadata = engine.metadata._replace(form="nms", nms=NMS(0.1, 0.7, 300))
    with pytest.raises(InputError, match="class-agnostic is asked: export with --nms"):
        Detector(engine, class_agnostic=True)


def test_bad_choices():
    for settings, words in (
        (dict(classes=["cat"]), "class 'cat' is none of the model's: red, green"),
        (dict(classes=[]), "classes is empty"),
        (dict(class_thresholds=dict(red=2)), "score_threshold red=2: give a number"),
    ):
        with pytest.raises(InputError, match=words):
            blob_detector(**settings)
    assert parse_thresholds(["0.3", "a=b=0.5"]) == (0.3, {"a=b": 0.5})
    with pytest.raises(InputError, match="--score-thr high: give a number, or CLASS="):
        parse_thresholds(["high"])


def test_batches_give_the_same(tmp_path):
    for number in range(5):
        cv2.imwrite(
            str(tmp_path / f"{number}.png"), discs((90, 90), (9 * number, 40, 9))
        )
    (tmp_path / "4.png").write_bytes(b"no photo")
    results = []
    for batch in (1, 3):
        engine, out = BlobEngine(), tmp_path / f"out{batch}"
        summary = predict(Detector(engine), [str(tmp_path / "*.png")], out, batch=batch)
        assert (summary.images, summary.skipped) == (4, 1)
        assert max(engine.batches) == batch
        results.append(json.loads((out / "detections.json").read_text()))
    assert results[0]["annotations"] == results[1]["annotations"] != []
    with pytest.raises(
        InputError, match=r"--batch 2 does not suit this model \(export"
    ):
        predict(blob_detector((160, 160), False), [str(tmp_path)], batch=2)


def test_batch_that_fails_is_done_one_by_one(tmp_path, capsys):
    """Only the photo at fault is left out."""
    for number in range(3):
        disc = discs((90, 90), (40, 40, 20 * number + 5))
        cv2.imwrite(str(tmp_path / f"{number}.png"), disc)

    class Failing(BlobEngine):
        def run(self, images):
            if (images[:, 2] > 0.7).sum((1, 2)).max() > 9000:  # the largest disc
                raise RuntimeError("no memory")
            return super().run(images)

    summary = predict(Detector(Failing()), [str(tmp_path)], batch=3)
    assert (summary.images, summary.skipped) == (2, 1)
    assert "2.png: RuntimeError: no memory; skipped" in capsys.readouterr().out


def test_crops(photo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("a.png", photo)
    predict(blob_detector(), ["a.png"], Path("out"), ["crops"])
    paths = sorted(str(p) for p in Path("out").rglob("*.jpg"))
    found = blob_detector()(photo)
    expected = [f"out/crops/{n}/a.png/{i}.jpg" for i, n in enumerate(found.names, 1)]
    assert paths == sorted(expected)
    number = found.names.index("green")
    x1, y1, x2, y2 = found.boxes[number].astype(int)
    crop = cv2.imread(f"out/crops/green/a.png/{number + 1}.jpg")
    assert crop.shape == (y2 - y1, x2 - x1, 3)
    assert np.abs(crop.astype(int) - photo[y1:y2, x1:x2]).mean() < 12


def test_to_supervision_and_coco_and_back(photo):
    found = blob_detector()(photo)
    tracked = found._replace(ids=np.array([4, 0, 2]))
    for detections in (found, tracked, found.take(np.zeros(3, bool))):
        library = detections.to_supervision()
        assert list(library.data["class_name"]) == list(detections.names)
        back = Detections.from_supervision(library, ("red", "green"))
        categories = {1: "red", 2: "green"}
        again = Detections.from_coco(detections.to_coco(9), categories)
        for other in (back, again):
            assert np.allclose(other.boxes, detections.boxes)
            assert np.allclose(other.scores, detections.scores)
            assert other.labels.tolist() == detections.labels.tolist()
            assert other.names == detections.names
            assert other.tracks == detections.tracks
    assert tracked.to_supervision().tracker_id.tolist() == [4, -1, 2]
    row = tracked.to_coco(9, [70, 80])[0]
    assert row["category_id"] in (70, 80) and row["track_id"] == 4
    x, y, w, h = row["bbox"]
    assert [x, y, x + w, y + h] == pytest.approx(found.boxes[0].tolist())
    library.class_id = None
    with pytest.raises(InputError, match="no class_id"):
        Detections.from_supervision(library, ())
