"""Tiles: small objects are found, once each, also at the tiles' seams."""

import json

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mmyolo_mnv1.deploy import Detector, TiledDetector
from mmyolo_mnv1.deploy.runtime.evaluate import FIGURES, evaluate
from mmyolo_mnv1.errors import InputError
from tests.helpers.blob_engine import GREEN, BlobEngine, blob_detector, discs

#: Tiles of 160 px with an overlap of 32 px begin at 0, 128, 256, 384 and 480: a disc
#: inside a tile, ones across one and two seams, larger than the overlap, and large.
CIRCLES = (
    *((60, 60, 9), (144, 60, 9), (272, 272, 9), (400, 60, 9), (600, 600, 9)),
    *((256, 440, 30), (500, 300, 100)),
)
PHOTO = discs((640, 640), *CIRCLES)


def circles_of(boxes: np.ndarray) -> list[tuple[int, ...]]:
    """Centres and radii of boxes, rounded to 8 px."""
    centres, radii = (boxes[:, :2] + boxes[:, 2:]) / 2, np.ptp(boxes[:, ::2], 1) / 2
    rows = np.column_stack([centres, radii])
    return sorted(tuple((8 * np.round(row / 8)).astype(int).tolist()) for row in rows)


EXPECTED = circles_of(
    np.array([(x - r, y - r, x + r, y + r) for x, y, r in CIRCLES], float)
)


@pytest.mark.parametrize("dynamic", [True, False])
@pytest.mark.parametrize("overlap", [0.2, 0.5])
def test_each_object_is_found_once(dynamic, overlap):
    """The engine gives boxes that a tile cuts the better scores, and sees 20 px."""
    engine = BlobEngine((160, 160), dynamic)
    plain = Detector(engine)
    assert len(plain(PHOTO).scores) == 2  # at a quarter of their size
    tiled = TiledDetector(plain, 160, overlap)
    found = tiled(PHOTO)
    assert circles_of(found.boxes) == EXPECTED
    assert set(found.names) == {"red"} and found.boxes.dtype == np.float32
    assert (np.diff(found.scores) <= 0).all()
    assert max(engine.batches) == (4 if dynamic else 1)


def test_classes_do_not_hide_each_other():
    photo = PHOTO.copy()
    cv2.circle(photo, (500, 300), 92, GREEN, cv2.FILLED)  # a ring of red remains
    tiled = TiledDetector(blob_detector(), 160)
    assert tiled(photo).names.count("green") == 1
    assert len(tiled(photo).names) == len(CIRCLES) + 1
    agnostic = TiledDetector(blob_detector(class_agnostic=True), 160)
    assert len(agnostic(photo).names) == len(CIRCLES)


def test_photo_without_objects_and_photo_of_one_tile():
    tiled = TiledDetector(blob_detector(), 160)
    empty = tiled(discs((400, 400)))
    assert empty.boxes.shape == (0, 4) and empty.names == ()
    small = discs((150, 150), (70, 70, 20))
    assert np.array_equal(tiled(small).boxes, blob_detector()(small).boxes)


@pytest.fixture
def annotated(tmp_path):
    """A folder with two photos, and their annotations."""
    images, annotations = [], []
    for number, photo in enumerate((PHOTO, PHOTO[:, ::-1]), 1):
        cv2.imwrite(str(tmp_path / f"{number}.png"), photo)
        name = f"{number}.png"
        images.append(dict(id=number, file_name=name, width=640, height=640))
        for x, y, r in CIRCLES:
            x = x if number == 1 else 639 - x
            bbox = [x - r, y - r, 2 * r + 1, 2 * r + 1]
            row = dict(image_id=number, category_id=7, bbox=bbox, iscrowd=0)
            row |= dict(id=len(annotations) + 1, area=bbox[2] * bbox[3])
            annotations.append(row)
    document = dict(
        images=images,
        annotations=annotations,
        categories=[dict(id=3, name="green"), dict(id=7, name="red")],
    )
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps(document))
    return path


def coco_figures(coco: COCO, rows: list[dict], *categories: int) -> list[float]:
    """AP, AP50, AP75, APs, APm, APl by COCOeval; NaN where there are no objects."""
    evaluation = COCOeval(coco, coco.loadRes(rows), "bbox")
    evaluation.params.catIds = list(categories) or evaluation.params.catIds
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return [np.nan if figure < 0 else figure for figure in evaluation.stats[:6]]


def test_evaluation_is_that_of_the_training_environment(annotated):
    plain, tiled = blob_detector(), TiledDetector(blob_detector(), 160)
    results = [evaluate(d, [str(annotated.parent)], annotated) for d in (plain, tiled)]
    assert results[0].figures["mAP_s"] == 0 and results[1].figures["mAP_s"] > 0.7
    coco = COCO(annotated)
    for detector, result in zip((plain, tiled), results, strict=True):
        rows = []
        for number in (1, 2):
            photo = cv2.imread(str(annotated.parent / f"{number}.png"))
            rows += detector(photo).to_coco(number, [7, 3])
        found = [result.figures[name] for name in FIGURES]
        assert found == pytest.approx(coco_figures(coco, rows), nan_ok=True)
        red = [row for row in rows if row["category_id"] == 7]
        assert result.figures["red"] == pytest.approx(coco_figures(coco, red, 7)[0])
    assert "mAP_s" in str(results[0]) and "2 images, " in str(results[0])


def test_evaluation_repairs_annotations(annotated):
    """Ids from 0, as Roboflow exports them, without iscrowd and area."""
    detector, folder = TiledDetector(blob_detector(), 160), str(annotated.parent)
    expected = evaluate(detector, [folder], annotated).figures
    document = json.loads(annotated.read_text())
    for number, annotation in enumerate(document["annotations"]):
        del annotation["iscrowd"], annotation["area"]
        annotation["id"] = number
    annotated.write_text(json.dumps(document))
    figures = evaluate(detector, [folder], annotated).figures
    assert figures == pytest.approx(expected, nan_ok=True)
    document["images"][1]["file_name"] = "1.png"
    annotated.write_text(json.dumps(document))
    with pytest.raises(InputError, match="file names of images stand twice"):
        evaluate(detector, [folder], annotated)


def test_refuses(annotated, monkeypatch):
    detector, folder = blob_detector(), str(annotated.parent)
    for tile, overlap, words in ((16, 0.2, "--tile 16"), (64, 0.95, "--overlap 0.95")):
        with pytest.raises(InputError, match=words):
            TiledDetector(detector, tile, overlap)
    with pytest.raises(InputError, match="give the folder of the images"):
        evaluate(detector, [str(annotated)], annotated)
    with pytest.raises(InputError, match="none.json not found"):
        evaluate(detector, [folder], annotated.with_name("none.json"))
    text = annotated.read_text()
    annotated.write_text(text.replace("green", "blue"))
    with pytest.raises(InputError, match="no category 'green'"):
        evaluate(detector, [folder], annotated)
    annotated.write_text(text.replace("1.png", "9.png"))
    with pytest.raises(InputError, match="9.png: No such file"):
        evaluate(detector, [folder], annotated)
    monkeypatch.setitem(__import__("sys").modules, "supervision", None)
    with pytest.raises(InputError, match=r'pip install "mmyolo-mnv1\[video\]"'):
        TiledDetector(detector)
