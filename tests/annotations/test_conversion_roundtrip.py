"""Round trip of BCCD through YOLO and labelme files: the same boxes."""

import json

import pytest

from mmyolo_mnv1.annotations.voc import voc_to_coco


@pytest.fixture
def coco(bccd, tmp_path):
    """BCCD's three splits as COCO documents; the photos are in ``coco/images``."""
    splits = ["train", "val", "test"]
    results = voc_to_coco(bccd, tmp_path / "coco", splits)
    return {split: results[split].coco for split in splits}


def boxes_by_photo(document):
    """Class name and (x, y, w, h) of every box, by the photo's base name."""
    names = {category["id"]: category["name"] for category in document["categories"]}
    boxes = {image["id"]: [] for image in document["images"]}
    for ann in document["annotations"]:
        boxes[ann["image_id"]].append((names[ann["category_id"]], ann["bbox"]))
    return {
        image["file_name"].rpartition("/")[2]: boxes[image["id"]]
        for image in document["images"]
    }


def converted(out, split):
    document = json.loads((out / f"annotations/{split}.json").read_text())
    for image in document["images"]:
        assert (out / "images" / image["file_name"]).is_file()
        assert (image["width"], image["height"]) == (640, 480)
    return boxes_by_photo(document)


def assert_same(actual, expected):
    assert list(actual) == list(expected)
    for photo, boxes in expected.items():
        assert [name for name, _ in actual[photo]] == [name for name, _ in boxes]
        for (_, a), (_, b) in zip(actual[photo], boxes, strict=True):
            assert a == pytest.approx(b, abs=0.01)


def test_yolo(coco, tmp_path, tool):
    yolo, out = tmp_path / "yolo", tmp_path / "out"
    classes = ["Platelets", "RBC", "WBC"]
    for split, document in coco.items():
        (yolo / split / "labels").mkdir(parents=True)
        (yolo / split / "images").symlink_to(tmp_path / "coco" / "images")
        listed = []
        for photo, boxes in boxes_by_photo(document).items():
            lines = [
                f"{classes.index(name)} {(x + w / 2) / 640:.8f} {(y + h / 2) / 480:.8f}"
                f" {w / 640:.8f} {h / 480:.8f}\n"
                for name, (x, y, w, h) in boxes
            ]
            label = photo.replace(".jpg", ".txt")
            (yolo / split / "labels" / label).write_text("".join(lines))
            listed.append(f"./images/{photo}\n")
        (yolo / split / "list.txt").write_text("".join(listed))
    (yolo / "data.yaml").write_text(
        "train: train/list.txt\nval: val/list.txt\ntest: [test/list.txt]\n"
        f"names: {classes}\n"
    )
    script = "tools/dataset_converters/yolo_to_coco.py"
    done = tool(script, yolo / "data.yaml", out)
    assert done.returncode == 0, done.stderr
    for split, document in coco.items():
        assert_same(converted(out, split), boxes_by_photo(document))
    rows = [line.strip("| ").split() for line in done.stdout.splitlines()]
    assert ["boxes", "|", "2804", "|", "1137", "|", "945", "|", "4886"] in rows


def test_labelme(coco, tmp_path, tool):
    labelme, out = tmp_path / "labelme" / "json", tmp_path / "out"
    labelme.mkdir(parents=True)
    expected = boxes_by_photo(coco["val"])
    for photo, boxes in expected.items():
        shapes = [
            dict(label=name, shape_type="rectangle", points=[[x + w, y], [x, y + h]])
            for name, (x, y, w, h) in boxes
        ]
        document = dict(
            shapes=shapes,
            imagePath=f"..\\..\\coco\\images\\{photo}",
            imageData=None,
            imageWidth=640,
            imageHeight=480,
        )
        (labelme / f"{photo}.json").write_text(json.dumps(document))
    script = "tools/dataset_converters/labelme_to_coco.py"
    done = tool(script, labelme, out, "--split", "train=0.75", "val=0.25")
    assert done.returncode == 0, done.stderr
    train, val = converted(out, "train"), converted(out, "val")
    assert (len(train), len(val)) == (65, 22)
    assert_same(dict(sorted((train | val).items())), dict(sorted(expected.items())))
    rows = [line.strip("| ").split() for line in done.stdout.splitlines()]
    (total,) = (row[-1] for row in rows if row[:2] == ["boxes", "|"])
    assert total == "1137"
