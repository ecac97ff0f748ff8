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


def test_labels_of_photos_of_another_split(tmp_path):
    """One folder of labels, and a list of photos for each split."""
    for number in range(4):
        save_photo(tmp_path / f"images/{number}.jpg")
        save_labels(tmp_path / f"labels/{number}.txt", "0 0.5 0.5 0.5 0.5")
    save_labels(tmp_path / "labels/orphan.txt", "0 0.5 0.5 0.5 0.5")
    for split, numbers in (("train", (0, 1, 2)), ("val", (3,))):
        lines = "".join(f"images/{number}.jpg\n" for number in numbers)
        (tmp_path / f"{split}.txt").write_text(lines)
    data = tmp_path / "data.yaml"
    data.write_text("names: [cat]\ntrain: train.txt\nval: val.txt\n")
    results = yolo_to_coco(data, tmp_path / "out", ["train"])
    (dropped,) = results["train"].dropped
    assert dropped.description.endswith("orphan.txt")


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
        ("0 0.5 0.5 0.5 0.4 1.9", ["1.9 is outside [0, 1]"]),
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


def boxes_of(result):
    """Class name of the first box of each photo, or None."""
    coco = result.coco
    names = {category["id"]: category["name"] for category in coco["categories"]}
    first = {}
    for ann in coco["annotations"]:
        first.setdefault(ann["image_id"], names[ann["category_id"]])
    return {i["file_name"]: first.get(i["id"]) for i in coco["images"]}


@pytest.mark.parametrize("place", ["store", "store/images/train", "pool/JPEGImages"])
def test_a_linked_folder_of_images_keeps_its_boxes(yolo, tmp_path, place):
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (yolo / "images/train").rename(tmp_path / place)
    (yolo / "images/train").symlink_to(tmp_path / place)
    results = yolo_to_coco(yolo / "data.yaml", tmp_path / "out")
    assert boxes_of(results["train"]) == {"train/a.jpg": "cat", "train/empty.png": None}
    assert boxes_of(results["val"]) == {"val/a.jpg": "rocket"}
    assert not any(result.notes for result in results.values())


def test_every_part_of_a_path_may_be_a_link(yolo, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(yolo)
    (yolo / "images").rename(tmp_path / "photos")
    (yolo / "images").symlink_to(tmp_path / "photos")
    inner = tmp_path / "photos/train/a.jpg"
    inner.rename(tmp_path / "b.jpg")
    inner.symlink_to(tmp_path / "b.jpg")
    results = yolo_to_coco(link / "data.yaml", tmp_path / "out")
    assert boxes_of(results["train"])["train/a.jpg"] == "cat"
    assert boxes_of(results["val"])["val/a.jpg"] == "rocket"


def test_labels_behind_a_link(yolo, tmp_path):
    for part in ("images", "labels"):
        (tmp_path / "disk" / part).mkdir(parents=True)
        (yolo / part / "train").rename(tmp_path / "disk" / part / "set")
    (yolo / "images/train").symlink_to(tmp_path / "disk/images/set")
    results = yolo_to_coco(yolo / "data.yaml", tmp_path / "out")
    assert boxes_of(results["train"])["train/a.jpg"] == "cat"


@pytest.mark.parametrize("folder", ["images/train", "Images", "JPEGImages/a/b"])
def test_labels_beside_the_photos_inside_images(yolo, tmp_path, folder):
    save_photo(yolo / "more" / folder / "x.jpg")
    save_labels(yolo / "more" / folder / "x.txt", CAT)
    edit(yolo / "data.yaml", "train: images/train", f"train: more/{folder}")
    results = yolo_to_coco(yolo / "data.yaml", tmp_path / "out")
    assert list(boxes_of(results["train"]).values()) == ["cat"]


def test_a_folder_without_label_files_is_a_warning(yolo, tmp_path, tool):
    for i in range(5):
        save_photo(yolo / f"images/extra/{i}.jpg")
    edit(yolo / "data.yaml", "images/train", "[images/train, images/extra]")
    done = tool(TOOL, yolo / "data.yaml", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    extra = yolo / "images/extra"
    assert (
        f"5 photos of {extra} and no label file: {extra}/0.jpg, {extra}/1.jpg, "
        f"{extra}/2.jpg, …\n"
    ) in done.stdout


def test_a_test_split_without_labels_is_a_warning(yolo, tmp_path):
    save_photo(yolo / "images/test/x.jpg")
    edit(yolo / "data.yaml", "nc: 2", "test: images/test")
    results = yolo_to_coco(yolo / "data.yaml", tmp_path / "out")
    assert list(boxes_of(results["test"]).values()) == [None]
    (first, *_) = results["train"].notes
    assert first.startswith("test has 1 images and no box (labels are looked for as ")


def test_no_label_file_at_all_is_refused(yolo):
    for path in yolo.rglob("*.txt"):
        path.unlink()
    refused(yolo, "train has 2 images and no box")
    refused(yolo, "no box in 3 images", splits=RandomSplit({"all": 1}))


def test_photos_linked_into_two_splits_are_reported(yolo, tmp_path, tool):
    (yolo / "images/again").symlink_to("train")
    (yolo / "labels/again").symlink_to("train")
    edit(yolo / "data.yaml", "images/val", "images/again")
    done = tool(TOOL, yolo / "data.yaml", tmp_path / "out")
    assert "2 images are in both train and val" in done.stdout


def make_cvat(root, prefix="data/"):
    """Export "YOLO 1.1" of CVAT, where the folder data/ is only in the files."""
    for name in "ab":
        save_photo(root / f"obj_train_data/sub/{name}.jpg")
        save_labels(root / f"obj_train_data/sub/{name}.txt", CAT)
    lines = [f"{prefix}obj_train_data/sub/{name}.jpg" for name in "ab"]
    (root / "train.txt").write_text("\n".join(lines))
    (root / "obj.names").write_text("cat\n\nrocket\n")
    (root / "obj.data").write_text(
        "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\n"
        "backup = backup/\n"
    )


@pytest.mark.parametrize("src", ["data.yaml", "obj.data"])
@pytest.mark.parametrize("prefix", ["data/", "", "./"])
def test_cvat_yolo_1_1(tmp_path, src, prefix):
    root = tmp_path / "cvat"
    make_cvat(root, prefix)
    (root / "data.yaml").write_text("train: train.txt\nnames: [cat, rocket]\n")
    results = yolo_to_coco(root / src, tmp_path / "out")
    names = [f"obj_train_data/sub/{name}.jpg" for name in "ab"]
    assert boxes_of(results["train"]) == dict.fromkeys(names, "cat")


def test_darknet_data_file_is_checked(tmp_path):
    make_cvat(tmp_path)
    (tmp_path / "obj.names").unlink()
    with pytest.raises(InputError, match=r"obj.data:3: names is no list of class"):
        yolo_to_coco(tmp_path / "obj.data", tmp_path / "out")
    with pytest.raises(InputError, match="no.data not found: give a data.yaml"):
        yolo_to_coco(tmp_path / "no.data", tmp_path / "out")


def test_a_score_as_sixth_number_is_read(yolo, tmp_path):
    save_labels(yolo / "labels/train/a.txt", f"{CAT} 0.871", f"{CAT} 1", POLYGON)
    result = yolo_to_coco(yolo / "data.yaml", tmp_path / "out")["train"]
    assert result.coco["annotations"][0]["bbox"] == [112.75, 90, 225.5, 120]
    assert count_boxes(result.coco) == {"cat": 1, "rocket": 1}
    assert result.notes == ["2 boxes have a score, as predictions do: it is left out"]


def test_all_bad_lines_of_all_files_are_listed(yolo):
    save_labels(yolo / "labels/train/a.txt", CAT, "0,.5,.5,.1,.1", "0 1.02 .3 .1 .3")
    save_labels(yolo / "labels/val/a.txt", "7 .5 .5 .1 .1", "9 .5 .5 .1 .1", "1")
    (yolo / "images/train/empty.png").write_bytes(b"no photo")
    refused(
        yolo,
        "6 faults (classes 7, 9 are not 0 to 1): ",
        "train/a.txt:2: '0,.5,.5,.1,.1' is no number",
        "train/a.txt:3: 1.02 is outside",
        "empty.png is not a readable image",
        "val/a.txt:1: class 7",
        "val/a.txt:2: class 9",
        "val/a.txt:3: 1 numbers",
    )


def test_of_many_bad_lines_the_first_ten_and_the_count(yolo):
    save_labels(yolo / "labels/train/a.txt", *["5 .5 .5 .1 .1"] * 25)
    refused(yolo, "25 faults (classes 5 are", "a.txt:10: class 5", "; and 15 more")
    with pytest.raises(InputError) as error:
        yolo_to_coco(yolo / "data.yaml", yolo.parent / "out")
    assert "a.txt:11:" not in str(error.value)


def test_all_missing_photos_of_a_list(yolo):
    (yolo / "list.txt").write_text("a.jpg\nimages/train/a.jpg\nb.jpg\n")
    edit(yolo / "data.yaml", "images/train", "list.txt")
    refused(yolo, "2 faults: ", "list.txt:1: a.jpg not", "list.txt:3: b.jpg not")


@pytest.mark.parametrize(
    "path",
    ["/home/someone/ds", "C:\\Users\\some one\\ds", "../datasets/yolo", "~/none/yolo"],
)
def test_path_of_the_authors_machine(yolo, tmp_path, path):
    edit(yolo / "data.yaml", "path: .", f"path: {path}")
    results = yolo_to_coco(yolo / "data.yaml", tmp_path / "out")
    assert boxes_of(results["val"]) == {"val/a.jpg": "rocket"}
    (note,) = results["train"].notes
    assert note == f"{yolo}/data.yaml: path {path} not found: {yolo} is used"


@pytest.mark.parametrize("start", ["/content/ds", "C:\\Users\\x\\ds", "D:/ds"])
def test_entries_of_the_authors_machine(yolo, tmp_path, start):
    (yolo / "list.txt").write_text(f"{start}/images/train/a.jpg\n")
    edit(yolo / "data.yaml", "images/train", "list.txt")
    edit(yolo / "data.yaml", "images/val", f"'{start}/images/val'")
    results = yolo_to_coco(yolo / "data.yaml", tmp_path / "out")
    assert boxes_of(results["train"]) == {"train/a.jpg": "cat"}
    assert boxes_of(results["val"]) == {"val/a.jpg": "rocket"}
    start = start.replace("\\", "/")
    assert results["train"].notes == [f"{start} not found: {yolo} is used"]


def test_missing_test_split_is_left_out_with_a_note(yolo, tmp_path):
    edit(yolo / "data.yaml", "nc: 2", "test: ../test/images")
    results = yolo_to_coco(yolo / "data.yaml", tmp_path / "out")
    assert list(results) == ["train", "val"]
    (note,) = results["train"].notes
    assert note.startswith(f"{yolo}/data.yaml:4: test ") and note.endswith(": left out")
    refused_out = yolo.parent / "other"
    with pytest.raises(InputError, match="data.yaml:4: test .* not found"):
        yolo_to_coco(yolo / "data.yaml", refused_out, ["test"])


def test_all_missing_splits_in_one_message(yolo):
    edit(yolo / "data.yaml", "images/train", "no/train")
    edit(yolo / "data.yaml", "images/val", "no/val")
    edit(yolo / "data.yaml", "nc: 2", "test: no/test")
    refused(
        yolo,
        "3 faults: ",
        "data.yaml:2: train ",
        "data.yaml:3: val ",
        "data.yaml:4: test ",
    )


def test_hidden_photos_in_a_list_are_passed_over(yolo, tmp_path):
    hidden = yolo / "images/train/.ipynb_checkpoints/a-checkpoint.jpg"
    save_photo(hidden)
    lines = ["images/train/a.jpg", f"images/train/{hidden.parent.name}/{hidden.name}"]
    (yolo / "list.txt").write_text("\n".join(lines))
    edit(yolo / "data.yaml", "images/train", "list.txt")
    result = yolo_to_coco(yolo / "data.yaml", tmp_path / "out")["train"]
    assert list(boxes_of(result)) == ["train/a.jpg"]
    assert result.notes == [f"1 hidden or system files passed over: {hidden}"]


@pytest.mark.parametrize("value", [65537, 6])
def test_exif_orientation_outside_1_to_8(yolo, tmp_path, value):
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x04\0\x01\0\0\0"
    path = yolo / "images/train/a.jpg"
    tag = exif + value.to_bytes(4, "little") + bytes(4)
    Image.fromarray(photos.chelsea()).save(path, exif=tag)
    coco = yolo_to_coco(yolo / "data.yaml", tmp_path / "out", ["train"])["train"].coco
    size = coco["images"][0]["width"], coco["images"][0]["height"]
    assert size == ((451, 300) if value == 65537 else (300, 451))
