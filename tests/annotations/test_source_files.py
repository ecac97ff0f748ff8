"""Leftovers of systems and notebooks, links and own output inside source folders."""

import json

import pytest
from PIL import Image

from mmyolo_mnv1.annotations.labelme import labelme_to_coco
from mmyolo_mnv1.annotations.source_files import SourceFiles
from mmyolo_mnv1.annotations.splits import RandomSplit
from mmyolo_mnv1.annotations.voc import voc_to_coco
from mmyolo_mnv1.annotations.yolo import yolo_to_coco

ALL = RandomSplit({"train": 1})
APPLE_DOUBLE = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X      \xb0\xff  "
XML = (
    "<annotation><object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin>"
    "<xmax>9</xmax><ymax>9</ymax></bndbox></object></annotation>"
)


def labels(kind):
    """Suffix and content of a label file."""
    points = dict(label="cat", points=[[1, 1], [9, 9]], shape_type="rectangle")
    document = dict(shapes=[points], imagePath="{}.jpg", imageData=None)
    return dict(
        voc=("xml", XML), yolo=("txt", "0 .5 .5 .4 .4"), labelme=("json", document)
    )[kind]


def make(root, kind, folder="", names="abcd", link=None):
    """Photos and their labels in one folder."""
    suffix, content = labels(kind)
    for name in names:
        path = root / folder / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20), (ord(name) % 200, 9, 9)).save(path)
        text = json.dumps(content) if kind == "labelme" else content
        path.with_suffix(f".{suffix}").write_text(text.replace("{}", name))


def convert(kind, root, out):
    if kind == "yolo":
        (root / "data.yaml").write_text("train: .\nnames: [cat]\n")
        return yolo_to_coco(root / "data.yaml", out)["train"]
    return dict(voc=voc_to_coco, labelme=labelme_to_coco)[kind](root, out, ALL)["train"]


def names(result):
    return [image["file_name"] for image in result.coco["images"]]


KINDS = pytest.mark.parametrize("kind", ["yolo", "voc", "labelme"])


@KINDS
def test_hidden_names_are_passed_over_and_counted(kind, tmp_path):
    root = tmp_path / ".cache" / "ds"  # only what is inside SRC may be hidden
    make(root, kind)
    suffix, _ = labels(kind)
    (root / "._a.jpg").write_bytes(APPLE_DOUBLE)
    (root / f"._a.{suffix}").write_bytes(APPLE_DOUBLE)
    (root / "Thumbs.db").write_bytes(b"\xd0\xcf")
    make(root, kind, ".ipynb_checkpoints", "x")
    make(root, kind, "__MACOSX/deep", "y")
    result = convert(kind, root, tmp_path / "out")
    assert names(result) == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    (note,) = [note for note in result.notes if "passed over" in note]
    assert note.startswith("7 hidden or system files passed over: ")


@KINDS
def test_own_output_inside_the_source_is_passed_over(kind, tmp_path):
    root = tmp_path / "ds"
    make(root, kind)
    first = convert(kind, root, root / "out")
    assert not first.notes
    for out in (root / "out", root / "other"):
        again = convert(kind, root, out)
        assert names(again) == names(first) == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
        assert again.notes == [
            f"1 folders of converted data passed over: {root / 'out'}"
        ]


@KINDS
def test_output_into_the_source_itself_twice(kind, tmp_path):
    make(tmp_path / "ds", kind, "" if kind != "voc" else "train")
    for _ in range(2):
        result = convert(kind, tmp_path / "ds", tmp_path / "ds")
        assert len(names(result)) == 4


@KINDS
def test_linked_folders_are_searched_once(kind, tmp_path):
    root = tmp_path / "ds"
    make(tmp_path / "store", kind, "", "xyz")
    make(root, kind)
    (root / "linked").symlink_to(tmp_path / "store")
    (root / "again").symlink_to(tmp_path / "store")
    (root / "loop").symlink_to(root)
    (tmp_path / "store" / "back").symlink_to(root)
    result = convert(kind, root, tmp_path / "out")
    assert len(names(result)) == 7
    assert len({ann["image_id"] for ann in result.coco["annotations"]}) == 7


def test_files_are_sorted_and_suffixes_have_any_case(tmp_path):
    for name in ("b.JPG", "a.jpg", "c.Png", "d.txt", "sub/a.jpeg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = SourceFiles(tmp_path / "out").find(tmp_path, (".jpg", ".jpeg", ".png"))
    relative = [path.relative_to(tmp_path).as_posix() for path in found]
    assert relative == ["a.jpg", "b.JPG", "c.Png", "sub/a.jpeg"]
