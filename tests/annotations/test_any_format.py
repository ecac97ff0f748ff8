"""Format and splits of labels as people have them; what cannot be used, in one line."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmyolo_mnv1.annotations.any_format import convert, find_labels
from mmyolo_mnv1.annotations.labelme import labelme_to_coco
from mmyolo_mnv1.annotations.split_names import split_roles
from mmyolo_mnv1.annotations.splits import RandomSplit
from mmyolo_mnv1.annotations.summary import summary
from mmyolo_mnv1.errors import InputError


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def photo(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((48, 64, 3), 127, np.uint8))


def yolo(root: Path, counts: dict[str, int], header: str = "names: [cat]\n") -> Path:
    for split, count in counts.items():
        for i in range(count):
            photo(root / f"images/{split}/{split}{i}.jpg")
            write(root / f"labels/{split}/{split}{i}.txt", "0 0.5 0.5 0.5 0.5\n")
    lines = "".join(f"{split}: images/{split}\n" for split in counts)
    write(root / "data.yaml", header + lines)
    return root


def voc(root: Path, counts: dict[str, int], lists: bool = True) -> Path:
    box = "<xmin>9</xmin><ymin>9</ymin><xmax>33</xmax><ymax>33</ymax>"
    text = f"<object><name>cat</name><bndbox>{box}</bndbox></object>"
    text = f"<annotation>{text}</annotation>"
    for split, count in counts.items():
        names = [f"{split}{i}" for i in range(count)]
        for name in names:
            photo(root / ("JPEGImages" if lists else split) / f"{name}.jpg")
            write(root / ("Annotations" if lists else split) / f"{name}.xml", text)
        if lists:
            write(root / f"ImageSets/Main/{split}.txt", "\n".join(names))
    return root


def labelme(root: Path, count: int) -> Path:
    for i in range(count):
        photo(root / f"{i}.jpg")
        shape = dict(label="cat", points=[[8, 8], [32, 32]], shape_type="rectangle")
        document = dict(version="5", shapes=[shape], imagePath=f"{i}.jpg")
        write(root / f"{i}.json", json.dumps(document))
    return root


def labelme_embedded(root: Path, count: int) -> Path:
    """The photo comes first, as with sorted keys."""
    for path in labelme(root, count).glob("*.json"):
        document = dict(imageData="A" * 10000) | json.loads(path.read_text())
        path.write_text(json.dumps(document))
    return root


def utf16(root: Path) -> Path:
    for path in root.rglob("*.json"):
        path.write_text(path.read_text(), encoding="utf-16")
    return root


def coco(root: Path, files: dict[str, str], count: int = 10) -> Path:
    """COCO files, each with the folder of its photos, all of the same names."""
    for file, folder in files.items():
        images = [
            dict(id=i, file_name=f"{i}.jpg", width=64, height=48) for i in range(count)
        ]
        boxes = [
            dict(
                id=i,
                image_id=i,
                category_id=7,
                bbox=[8, 8, 24, 24],
                iscrowd=int(i == 0),
            )
            for i in range(count)
        ]
        categories = [dict(id=0, name="animals"), dict(id=7, name="cat")]
        for image in images:
            photo(root / folder / image["file_name"])
        document = dict(images=images, annotations=boxes, categories=categories)
        write(root / file, json.dumps(document))
    return root


@pytest.mark.parametrize(
    ("make", "kind", "sizes"),
    [
        (lambda r: yolo(r, dict(train=9, val=3)), "yolo", dict(train=9, val=3)),
        (lambda r: yolo(r, dict(train=10)), "yolo", dict(train=8, val=2)),
        (
            lambda r: voc(r / "VOCdevkit/VOC", dict(trainval=8, test=3)),
            "voc",
            dict(trainval=8, test=3),
        ),
        (
            lambda r: voc(r, dict(train=8, valid=2, test=1), lists=False),
            "voc",
            dict(train=8, valid=2, test=1),
        ),
        (lambda r: voc(r / "all", dict(one=15)), "voc", dict(train=12, val=3)),
        (lambda r: labelme(r, 10), "labelme", dict(train=8, val=2)),
        (lambda r: labelme_embedded(r, 10), "labelme", dict(train=8, val=2)),
        (lambda r: coco(r, {"all.json": "photos"}), "coco", dict(train=8, val=2)),
        (
            lambda r: utf16(coco(r, {"all.json": "photos"})),
            "coco",
            dict(train=8, val=2),
        ),
        (
            lambda r: coco(
                r,
                {
                    "annotations/instances_train2017.json": "train2017",
                    "annotations/instances_val2017.json": "val2017",
                },
            ),
            "coco",
            dict(train=10, val=10),
        ),
        (
            lambda r: coco(
                r,
                {f"{s}/_annotations.coco.json": s for s in ("train", "valid", "test")},
            ),
            "coco",
            dict(train=10, valid=10, test=10),
        ),
    ],
)
def test_formats_and_splits(tmp_path, make, kind, sizes):
    make(tmp_path / "photos")
    labels = find_labels(tmp_path / "photos")
    assert labels.kind == kind
    results = convert(labels, tmp_path / "out")
    found = {split: len(result.coco["images"]) for split, result in results.items()}
    assert found == sizes
    for split, result in results.items():
        assert [c["name"] for c in result.coco["categories"]] == ["cat"]
        assert {tuple(a["bbox"]) for a in result.coco["annotations"]} == {
            (8, 8, 24, 24)
        } or (kind == "yolo")
        for image in result.coco["images"]:
            assert (tmp_path / "out/images" / image["file_name"]).is_file()
        written = json.loads((tmp_path / f"out/annotations/{split}.json").read_text())
        assert written == result.coco
    converted = find_labels(tmp_path / "out")  # its own output is COCO too
    assert converted.kind == "coco" and len(converted.files) == len(sizes)


def test_coco_crowds_stay_crowds_and_photos_lie_beside_the_folder(tmp_path):
    coco(tmp_path, {"labels/all.json": "photos"})
    labels = find_labels(tmp_path / "labels/all.json")
    results = convert(labels, tmp_path / "out")
    crowds = [a["iscrowd"] for r in results.values() for a in r.coco["annotations"]]
    assert sorted(crowds) == [0] * 9 + [1]
    assert "'animals'" in results["train"].notes[-1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda r: (labelme(r, 10), yolo(r, dict(train=10))),
            "has labels of 2 formats, labelme ({0}/0.json) and YOLO ({0}/data.yaml): "
            "choose one by --labels labelme or yolo",
        ),
        (
            lambda r: [photo(r / f"{i}.jpg") for i in range(12)],
            "has 12 photos and no labels (YOLO, Pascal VOC, labelme, COCO): label the",
        ),
        (
            lambda r: (yolo(r, dict(train=10)), (r / "data.yaml").unlink()),
            "YOLO's label files need a data.yaml with names and train beside them",
        ),
        (lambda r: labelme(r, 9), "has 9 photos with labels: at least 10 are needed"),
        (lambda r: yolo(r, dict(train=6, val=3)), "has 9 photos with labels"),
        (
            lambda r: coco(
                r, {"a.json": "p", "train/b.json": "p", "train/c.json": "p"}
            ),
            "train/b.json and {0}/train/c.json both are split train",
        ),
        (
            lambda r: (coco(r, {"all.json": "p"}, 11), (r / "p/3.jpg").unlink()),
            "all.json: photo 3.jpg not found below {0}: restore it",
        ),
        (
            lambda r: (voc(r / "a", dict(train=9)), voc(r / "b", dict(train=9))),
            "have ImageSets: give one",
        ),
        (
            lambda r: (yolo(r / "a", dict(train=9)), yolo(r / "b", dict(train=9))),
            "are both data sets: give one",
        ),
        (lambda r: None, "not found: give a data.yaml, COCO JSON or a folder"),
    ],
)
def test_bad_input_is_one_line(tmp_path, make, message):
    root = tmp_path / "photos"
    make(root)
    with pytest.raises(InputError) as e:
        convert(find_labels(root), tmp_path / "out")
    assert message.format(root) in str(e.value) and "\n" not in str(e.value)
    assert not (tmp_path / "out/annotations").exists() or "9 photos" in message


def test_entries_that_are_one_photo(tmp_path):
    """The file day1/0.jpg does not exist; day2/0.jpg has the same base name."""
    root = coco(tmp_path / "c", {"train.json": "day2"}, 12)
    document = json.loads((root / "train.json").read_text())
    other = dict(document["images"][0], id=99, file_name="day1/0.jpg")
    name = Path(document["images"][0]["file_name"]).name
    document["images"].append(other | dict(file_name=f"day1/{name}"))
    (root / "train.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match=f"and day1/{name} both are .*day2/{name}"):
        convert(find_labels(root), tmp_path / "out")


def test_names_of_macos(tmp_path):
    """Decomposed letters in the name of the file, composed ones in the JSON."""
    root = coco(tmp_path / "c", {"all.json": "photos"}, 12)
    path = root / "all.json"
    document = json.loads(path.read_text())
    image = document["images"][0]
    old = next(root.rglob(Path(image["file_name"]).name))
    old.rename(old.with_name("e\u0301.jpg"))
    image["file_name"] = "\u00e9.jpg"
    path.write_text(json.dumps(document))
    results = convert(find_labels(root), tmp_path / "out")
    assert sum(len(r.coco["images"]) for r in results.values()) == 12


def test_data_yaml_elsewhere_with_a_byte_order_mark(tmp_path):
    root = yolo(tmp_path / "photos", dict(train=12, val=12))
    text = (root / "data.yaml").read_text().replace("images/", f"{root}/images/")
    (root / "data.yaml").unlink()
    write(tmp_path / "cfg/data.yaml", f"\ufeff{text}")
    results = convert(find_labels(tmp_path / "cfg/data.yaml"), tmp_path / "out")
    assert [len(r.coco["images"]) for r in results.values()] == [12, 12]


def test_labelme_files_of_another_machine(tmp_path):
    root = labelme(tmp_path / "l", 12)
    for path in root.glob("*.json"):
        document = json.loads(path.read_text())
        document["imagePath"] = "C:\\photos\\" + document["imagePath"]
        path.write_text(json.dumps(document))
    results = convert(find_labels(root), tmp_path / "out")
    assert sum(len(r.coco["images"]) for r in results.values()) == 12


def test_valid_as_the_name_of_a_split(tmp_path):
    root = yolo(tmp_path / "y", dict(train=12, valid=12))
    results = convert(find_labels(root), tmp_path / "out")
    assert {name: len(r.coco["images"]) for name, r in results.items()} == dict(
        train=12, valid=12
    )


def test_split_of_an_earlier_conversion(tmp_path):
    labels = find_labels(labelme(tmp_path / "l", 12))
    out = tmp_path / "out"
    labelme_to_coco(labels.root, out, RandomSplit(dict(train=0.6, val=0.2, test=0.2)))
    before = (out / "annotations/train.json").read_text()
    with pytest.raises(InputError, match=r"test.json, of an earlier conv.* has \d"):
        labelme_to_coco(labels.root, out, RandomSplit(dict(train=0.8, val=0.2)))
    assert (out / "annotations/train.json").read_text() == before
    results = labelme_to_coco(labels.root, tmp_path / "o", RandomSplit(dict(total=1)))
    assert "all splits" in summary(results)


def test_labels_option_chooses(tmp_path):
    labelme(yolo(tmp_path, dict(train=10)), 10)
    assert find_labels(tmp_path, "labelme").kind == "labelme"
    with pytest.raises(InputError, match="no labels \\(Pascal VOC\\)"):
        find_labels(tmp_path, "voc")


def test_roles():
    assert split_roles(["train", "cat_train", "test", "val"]) == dict(
        train="train", val="val", test="test"
    )
    assert split_roles(["trainval", "test"])["val"] == "test"
    assert split_roles(["Train2017", "valid"])["test"] == "valid"
    assert split_roles(["train"]) == {} and split_roles(["val", "test"]) == {}
