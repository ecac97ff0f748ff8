"""Ultralytics YOLO to COCO, with real photos and with damaged files."""

import pytest
from PIL import Image
from pycocotools.coco import COCO
from skimage import data as photos

from mmyolo_mnv1.annotations.coco import count_boxes
from mmyolo_mnv1.annotations.splits import RandomSplit
from mmyolo_mnv1.annotations.yolo import yolo_to_coco
from mmyolo_mnv1.errors import InputError

TOOL = "tools/dataset_converters/yolo_to_coco.py"

YAML = """path: .
train: images/train
val: images/val
nc: 2
names:
  0: cat
  1: rocket
"""
CAT = "0 0.5 0.5 0.5 0.4"
#: 0.1 to 0.6 of the width, 0.2 to 0.8 of the height
POLYGON = "1 0.1 0.2 0.6 0.4 0.3 0.8"


def save_photo(path, name="chelsea"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(getattr(photos, name)()).save(path)


def save_labels(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def yolo(tmp_path):
    """Three photos, two of the same base name, one without labels."""
    root = tmp_path / "yolo"
    save_photo(root / "images/train/a.jpg", "chelsea")  # 451 x 300
    save_photo(root / "images/train/empty.png", "coffee")
    save_photo(root / "images/val/a.jpg", "rocket")  # 640 x 427
    save_labels(root / "labels/train/a.txt", CAT, POLYGON)
    save_labels(root / "labels/val/a.txt", POLYGON)
    (root / "data.yaml").write_text(YAML)
    return root


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def refused(yolo, *words, splits=None):
    out = yolo.parent / "out"
    with pytest.raises(InputError) as error:
        yolo_to_coco(yolo / "data.yaml", out, splits)
    message = str(error.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message
    assert not out.exists()


def test_boxes_polygons_and_photos_of_the_same_name(yolo, tmp_path):
    out = tmp_path / "out"
    results = yolo_to_coco(yolo / "data.yaml", out)
    assert count_boxes(results["train"].coco) == {"cat": 1, "rocket": 1}
    coco = COCO(str(out / "annotations/train.json"))
    assert [image["file_name"] for image in coco.imgs.values()] == [
        "train/a.jpg",
        "train/empty.png",
    ]
    cat, rocket = coco.loadAnns(coco.getAnnIds(imgIds=1))
    assert cat["bbox"] == [112.75, 90, 225.5, 120]
    assert rocket["bbox"] == [45.1, 60, 225.5, 180]
    assert not coco.getAnnIds(imgIds=2)
    for name in ("train/a.jpg", "train/empty.png", "val/a.jpg"):
        placed, original = out / "images" / name, yolo / "images" / name
        assert placed.read_bytes() == original.read_bytes()


def test_splits_by_name_and_by_shares(yolo, tmp_path):
    yaml = yolo / "data.yaml"
    assert list(yolo_to_coco(yaml, tmp_path / "one", ["val"])) == ["val"]
    split = RandomSplit({"train": 0.67, "test": 0.33})
    results = yolo_to_coco(yaml, tmp_path / "two", split)
    names = [i["file_name"] for r in results.values() for i in r.coco["images"]]
    assert sorted(names) == ["train/a.jpg", "train/empty.png", "val/a.jpg"]
    assert [len(r.coco["images"]) for r in results.values()] == [2, 1]


@pytest.mark.parametrize("train", ["../train/images", "train/images"])
def test_layout_of_roboflow(tmp_path, train):
    root = tmp_path / "export"
    save_photo(root / "train/images/a.jpg")
    save_photo(root / "valid/images/a.jpg", "coffee")
    save_labels(root / "train/labels/a.txt", CAT)
    save_labels(root / "valid/labels/a.txt", CAT)
    (root / "data.yaml").write_text(
        f"train: {train}\nval: ../valid/images\nnc: 1\nnames: ['cat']\n"
    )
    results = yolo_to_coco(root / "data.yaml", tmp_path / "out")
    assert results["train"].coco["images"][0]["file_name"] == "train/a.jpg"
    assert results["val"].coco["images"][0]["file_name"] == "valid/a.jpg"


def test_photos_outside_the_folder_and_labels_beside_them(yolo, tmp_path):
    save_photo(tmp_path / "disk/day1/x.png", "chelsea")
    save_photo(tmp_path / "disk/day2/x.png", "coffee")
    save_labels(tmp_path / "disk/day1/x.txt", CAT)
    lines = [f"{tmp_path}/disk/day1/x.png", f"{tmp_path}/disk/day2/../day2/x.png"]
    (yolo / "list.txt").write_text("\n".join(lines))
    edit(yolo / "data.yaml", "images/train", "list.txt")
    results = yolo_to_coco(yolo / "data.yaml", tmp_path / "out", ["train"])
    names = [image["file_name"] for image in results["train"].coco["images"]]
    assert names == ["day1/x.png", "day2/x.png"]
    assert count_boxes(results["train"].coco)["cat"] == 1


def test_linked_photo_and_list_that_starts_from_the_dataset(yolo, tmp_path):
    photo = yolo / "images/train/a.jpg"
    photo.rename(yolo / "original.jpg")
    photo.symlink_to("../../original.jpg")
    (yolo / "lists").mkdir()
    (yolo / "lists/train.txt").write_text("images/train/a.jpg\n")
    edit(yolo / "data.yaml", "images/train", "lists/train.txt")
    yolo_to_coco(yolo / "data.yaml", tmp_path / "out")
    placed = tmp_path / "out/images/train/a.jpg"
    assert placed.read_bytes() == (yolo / "original.jpg").read_bytes()
    assert not placed.is_symlink()


def test_dropped_annotations_are_counted_and_listed(yolo, tmp_path, tool):
    labels = yolo / "labels/train/a.txt"
    save_labels(labels, CAT, CAT, POLYGON, CAT, "1 0.5 0.5 0 0.2", "1 1 1 .2 .2")
    save_labels(yolo / "labels/train/lost.txt", CAT)
    save_labels(yolo / "labels/train/classes.txt", "cat", "rocket")
    done = tool(TOOL, yolo / "data.yaml", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    rows = [line.strip("| ").split() for line in done.stdout.splitlines()]
    for row in (
        "images | 2 | 1 | 3",
        "without boxes | 1 | 0 | 1",
        "boxes | 3 | 1 | 4",
        "rocket | 2 | 1 | 3",
        "boxes clipped to the image | 1 | 0 | 1",
        "dropped | 4 | 0 | 4",
        "repeats another box | 2 | 0 | 2",
        "without area in the image | 1 | 0 | 1",
        "label file without image | 1 | 0 | 1",
    ):
        assert row.split() in rows, done.stdout
    assert f"train dropped {labels}:2: cat: repeats another box" in done.stdout
    assert f"{labels}:5: rocket of 0 x 60 px: without area" in done.stdout
    assert "train dropped 1 more" in done.stdout
    assert done.stdout.count("train dropped ") == 4


def test_photo_rotated_by_exif(yolo, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90°, as phones write it
    path = yolo / "images/train/a.jpg"
    Image.fromarray(photos.chelsea()).save(path, exif=exif)
    coco = yolo_to_coco(yolo / "data.yaml", tmp_path / "out", ["train"])["train"].coco
    assert (coco["images"][0]["width"], coco["images"][0]["height"]) == (300, 451)
    assert coco["annotations"][0]["bbox"] == [75, 135.3, 150, 180.4]


def test_photos_in_two_splits_are_reported(yolo, tmp_path, tool):
    edit(yolo / "data.yaml", "val: images/val", "val: images/train")
    done = tool(TOOL, yolo / "data.yaml", tmp_path / "out")
    assert "2 images are in both train and val" in done.stdout


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0 0.5 0.5 0.5", ["4 numbers"]),
        ("0 0.5 0.5 0.5 0.4 0.9", ["6 numbers"]),
        ("0 0.1 0.2 0.6 0.4 0.3 0.8 0.5", ["8 numbers"]),
        ("0 0.5 0.5 0.5 x", ["'x' is no number"]),
        ("cat 0.5 0.5 0.5 0.4", ["'cat' is no number"]),
        ("2 0.5 0.5 0.5 0.4", ["class 2 is not one of 0 to 1"]),
        ("-1 0.5 0.5 0.5 0.4", ["class -1 is not one of"]),
        ("0.5 0.5 0.5 0.5 0.4", ["class 0.5 is not one of"]),
        ("nan 0.5 0.5 0.5 0.4", ["class nan is not one of"]),
        ("0 nan 0.5 0.5 0.4", ["nan is outside [0, 1]"]),
        ("0 0.5 0.5 inf 0.4", ["inf is outside [0, 1]"]),
        ("0 225 150 100 80", ["225 is outside [0, 1]", "fractions"]),
        ("0 0.5 -0.02 0.5 0.4", ["-0.02 is outside"]),
        ("0 0.1 0.2 0.6 1.02 0.3 0.8", ["1.02 is outside"]),
    ],
)
def test_refuses_label_line(yolo, line, words):
    save_labels(yolo / "labels/train/a.txt", CAT, "", line)
    refused(yolo, "labels/train/a.txt:3: ", *words)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("nc: 2", "nc: 3", ["data.yaml:4: nc is 3 but names has 2"]),
        ("  1: rocket", "  2: rocket", ["data.yaml:5: names has keys [0, 2]"]),
        ("  1: rocket", "  1: cat", ["data.yaml:5: names has 'cat' twice"]),
        ("  1: rocket", "  1: yes", ["data.yaml:5: names has True", "quote it"]),
        ("names:", "labels:", ["data.yaml: names is no list"]),
        ("path: .", "path: nowhere", ["data.yaml:1: path nowhere not found"]),
        ("images/train", "images/no", ["data.yaml:2: train", "images/no not found"]),
        ("images/train", "data.yaml", ["data.yaml is neither a folder nor a .txt"]),
        ("images/train", "labels", ["data.yaml:2: train", "labels has no image"]),
        ("nc: 2", "nc: [2", ["data.yaml:5: not YAML"]),
        ("nc: 2", "nc: 2\nkpt_shape: [17, 3]", ["data.yaml:5: kpt_shape"]),
        (YAML, "", ["data.yaml: no fields"]),
        (YAML, "names: [cat]", ["data.yaml: train names no images"]),
    ],
)
def test_refuses_yaml(yolo, old, new, words):
    edit(yolo / "data.yaml", old, new)
    refused(yolo, *words)


def test_refuses_missing_parts(yolo):
    refused(yolo, "data.yaml: test names no", "['train', 'val']", splits=["test"])
    (yolo / "labels/val/a.txt").write_bytes(b"\xff\xfe0 0.5")
    refused(yolo, "labels/val/a.txt: not UTF-8")
    (yolo / "labels/val/a.txt").unlink()
    refused(yolo, "data.yaml:3: val has 1 images and no box", "labels/val/a.txt")
    (yolo / "images/val/a.jpg").write_bytes(b"no photo")
    refused(yolo, "images/val/a.jpg is not a readable image")
    (yolo / "images/val/a.HEIC").write_bytes(b"a phone's")
    refused(yolo, "images/val/a.HEIC: OpenCV cannot read it")
    (yolo / "data.yaml").unlink()
    refused(yolo, "data.yaml not found")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("images/train/a.jpg\nimages/b.jpg", "list.txt:2: images/b.jpg not found"),
        ("images/train/a.jpg\n\n./images/train/a.jpg", "list.txt:3: .* on line 1"),
        ("\n", "data.yaml:2: train .*list.txt has no image"),
    ],
)
def test_refuses_list_file(yolo, tmp_path, lines, words):
    (yolo / "list.txt").write_text(lines)
    edit(yolo / "data.yaml", "images/train", "list.txt")
    with pytest.raises(InputError, match=words):
        yolo_to_coco(yolo / "data.yaml", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_refuses_photos_that_need_the_same_name(yolo):
    save_photo(yolo / "train/images/a.jpg", "coffee")
    save_labels(yolo / "train/labels/a.txt", CAT)
    edit(yolo / "data.yaml", "images/val", "train/images")
    refused(yolo, "yolo/train/images/a.jpg and ", "would both be", "rename one")


def test_command_line_refuses(yolo, tmp_path, tool):
    save_labels(yolo / "labels/val/a.txt", "7 0.5 0.5 0.1 0.1")
    done = tool(TOOL, yolo / "data.yaml", tmp_path / "out")
    assert done.returncode == 1 and not done.stdout
    assert len(done.stderr.strip().splitlines()) == 1
    assert "labels/val/a.txt:1: class 7" in done.stderr
    (tmp_path / "file").touch()
    save_labels(yolo / "labels/val/a.txt", CAT)
    done = tool(TOOL, yolo / "data.yaml", tmp_path / "file" / "out")
    assert done.returncode == 1 and "file/out cannot be written" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
