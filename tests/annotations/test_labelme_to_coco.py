"""labelme to COCO, with real photos and with damaged files."""

import base64
import io
import json

import cv2
import pytest
from PIL import Image
from pycocotools.coco import COCO
from skimage import data as photos

from mmyolo_mnv1.annotations.coco import count_boxes
from mmyolo_mnv1.annotations.labelme import labelme_to_coco
from mmyolo_mnv1.annotations.splits import RandomSplit
from mmyolo_mnv1.errors import InputError

TOOL = "tools/dataset_converters/labelme_to_coco.py"

ALL = RandomSplit({"train": 1})
CAT = dict(label="cat", shape_type="rectangle", points=[[300.5, 200], [100, 50]])


def encode(name, form="JPEG", **options):
    """A photo as the bytes of a file."""
    buffer = io.BytesIO()
    Image.fromarray(getattr(photos, name)()).save(buffer, form, **options)
    return buffer.getvalue()


def annotate(folder, name, *shapes, **fields):
    """Write NAME.json as labelme does."""
    folder.mkdir(parents=True, exist_ok=True)
    document = dict(
        version="5.5.0",
        flags={},
        shapes=[dict(group_id=None, flags={}) | shape for shape in shapes],
        imagePath=f"{name}.jpg",
        imageData=None,
    )
    path = folder / f"{name}.json"
    path.write_text(json.dumps(document | fields, indent=2), encoding="utf-8")
    return path


@pytest.fixture
def labelme(tmp_path):
    """Photos a (451 x 300 px, one cat) and b (640 x 427 px, no object)."""
    src = tmp_path / "labelme"
    annotate(src, "a", CAT, imageWidth=451, imageHeight=300)
    annotate(src, "b", imageWidth=640, imageHeight=427)
    (src / "a.jpg").write_bytes(encode("chelsea"))
    (src / "b.jpg").write_bytes(encode("rocket"))
    return src


def refused(labelme, *words, **options):
    out = labelme.parent / "out"
    with pytest.raises(InputError) as error:
        labelme_to_coco(labelme, out, options.pop("splits", ALL), **options)
    message = str(error.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message
    assert not out.exists()


def boxes(labelme, tmp_path):
    """Boxes of the first image, after conversion."""
    labelme_to_coco(labelme, tmp_path / "out", ALL)
    coco = COCO(str(tmp_path / "out/annotations/train.json"))
    return [ann["bbox"] for ann in coco.loadAnns(coco.getAnnIds(imgIds=1))]


@pytest.mark.parametrize(
    ("kind", "points", "box"),
    [
        ("rectangle", [[300.5, 200], [100, 50]], [100, 50, 200.5, 150]),
        ("rectangle", [[1, 2], [9, 2], [9, 7], [1, 7]], [1, 2, 8, 5]),
        ("polygon", [[10, 50], [30, 20.25], [70, 90]], [10, 20.25, 60, 69.75]),
        (None, [[10, 50], [30, 20.25], [70, 90]], [10, 20.25, 60, 69.75]),
        ("circle", [[100, 100], [130, 140]], [50, 50, 100, 100]),
        ("mask", [[10, 20], [60, 90]], [10, 20, 50, 70]),
        ("oriented_rectangle", [[5, 1], [9, 5], [5, 9], [1, 5]], [1, 1, 8, 8]),
    ],
)
def test_shapes(labelme, tmp_path, kind, points, box):
    annotate(labelme, "a", dict(label="cat", shape_type=kind, points=points))
    assert boxes(labelme, tmp_path) == [box]


def test_parts_of_one_object_get_one_box(labelme, tmp_path):
    def part(label, group, x):
        points = [[x, 10], [x + 20, 30]]
        return dict(CAT, label=label, group_id=group, points=points)

    shapes = part("cat", 1, 10), part("dog", 1, 50), part("cat", 1, 90)
    annotate(labelme, "a", *shapes, part("cat", None, 150), part("cat", None, 200))
    assert boxes(labelme, tmp_path) == [
        [10, 10, 100, 20],
        [50, 10, 20, 20],
        [150, 10, 20, 20],
        [200, 10, 20, 20],
    ]


def test_points_and_lines_are_dropped_and_listed(labelme, tmp_path, tool):
    line = dict(label="whisker", shape_type="line", points=[[1, 1], [9, 9]])
    point = dict(label="nose", shape_type="point", points=[[5, 5]])
    path = annotate(labelme, "a", line, CAT, point, line)
    done = tool(TOOL, labelme, tmp_path / "out", "--splits", "all=1")
    assert done.returncode == 0, done.stderr
    rows = [text.strip("| ").split() for text in done.stdout.splitlines()]
    for row in (
        "images | 2 | 2",
        "without boxes | 1 | 1",
        "boxes | 1 | 1",
        "cat | 1 | 1",
        "dropped | 3 | 3",
        "shape is a line | 2 | 2",
        "shape is a point | 1 | 1",
    ):
        assert row.split() in rows, done.stdout
    assert "whisker" not in [row[0] for row in rows if row]
    lines = path.read_text().splitlines()
    starts = [n for n, text in enumerate(lines, 1) if text == "    {"]
    assert f"all dropped {path}:{starts[2]}: nose: shape is a point" in done.stdout


def test_embedded_photo(labelme, tmp_path):
    (labelme / "a.jpg").unlink()
    content = encode("chelsea")
    embedded = base64.b64encode(content).decode()
    annotate(labelme, "a", CAT, imageData=embedded, imageWidth=451, imageHeight=300)
    assert boxes(labelme, tmp_path) == [[100, 50, 200.5, 150]]
    assert (tmp_path / "out/images/a.jpg").read_bytes() == content
    labelme_to_coco(labelme, tmp_path / "out", ALL)  # the same photo may exist
    (tmp_path / "out/images/a.jpg").write_bytes(b"another")
    with pytest.raises(InputError, match="out/images/a.jpg exists and is not"):
        labelme_to_coco(labelme, tmp_path / "out", ALL)


def test_embedded_photo_gets_the_suffix_of_its_format(labelme, tmp_path):
    embedded = base64.b64encode(encode("chelsea", "PNG")).decode()
    annotate(labelme, "a", CAT, imagePath="scan.tif", imageData=embedded)
    coco = labelme_to_coco(labelme, tmp_path / "out", ALL)["train"].coco
    assert [image["file_name"] for image in coco["images"]] == ["b.jpg", "scan.png"]
    assert cv2.imread(str(tmp_path / "out/images/scan.png")).shape == (300, 451, 3)


def test_subfolders_keep_photos_apart(labelme, tmp_path):
    annotate(labelme / "day2", "a", CAT)
    (labelme / "day2/a.jpg").write_bytes(encode("coffee"))
    out = labelme / "coco"  # inside SRC: must not be read the second time
    for _ in range(2):
        coco = labelme_to_coco(labelme, out, ALL)["train"].coco
        names = [image["file_name"] for image in coco["images"]]
        assert names == ["a.jpg", "b.jpg", "day2/a.jpg"]
    assert (out / "images/day2/a.jpg").read_bytes() == encode("coffee")


def test_order_of_classes(labelme, tmp_path):
    annotate(labelme, "b", dict(CAT, label="dog"))
    results = labelme_to_coco(labelme, tmp_path / "out", ALL, ["dog", "cat"])
    assert list(count_boxes(results["train"].coco)) == ["dog", "cat"]
    (tmp_path / "out").rename(tmp_path / "kept")
    refused(labelme, "b.json:5: class 'dog' is not one of ['cat']", classes=["cat"])


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (dict(label=""), ["label is ''"]),
        (dict(label=3), ["label is 3"]),
        (dict(points=None), ["points of 'cat': give pairs of numbers"]),
        (dict(points=[[1, 2], [3]]), ["points of 'cat': give pairs"]),
        (dict(points=[[1, 2], [3, "4"]]), ["points of 'cat': give pairs"]),
        (dict(points=[[1, 2], [3, float("nan")]]), ["points of 'cat': give pairs"]),
        (dict(points=[[1, 2], [3, float("inf")]]), ["points of 'cat': give pairs"]),
        (dict(points=[[1, 2], [3, 10**400]]), ["points of 'cat': give pairs"]),
        (dict(points=[[1, 2]]), ["rectangle 'cat' has 1 points: give 2"]),
        (dict(shape_type="polygon"), ["polygon 'cat' has 2 points: give 3"]),
    ],
)
def test_refuses_shape(labelme, shape, words):
    path = annotate(labelme, "a", CAT, CAT | shape)
    lines = path.read_text().splitlines()
    second = [n for n, text in enumerate(lines, 1) if text == "    {"][1]
    refused(labelme, f"a.json:{second}: ", *words)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"flags": {},', '"flags": {}', ["a.json:4: not JSON"]),
        ('"shapes"', '"Shapes"', ["a.json: no imagePath and list of shapes"]),
        ('"a.jpg"', "null", ["a.json: no imagePath and list of shapes"]),
        ('"a.jpg"', '"x.jpg"', ["a.json: imagePath", "x.jpg not found", "is empty"]),
        ('"a.jpg"', '"b.jpg"', ["451 x 300 but the photo has 640 x 427"]),
        ("451", "902", ["imageWidth x imageHeight is 902 x 300", "451 x 300"]),
    ],
)
def test_refuses_file(labelme, old, new, words):
    path = labelme / "a.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    refused(labelme, *words)


def test_refuses_missing_parts(labelme):
    refused(labelme, "train: labelme files have no splits", splits=["train"])
    (labelme / "b.json").write_bytes(b"\xff{}")
    refused(labelme, "b.json: not UTF-8")
    (labelme / "b.json").write_text("[" * 100_000)
    refused(labelme, "b.json: ")
    annotate(labelme, "b", imagePath="a.jpg")
    refused(labelme, "b.json and ", "a.json both annotate ", "a.jpg: merge")
    (labelme / "a.jpg").write_bytes(b"no photo")
    refused(labelme, "a.jpg is not a readable image")
    (labelme / "a.jpg").unlink()
    for data in ("bm8gcGhvdG8=", "x", 7):
        annotate(labelme, "a", CAT, imageData=data)
        refused(labelme, "a.json: imageData is not")
    for path in labelme.glob("*.json"):
        path.unlink()
    refused(labelme, "has no *.json")


def test_command_line_refuses(labelme, tmp_path, tool):
    annotate(labelme, "a", dict(CAT, label=None))
    done = tool(TOOL, labelme, tmp_path / "out")
    assert done.returncode == 1 and not done.stdout
    assert len(done.stderr.strip().splitlines()) == 1
    assert "a.json:5: label is None" in done.stderr
    assert not (tmp_path / "out").exists()


def test_ignore_is_no_class_but_an_ignored_region(labelme, tmp_path, tool):
    region = dict(CAT, label="__ignore__", points=[[1, 2], [11, 22]])
    annotate(labelme, "a", CAT, dict(CAT, label="dog"), region)
    done = tool(TOOL, labelme, tmp_path / "out", "--splits", "all=1")
    assert done.returncode == 0, done.stderr
    rows = [text.strip("| ").split() for text in done.stdout.splitlines()]
    assert ["boxes", "|", "2", "|", "2"] in rows
    assert ["ignored", "regions", "|", "2", "|", "2"] in rows
    document = json.loads((tmp_path / "out/annotations/all.json").read_text())
    assert [c["name"] for c in document["categories"]] == ["cat", "dog"]
    ignored = [a for a in document["annotations"] if a["iscrowd"]]
    assert [(a["category_id"], a["bbox"]) for a in ignored] == [
        (1, [1, 2, 10, 20]),
        (2, [1, 2, 10, 20]),
    ]
    classes = ["__ignore__", "dog", "cat"]
    results = labelme_to_coco(labelme, tmp_path / "named", ALL, classes)
    assert count_boxes(results["train"].coco) == {"dog": 1, "cat": 1}


def test_only_ignored_regions_are_no_boxes(labelme):
    annotate(labelme, "a", dict(CAT, label="__ignore__"))
    refused(labelme, "no box in 2 images")
    refused(labelme, "no box in 2 images", classes=["cat"])


def test_photos_without_json_are_counted(labelme, tmp_path, tool):
    for name in ("c.jpg", "d.PNG", "sub/e.jpg", "f.webp"):
        (labelme / name).parent.mkdir(exist_ok=True)
        (labelme / name).write_bytes(b"any")
    done = tool(TOOL, labelme, tmp_path / "out", "--splits", "all=1")
    assert done.returncode == 0, done.stderr
    assert (
        f"4 photos without JSON left out: {labelme}/c.jpg, {labelme}/d.PNG, "
        f"{labelme}/f.webp, …"
    ) in done.stdout


def test_all_faults_of_all_files_are_listed(labelme):
    annotate(labelme, "a", CAT, dict(CAT, label=""), dict(CAT, points=None))
    (labelme / "b.jpg").unlink()
    refused(labelme, "3 faults: ", "label is ''", "points of 'cat'", "b.jpg not found")
