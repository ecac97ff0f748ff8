"""Start-up checks of the dataset: bad input ends with one line that names it."""

import json
import shutil

import cv2
import pytest
from mmyolo.registry import DATASETS, TRANSFORMS

from mmyolo_mnv1.datasets import CheckedCocoMetric
from mmyolo_mnv1.datasets.checks import find_bad_boxes
from mmyolo_mnv1.datasets.coco import CheckedCOCO
from mmyolo_mnv1.errors import InputError

CLASSES = tuple("0123456789")


@pytest.fixture
def copy(digits, tmp_path):
    """A copy of the digits data that a test may damage."""
    return shutil.copytree(digits, tmp_path / "digits")


def load(root, classes=CLASSES, **kwargs):
    return DATASETS.build(
        dict(
            type="CheckedCocoDataset",
            data_root=str(root),
            ann_file="annotations/train.json",
            data_prefix=dict(img="train/"),
            metainfo=dict(classes=classes),
            pipeline=[],
            **kwargs,
        )
    )


def edit(root, change):
    path = root / "annotations" / "train.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def refused(root, *words, **kwargs):
    with pytest.raises(InputError) as error:
        load(root, **kwargs)
    message = str(error.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


def test_good_data_loads(digits):
    dataset = load(digits)
    assert len(dataset) == 16
    assert dataset.get_data_info(0)["instances"]


def test_missing_annotation_file(copy):
    (copy / "annotations" / "train.json").unlink()
    refused(copy, "train.json not found", "cocodataset.org")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"images": 1}', "\x00\x01"])
def test_not_coco_json(copy, text):
    (copy / "annotations" / "train.json").write_text(text)
    refused(copy, "train.json", "COCO JSON")


def test_class_not_in_annotations(copy):
    refused(copy, "['ten']", "train.json", classes=(*CLASSES, "ten"))


def test_category_not_in_classes(copy):
    refused(copy, "['9']", "not among classes", "train.json", classes=CLASSES[:9])


def test_class_names_differ_in_case(copy):
    def upper(document):
        document["categories"][3]["name"] = "Three"

    edit(copy, upper)
    classes = ("0", "1", "2", "three", *CLASSES[4:])
    refused(copy, "['three']", "Three", "case included", classes=classes)


def test_classes_in_another_order(copy):
    remedy = f"set classes = {CLASSES}"
    refused(copy, "another order", remedy, classes=CLASSES[::-1])


def test_ignored_classes_are_left_out(copy):
    others = [name for name in CLASSES if name not in ("3", "7")]
    dataset = load(copy, classes=("3", "7"), ignore_classes=others)
    labels = {i["bbox_label"] for d in dataset for i in d["instances"]}
    assert labels == {0, 1}
    boxes = sum(len(d["instances"]) for d in dataset)
    document = json.loads((copy / "annotations" / "train.json").read_text())
    assert boxes == sum(a["category_id"] in (4, 8) for a in document["annotations"])


def test_empty_dataset(copy):
    edit(copy, lambda d: d.update(images=[], annotations=[]))
    refused(copy, "lists no image", "train.json")


def test_dataset_without_boxes(copy):
    edit(copy, lambda d: d.update(annotations=[]))
    refused(copy, "has no box", "train.json")


def test_normalised_boxes(copy):
    def normalise(document):
        for ann in document["annotations"]:
            ann["bbox"] = [v / 96 for v in ann["bbox"]]

    edit(copy, normalise)
    refused(copy, "has no box", "width, height in pixels")


def test_filter_that_leaves_nothing(copy):
    refused(copy, "no image left", "filter_cfg", filter_cfg=dict(min_size=1000))


@pytest.mark.parametrize(
    ("part", "key", "words"),
    [
        ("images", "id", "3 ids of images stand twice (1, 2, 3)"),
        ("annotations", "id", "3 ids of annotations stand twice"),
        ("categories", "id", "3 ids of categories stand twice"),
    ],
)
def test_ids_that_stand_twice(copy, part, key, words):
    edit(copy, lambda d: d[part].extend([dict(item) for item in d[part][:3]]))
    refused(copy, words, "train.json")


@pytest.mark.parametrize("key", ["image_id", "category_id"])
def test_box_of_nothing(copy, key):
    edit(copy, lambda d: [a.update({key: 999}) for a in d["annotations"][:4]])
    refused(copy, f"4 annotation ids have a {key}", "(1, 2, 3, ...)", "train.json")


def test_bad_boxes_are_counted(copy):
    def damage(document):
        for ann in document["annotations"][:2]:
            ann["bbox"][2] = 500
        for ann in document["annotations"][4:8]:
            ann["bbox"][3] = 0

    edit(copy, damage)
    document = json.loads((copy / "annotations" / "train.json").read_text())
    message = find_bad_boxes(document)
    assert "2 boxes reach out of their image (annotation 1: [" in message
    assert (
        "4 boxes are left out: below 1 px, outside, or of area 0 (annotation 5"
        in message
    )
    assert message.endswith(", ...)") and "\n" not in message


def test_good_boxes_are_not_counted(digits):
    document = json.loads((digits / "annotations" / "train.json").read_text())
    assert find_bad_boxes(document) == ""


def test_missing_images(copy):
    for number in (0, 2, 3, 5):
        (copy / "train" / f"{number:06d}.jpg").unlink()
    refused(copy, "4 missing", "000000.jpg", "000003.jpg", ", ...", "train.json")


@pytest.mark.parametrize("keep", [0, 1000])
def test_truncated_image(copy, keep):
    path = copy / "train" / "000001.jpg"
    path.write_bytes(path.read_bytes()[:keep])
    refused(copy, "1 truncated", "000001.jpg")


def test_bad_images_can_be_skipped(copy, caplog):
    (copy / "train" / "000001.jpg").unlink()
    (copy / "train" / "000003.jpg").write_bytes(b"")
    assert len(load(copy, on_bad_image="skip")) == 14
    with pytest.raises(InputError, match="bad_images in a config.* is 'ignore'"):
        load(copy, on_bad_image="ignore")


@pytest.mark.parametrize("form", [".png", ".webp", ".jpg"])
def test_format_is_detected_by_content(copy, form):
    """File names may be wrong, and cameras append data to a JPEG."""
    path = copy / "train" / "000001.jpg"
    _, content = cv2.imencode(form, cv2.imread(str(path)))
    path.write_bytes(content.tobytes() + (b"trailer" * 60 if form == ".jpg" else b""))
    assert len(load(copy)) == 16
    path.write_bytes(path.read_bytes()[:700])
    if form != ".webp":
        refused(copy, "1 truncated", "000001.jpg")


def test_photo_too_large_for_pillow(copy, monkeypatch):
    """200 megapixels with a trailer; OpenCV's limit is higher."""
    path = copy / "train" / "000001.jpg"
    path.write_bytes(path.read_bytes() + b"trailer" * 60)
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 10)
    assert len(load(copy)) == 16


def test_crowds_alone_do_not_count(copy):
    edit(copy, lambda d: [a.update(iscrowd=1) for a in d["annotations"]])
    refused(copy, "no box", "iscrowd 0")


@pytest.mark.parametrize("key", ["annotations", None])
def test_photos_to_test_on_need_no_boxes(copy, key):
    edit(copy, lambda d: d.pop(key) if key else d.update(annotations=[]))
    dataset = load(copy, require_boxes=False, test_mode=True)
    assert len(dataset) == 16


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["images"][0].pop("file_name"), "(1): add it"),
        (lambda d: d["images"][0].update(file_name=3), "have no text as file_name"),
        (lambda d: d["categories"][0].pop("name"), "have no text as name"),
        (lambda d: d["categories"][0].update(name="1"), "names of categories stand"),
        (lambda d: d["annotations"][0].update(area=float("nan")), "is no number"),
        (lambda d: d["annotations"][0].update(bbox=[float("nan")] * 4), "no number"),
        (
            lambda d: d["annotations"][0].update(area="big"),
            "annotation 1: area is 'big",
        ),
        (
            lambda d: d["annotations"][0].update(bbox=[1, 2]),
            "bbox is [1, 2]: give x, y",
        ),
        (lambda d: d["annotations"][0].update(bbox=None), "annotation 1: bbox is None"),
        (lambda d: d["annotations"][0].update(iscrowd="no"), "iscrowd is 'no': give"),
        (lambda d: d["annotations"][0].pop("image_id"), "KeyError: 'image_id'"),
        (lambda d: d["images"][0].pop("width"), "image 1: width is None, it is no num"),
    ],
)
def test_fields_missing_or_wrong(copy, change, words):
    edit(copy, change)
    refused(copy, words, "train.json")


def test_empty_category_with_the_name_of_another(copy):
    """Roboflow's category 0 has the name of the project."""
    expected = [info["instances"] for info in load(copy)]
    edit(copy, lambda d: d["categories"].insert(0, dict(id=0, name="3")))
    assert [info["instances"] for info in load(copy)] == expected


@pytest.mark.parametrize("policy", ["stop", "skip"])
def test_held_out_image_that_cannot_be_decoded(copy, policy):
    """The header is whole, the pixels are not."""
    path = copy / "train" / "000001.jpg"
    _, content = cv2.imencode(".webp", cv2.imread(str(path)))
    path = path.rename(path.with_suffix(".webp"))
    path.write_bytes(content.tobytes()[:700])
    edit(copy, lambda d: d["images"][1].update(file_name=path.name))
    pipeline = [dict(type="LoadImageFromFile")]
    options = dict(test_mode=True, on_bad_image=policy)
    dataset = load(copy, **options)
    if policy == "skip":
        assert len(dataset) == 15
        return
    dataset.pipeline.transforms.append(TRANSFORMS.build(*pipeline))
    with pytest.raises(InputError, match="000001.webp cannot be decoded: restore it"):
        dataset[1]


def test_verification_can_be_switched_off(copy):
    (copy / "train" / "000001.jpg").unlink()
    assert len(load(copy, verify_images=False)) == 16


def test_file_names_that_stand_twice(copy):
    """The boxes of one entry would be background for the other."""

    def change(document):
        for image in document["images"][1:3]:
            image["file_name"] = document["images"][0]["file_name"]

    edit(copy, change)
    words = "1 file names of images stand twice (000000.jpg): merge"
    refused(copy, words, "train.json")


def strip(document, field):
    for ann in document["annotations"]:
        ann.pop(field)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: strip(d, "iscrowd"),
        lambda d: strip(d, "area"),
        lambda d: [a.update(iscrowd=None, area=None) for a in d["annotations"]],
        lambda d: [a.update(area=str(a["area"])) for a in d["annotations"]],
        lambda d: [a.update(bbox=[*map(str, a["bbox"])]) for a in d["annotations"]],
        lambda d: [i.update(width=str(i["width"])) for i in d["images"]],
        lambda d: strip(d, "id"),
        lambda d: [a.update(id=a["id"] - 1) for a in d["annotations"]],
    ],
    ids=[
        "crowd",
        "area",
        "null",
        "text area",
        "text box",
        "text size",
        "no id",
        "id 0",
    ],
)
def test_fields_that_are_repaired(copy, change):
    expected = [info["instances"] for info in load(copy)]
    edit(copy, change)
    repaired = [info["instances"] for info in load(copy)]
    assert repaired == expected
    coco = CheckedCOCO(str(copy / "annotations/train.json"))
    assert coco.dataset["annotations"][0]["id"] == 1
    assert {a["iscrowd"] for a in coco.dataset["annotations"]} == {0}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_encodings_of_windows(copy, encoding):
    path = copy / "annotations/train.json"
    expected, text = [i["instances"] for i in load(copy)], path.read_text()
    mark = "\ufeff" if encoding == "utf-16-le" else ""
    path.write_bytes((mark + text).encode(encoding))
    assert [i["instances"] for i in load(copy)] == expected


def test_json_lines(copy):
    path = copy / "annotations/train.json"
    document = json.loads(path.read_text())
    path.write_text("\n".join(json.dumps(i) for i in document["images"]))
    refused(copy, "one JSON value a line (JSON lines)", "train.json")


def test_sizes_that_differ_are_found_at_start_up(copy):
    def change(document):
        for image in document["images"][:2]:
            image["width"] += 1

    edit(copy, change)
    words = "2 of another size than the annotations give ("
    refused(copy, words, "000000.jpg, ", "restore them", "bad_images = 'skip'")


def test_metric_reads_what_the_dataset_reads(copy):
    """Annotation ids from 0 and no ``iscrowd``: as Roboflow exports them."""
    path = copy / "annotations/train.json"
    before = CheckedCocoMetric(str(path))._coco_api.dataset["annotations"]
    edit(copy, lambda d: [a.update(id=a["id"] - 1) for a in d["annotations"]])
    edit(copy, lambda d: strip(d, "iscrowd"))
    assert CheckedCocoMetric(str(path))._coco_api.dataset["annotations"] == before
