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
  <size><width>64</width><height>48</height></size>
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
    assert cat["bbox"] == [0, 10, 20, 30] and cat["iscrowd"] == 1
    assert dog["bbox"] == [59, 4, 5, 15] and dog["iscrowd"] == 0
    assert [c["name"] for c in coco.dataset["categories"]] == ["cat", "dog"]
    assert (tmp_path / "out/images/b.jpg").is_file()


def test_sizes_that_differ_are_noted(voc, tmp_path):
    for name in ("a", "b"):
        xml = voc / f"Annotations/{name}.xml"
        xml.write_text(XML.replace("<width>64", "<width>999"))
    result = voc_to_coco(voc, tmp_path / "out", ["train"])["train"]
    (note,) = [n for n in result.notes if "another size than the photo" in n]
    assert "a.xml" in note and "2 XML files" in note


def test_boxes_of_a_photo_before_its_exif_rotation(voc, tmp_path):
    """The boxes are of 64 x 48 px, OpenCV decodes 48 x 64 px."""
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = voc / "JPEGImages/a.jpg"
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(photo, exif=exif)
    xml = voc / "Annotations/a.xml"
    words = "a.xml: 64 x 48 px, but the EXIF data of .*a.jpg rotate it.*exiftool"
    with pytest.raises(InputError, match=words):
        voc_to_coco(voc, tmp_path / "out", ["train"])
    xml.write_text(XML.replace(">48<", ">64<").replace(">64<", ">48<", 1))
    voc_to_coco(voc, tmp_path / "out", ["train"])


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
    assert len(result.coco["annotations"]) == 2
    path = voc / "Annotations/b.xml"
    assert [(drop.reason, drop.description) for drop in result.dropped] == [
        ("repeats another box", f"{path}:14: cat"),
        ("repeats another box", f"{path}:19: dog"),
    ]


def test_order_of_classes(voc, tmp_path):
    result = voc_to_coco(voc, tmp_path / "out", ["train"], ["dog", "cat"])["train"]
    assert count_boxes(result.coco) == {"dog": 2, "cat": 0}  # difficult
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


def save(path, xml=XML):
    """A photo, and its XML file if it has one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(path)
    if xml:
        path.with_suffix(".xml").write_text(xml)


def names(result):
    return [image["file_name"] for image in result.coco["images"]]


@pytest.mark.parametrize(
    "suffix",
    ["bmp", "png", "PNG", "jpeg", "JPEG", "Jpg", "webp", "tif", "TIFF", "gif", "jfif"],
)
def test_photos_of_any_format_and_case(voc, tmp_path, suffix):
    (voc / "JPEGImages/b.jpg").unlink()
    form = {"jfif": "JPEG", "jpg": "JPEG", "tif": "TIFF"}.get(suffix.lower(), suffix)
    image = Image.fromarray(np.zeros((48, 64, 3), np.uint8))
    image.save(voc / f"JPEGImages/b.{suffix}", form)
    result = voc_to_coco(voc, tmp_path / "out", ["train"])["train"]
    assert names(result) == ["a.jpg", f"b.{suffix}"]
    assert (tmp_path / f"out/images/b.{suffix}").is_file()


@pytest.mark.parametrize("filename", ["photo 7.png", "C:\\x\\photo 7.png", "photo 7"])
def test_photo_by_the_filename_in_the_xml(voc, tmp_path, filename):
    (voc / "JPEGImages/b.jpg").rename(voc / "JPEGImages/photo 7.png")
    damage(voc, "<size>", f"<filename>{filename}</filename><size>")
    result = voc_to_coco(voc, tmp_path / "out", ["train"])["train"]
    assert names(result) == ["a.jpg", "photo 7.png"]


def test_the_name_of_the_xml_goes_before_the_filename(voc, tmp_path):
    damage(voc, "<size>", "<filename>a.jpg</filename><size>")
    result = voc_to_coco(voc, tmp_path / "out", ["train"])["train"]
    assert names(result) == ["a.jpg", "b.jpg"]


def test_of_two_formats_the_filename_chooses(voc, tmp_path):
    save(voc / "JPEGImages/b.png", None)
    assert names(voc_to_coco(voc, tmp_path / "1", ["train"])["train"])[1] == "b.jpg"
    damage(voc, "<size>", "<filename>b.png</filename><size>")
    assert names(voc_to_coco(voc, tmp_path / "2", ["train"])["train"])[1] == "b.png"


def test_two_xml_files_of_one_photo_are_refused(voc, tmp_path):
    (voc / "JPEGImages/b.jpg").unlink()
    damage(voc, "<size>", "<filename>a.jpg</filename><size>")
    with pytest.raises(InputError, match=r"b.xml and .*a.xml both annotate .*a.jpg"):
        voc_to_coco(voc, tmp_path / "out", ["train"])


def test_photos_and_xml_in_one_folder(tmp_path):
    for name in "abcd":
        save(tmp_path / f"ds/{name}.jpg")
    results = voc_to_coco(tmp_path / "ds", tmp_path / "out", RandomSplit({"all": 1}))
    assert names(results["all"]) == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]


@pytest.mark.parametrize(
    ("photos", "xmls"),
    [("images", "annotations"), ("Images", "xml"), ("images", "labels/x"), ("", "xml")],
)
def test_photos_and_xml_in_two_folders(tmp_path, photos, xmls):
    for name in "ab":
        save(tmp_path / f"ds/{photos}/{name}.png", None)
        (tmp_path / f"ds/{xmls}").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"ds/{xmls}/{name}.xml").write_text(XML)
    results = voc_to_coco(tmp_path / "ds", tmp_path / "out", RandomSplit({"all": 1}))
    assert names(results["all"]) == ["a.png", "b.png"]


def test_layout_of_roboflow(tmp_path):
    for split in ("train", "valid", "test"):
        for name in "ab":
            save(tmp_path / f"rf/{split}/{name}.jpg")
    results = voc_to_coco(tmp_path / "rf", tmp_path / "out", ["train", "val", "test"])
    assert names(results["train"]) == ["train/a.jpg", "train/b.jpg"]
    assert names(results["val"]) == ["valid/a.jpg", "valid/b.jpg"]
    split = RandomSplit({"train": 0.5, "val": 0.5})
    results = voc_to_coco(tmp_path / "rf", tmp_path / "anew", split)
    assert sum(len(names(result)) for result in results.values()) == 6
    with pytest.raises(InputError, match=r"takes \['test', 'train', 'valid'\]"):
        voc_to_coco(tmp_path / "rf", tmp_path / "none", ["minival"])


def test_subfolders_of_annotations_and_images(tmp_path):
    for split in ("train", "val"):
        save(tmp_path / f"ds/JPEGImages/{split}/a.jpg", None)
        (tmp_path / f"ds/Annotations/{split}").mkdir(parents=True)
        (tmp_path / f"ds/Annotations/{split}/a.xml").write_text(XML)
    results = voc_to_coco(tmp_path / "ds", tmp_path / "out", ["train", "val"])
    assert names(results["train"]) == ["train/a.jpg"]
    assert names(results["val"]) == ["val/a.jpg"]


def test_masks_of_the_same_name_are_no_photos(voc, tmp_path):
    save(voc / "SegmentationClass/a.png", None)
    result = voc_to_coco(voc, tmp_path / "out", ["train"])["train"]
    assert names(result) == ["a.jpg", "b.jpg"]
    assert not result.notes


@pytest.mark.parametrize(
    "line",
    [
        *("my photo 1", "my photo 1 -1", "my photo 1  1", "my photo 1.jpg"),
        *("my photo 1.JPG", "my photo 1.xml", "JPEGImages/my photo 1.jpg"),
        *("/home/x/VOC/JPEGImages/my photo 1.jpg", "JPEGImages\\my photo 1.jpg"),
    ],
)
def test_lines_of_image_sets(voc, tmp_path, line):
    save(voc / "JPEGImages/my photo 1.jpg", None)
    (voc / "Annotations/my photo 1.xml").write_text(XML)
    (voc / "ImageSets/Main/train.txt").write_text(f"a  1\n{line}\n._a\n")
    result = voc_to_coco(voc, tmp_path / "out", ["train"])["train"]
    assert names(result) == ["a.jpg", "my photo 1.jpg"]
    assert result.notes[0].startswith("1 hidden or system files passed over: ")


def test_a_name_listed_twice_in_two_ways_is_refused(voc, tmp_path):
    (voc / "ImageSets/Main/train.txt").write_text("a\nb\na.jpg\n")
    with pytest.raises(InputError, match=r"train.txt:3: a.jpg stands on line 1"):
        voc_to_coco(voc, tmp_path / "out", ["train"])


def test_photos_without_xml_are_counted_in_a_split_by_shares(voc, tmp_path, tool):
    for name in "wxyz":
        save(voc / f"JPEGImages/{name}.jpg", None)
    done = tool(TOOL, voc, tmp_path / "out", "--splits", "all=1")
    assert done.returncode == 0, done.stderr
    folder = voc / "JPEGImages"
    assert (
        f"4 photos without XML left out: {folder}/w.jpg, {folder}/x.jpg, "
        f"{folder}/y.jpg, …"
    ) in done.stdout
    result = voc_to_coco(voc, tmp_path / "listed", ["train"])["train"]
    assert not result.notes


def test_all_faults_of_all_files_are_listed(voc, tmp_path):
    damage(voc, "<name>cat</name>", "")
    damage(voc, "<xmin>60</xmin>", "<xmin>x</xmin>")
    (voc / "JPEGImages/a.jpg").write_bytes(b"no photo")
    (voc / "ImageSets/Main/train.txt").write_text("a\nb\nc\n")
    with pytest.raises(InputError) as error:
        voc_to_coco(voc, tmp_path / "out", ["train"])
    message = str(error.value)
    for words in ("4 faults: ", "c.xml not", "a.jpg is no", "b.xml:3", "b.xml:10"):
        assert words in message, message
    assert "\n" not in message


def test_the_same_split_by_shares_as_ever(tmp_path):
    for name in range(10):
        save(tmp_path / f"ds/JPEGImages/{name}.jpg", None)
        (tmp_path / "ds/Annotations").mkdir(exist_ok=True)
        (tmp_path / f"ds/Annotations/{name}.xml").write_text(XML)
    split = RandomSplit({"train": 0.7, "val": 0.3})
    results = voc_to_coco(tmp_path / "ds", tmp_path / "out", split)
    chosen = split({str(i): f"{i}.jpg" for i in range(10)})
    assert {k: names(v) for k, v in results.items()} == chosen
