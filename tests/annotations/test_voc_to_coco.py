"""Pascal VOC to COCO, with real data and with damaged files."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from mmyolo_mnv1.annotations.coco import count_boxes
from mmyolo_mnv1.annotations.splits import RandomSplit
from mmyolo_mnv1.annotations.voc import voc_to_coco
from mmyolo_mnv1.errors import InputError

TOOL = "tools/dataset_converters/voc_to_coco.py"

XML = """<annotation>
  <size><width>999</width><height>1</height></size>
  <object>
    <name>cat</name>
    <difficult>1</difficult>
    <bndbox><xmin>1</xmin><ymin>11</ymin><xmax>21</xmax><ymax>41</ymax></bndbox>
  </object>
  <object>
    <name>dog</name>
    <bndbox>
      <xmin>60</xmin><ymin>5</ymin><xmax>90</xmax><ymax>20</ymax>
    </bndbox>
  </object>
</annotation>
"""


@pytest.fixture
def voc(tmp_path):
    """Two images of 64 x 48 px; the second box of each exceeds the right edge."""
    src = tmp_path / "voc"
    for folder in ("Annotations", "ImageSets/Main", "JPEGImages"):
        (src / folder).mkdir(parents=True)
    for name in ("a", "b"):
        (src / "Annotations" / f"{name}.xml").write_text(XML)
        Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(
            src / "JPEGImages" / f"{name}.jpg"
        )
    (src / "ImageSets/Main/train.txt").write_text("a\nb\n")
    return src


def test_coordinates_clipping_and_size(voc, tmp_path):
    result = voc_to_coco(voc, tmp_path / "out", ["train"])["train"]
    assert result.clipped == 2 and not result.dropped
    coco = COCO(str(tmp_path / "out/annotations/train.json"))
    assert coco.imgs[1]["width"] == 64 and coco.imgs[1]["height"] == 48
    cat, dog = coco.loadAnns(coco.getAnnIds(imgIds=1))
    assert cat["bbox"] == [0, 10, 20, 30] and cat["ignore"] == 1
    assert dog["bbox"] == [59, 4, 5, 15] and dog["ignore"] == 0
    assert [c["name"] for c in coco.dataset["categories"]] == ["cat", "dog"]
    assert (tmp_path / "out/images/b.jpg").is_file()


def test_splits_a_folder_without_image_sets(voc, tmp_path, tool):
    shutil.rmtree(voc / "ImageSets")
    done = tool(TOOL, voc, tmp_path / "out")
    assert done.returncode == 1 and "divided by --splits train=0.8" in done.stderr
    done = tool(TOOL, voc, tmp_path / "out", "--split", "train=0.5", "test=0.5")
    assert done.returncode == 0, done.stderr
    names = [
        COCO(str(tmp_path / "out/annotations" / f"{split}.json")).imgs[1]["file_name"]
        for split in ("train", "test")
    ]
    assert sorted(names) == ["a.jpg", "b.jpg"]
    shutil.rmtree(voc / "Annotations")
    with pytest.raises(InputError, match=r"Annotations has no \*.xml"):
        voc_to_coco(voc, tmp_path / "other", RandomSplit({"train": 1}))


def test_a_box_that_repeats_another_is_dropped(voc, tmp_path):
    (voc / "ImageSets/Main/train.txt").write_text("b\n")
    damage(voc, "</annotation>", XML[XML.index("<object>") :])
    result = voc_to_coco(voc, tmp_path / "out", ["train"])["train"]
    assert count_boxes(result.coco) == {"cat": 1, "dog": 1}
    path = voc / "Annotations/b.xml"
    assert [(drop.reason, drop.description) for drop in result.dropped] == [
        ("repeats another box", f"{path}:14: cat"),
        ("repeats another box", f"{path}:19: dog"),
    ]


def test_order_of_classes(voc, tmp_path):
    result = voc_to_coco(voc, tmp_path / "out", ["train"], ["dog", "cat"])["train"]
    assert count_boxes(result.coco) == {"dog": 2, "cat": 2}
    assert result.coco["categories"][0]["name"] == "dog"


def damage(voc, old, new):
    path = voc / "Annotations" / "b.xml"
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("</annotation>", "", ["b.xml:15", "not well-formed"]),
        ("<name>cat</name>", "", ["b.xml:3", "no <name>"]),
        ("<xmin>60</xmin>", "", ["b.xml:10", "<xmin> is None"]),
        ("<ymax>20</ymax>", "<ymax>x</ymax>", ["b.xml:10", "<ymax> is 'x'"]),
        ("<ymax>20</ymax>", "<ymax>nan</ymax>", ["b.xml:10", "<ymax> is 'nan'"]),
        ("<xmin>60</xmin>", "<xmin>-inf</xmin>", ["b.xml:10", "'-inf'"]),
        ("bndbox>", "box>", ["b.xml:3", "no <bndbox>"]),
    ],
)
def test_refuses_damaged_xml(voc, tmp_path, old, new, words):
    damage(voc, old, new)
    with pytest.raises(InputError) as error:
        voc_to_coco(voc, tmp_path / "out", ["train"])
    for word in words:
        assert word in str(error.value)
    assert not (tmp_path / "out").exists()


def test_refuses_another_document(voc, tmp_path):
    (voc / "Annotations/b.xml").write_text("<html></html>")
    with pytest.raises(InputError, match="b.xml:1: <html>, not <annotation>"):
        voc_to_coco(voc, tmp_path / "out", ["train"])


def test_refuses_a_dataset_without_boxes(voc, tmp_path):
    for name in "ab":
        (voc / f"Annotations/{name}.xml").write_text("<annotation></annotation>")
    with pytest.raises(InputError, match="no box in 2 images"):
        voc_to_coco(voc, tmp_path / "out", ["train"])
    assert not (tmp_path / "out").exists()


def test_refuses_unknown_class(voc, tmp_path):
    with pytest.raises(InputError, match=r"a.xml:8: class 'dog' is not one of"):
        voc_to_coco(voc, tmp_path / "out", ["train"], ["cat"])


@pytest.mark.parametrize("encoding", ["shift_jis", "nonsense"])
def test_refuses_unreadable_encoding(voc, tmp_path, encoding):
    damage(
        voc, "<annotation>", f'<?xml version="1.0" encoding="{encoding}"?><annotation>'
    )
    with pytest.raises(InputError, match=r"b.xml:1: .*encoding.*save it as UTF-8"):
        voc_to_coco(voc, tmp_path / "out", ["train"])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"a\nb\na\n", "train.txt:3: a stands on line 1"), (b"\xff\xfea", "not UTF-8")],
)
def test_refuses_damaged_split(voc, tmp_path, content, words):
    (voc / "ImageSets/Main/train.txt").write_bytes(content)
    with pytest.raises(InputError, match=words):
        voc_to_coco(voc, tmp_path / "out", ["train"])
    assert not (tmp_path / "out").exists()


def test_split_with_byte_order_mark(voc, tmp_path):
    (voc / "ImageSets/Main/train.txt").write_bytes(b"\xef\xbb\xbfa\nb\n")
    result = voc_to_coco(voc, tmp_path / "out", ["train"])["train"]
    assert len(result.coco["images"]) == 2


def test_refuses_another_photo_of_the_same_name(voc, tmp_path):
    out = tmp_path / "out"
    voc_to_coco(voc, out, ["train"])
    voc_to_coco(voc, out, ["train"])  # the same photos may exist
    before = (out / "annotations/train.json").read_bytes()
    (out / "images/b.jpg").unlink()
    (out / "images/b.jpg").write_bytes(b"another photo")
    damage(voc, "<ymax>20</ymax>", "<ymax>21</ymax>")
    with pytest.raises(InputError, match="b.jpg exists and is not"):
        voc_to_coco(voc, out, ["train"])
    assert (out / "annotations/train.json").read_bytes() == before


def test_refuses_a_class_named_twice(voc, tmp_path):
    with pytest.raises(InputError, match="a name stands twice"):
        voc_to_coco(voc, tmp_path / "out", ["train"], ["cat", "dog", "cat"])


def test_refuses_missing_parts(voc, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(InputError, match=r"test.txt not found.*\['train'\]"):
        voc_to_coco(voc, out, ["test"])
    with pytest.raises(InputError, match="must be a Pascal VOC folder"):
        voc_to_coco(tmp_path / "nowhere", out, ["train"])
    (voc / "JPEGImages/b.jpg").write_bytes(b"no image")
    with pytest.raises(InputError, match="b.jpg is not a readable image"):
        voc_to_coco(voc, out, ["train"])
    (voc / "JPEGImages/b.jpg").unlink()
    with pytest.raises(InputError, match="b.jpg not found"):
        voc_to_coco(voc, out, ["train"])
    (voc / "Annotations/b.xml").unlink()
    with pytest.raises(InputError, match="b.xml not found"):
        voc_to_coco(voc, out, ["train"])
    (voc / "ImageSets/Main/train.txt").write_text("\n")
    with pytest.raises(InputError, match="lists no image"):
        voc_to_coco(voc, out, ["train"])
    assert not out.exists()


def test_bccd(bccd, tmp_path, tool):
    done = tool(TOOL, bccd, tmp_path / "o", "--splits", "train", "val", "test")
    assert done.returncode == 0, done.stderr
    assert "BloodImage_00343.xml:50: RBC of 0 x 0 px" in done.stdout
    documents = [
        json.loads((tmp_path / "o/annotations" / f"{s}.json").read_text())
        for s in ("train", "val", "test")
    ]
    assert [len(d["images"]) for d in documents] == [205, 87, 72]
    assert [len(d["annotations"]) for d in documents] == [2804, 1137, 945]
    assert len(list((tmp_path / "o/images").iterdir())) == 364


def test_command_line_refuses(voc, tmp_path, tool):
    damage(voc, "<name>cat</name>", "")
    done = tool(TOOL, voc, tmp_path / "out", "--splits", "train")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1 and "b.xml:3" in done.stderr
