"""docs/custom_data.md: every command, as it stands, on photos in three formats."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mmyolo_mnv1.weights.download import NAMED
from tests.helpers.mobilenet_layouts import as_timm, random_classifier

NAMES = ("cat", "dog")
PRETRAINED = "timm://mobilenetv1_100.ra4_e3600_r224_in1k"


@pytest.fixture
def workplace(root, digits, tmp_path) -> Path:
    """A folder with what a checkout has, and photos/{yolo,voc,labelme} in it."""
    for name in ("tools", "configs"):
        shutil.copytree(root / name, tmp_path / name)
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    for split in ("train", "val"):
        document = json.loads((digits / "annotations" / f"{split}.json").read_text())
        for image in document["images"]:
            boxes = [
                (ann["category_id"] % 2, ann["bbox"])
                for ann in document["annotations"]
                if ann["image_id"] == image["id"]
            ]
            photo = digits / split / image["file_name"]
            name = f"{split}{image['id']}"
            write_yolo(tmp_path / "photos/yolo", split, name, photo, boxes)
            write_voc(tmp_path / "photos/voc", split, name, photo, boxes)
            write_labelme(tmp_path / "photos/labelme", name, photo, boxes)
    weights = tmp_path / "weights" / NAMED[PRETRAINED].file  # in place of timm's
    weights.parent.mkdir()
    save_file(as_timm(random_classifier(1.0, 3)), weights)
    (tmp_path / "photos/yolo/data.yaml").write_text(
        "train: images/train\nval: images/val\nnames: [cat, dog]\n"
    )
    return tmp_path


def write_yolo(folder, split, name, photo, boxes):
    place(photo, folder / "images" / split / f"{name}.jpg")
    lines = [
        f"{label} {(x + w / 2) / 96} {(y + h / 2) / 96} {w / 96} {h / 96}"
        for label, (x, y, w, h) in boxes
    ]
    write(folder / "labels" / split / f"{name}.txt", "\n".join(lines))


def write_voc(folder, split, name, photo, boxes):
    place(photo, folder / "JPEGImages" / f"{name}.jpg")
    objects = "".join(
        f"<object><name>{NAMES[label]}</name><bndbox><xmin>{x + 1}</xmin>"
        f"<ymin>{y + 1}</ymin><xmax>{x + w + 1}</xmax><ymax>{y + h + 1}</ymax>"
        "</bndbox></object>"
        for label, (x, y, w, h) in boxes
    )
    write(folder / "Annotations" / f"{name}.xml", f"<annotation>{objects}</annotation>")
    listed = folder / "ImageSets/Main" / f"{split}.txt"
    before = listed.read_text() if listed.exists() else ""
    write(listed, f"{before}{name}\n")


def write_labelme(folder, name, photo, boxes):
    place(photo, folder / f"{name}.jpg")
    shapes = [
        dict(
            label=NAMES[label],
            points=[[x, y], [x + w, y + h]],
            shape_type="rectangle",
            group_id=None,
        )
        for label, (x, y, w, h) in boxes
    ]
    document = dict(
        shapes=shapes, imagePath=f"{name}.jpg", imageWidth=96, imageHeight=96
    )
    write(folder / f"{name}.json", json.dumps(document))


def place(photo, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(photo, path)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.slow
def test_every_command(root, workplace):
    page = (root / "docs/custom_data.md").read_text()
    blocks = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 8
    for block in blocks:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=workplace,
            env=dict(
                os.environ,
                MPLBACKEND="Agg",
                MMYOLO_MNV1_WEIGHTS=str(workplace / "weights"),
            ),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (
            f"{block}\n{done.stdout[-1000:]}{done.stderr[-2000:]}"
        )
    annotations = {
        name: [
            len(json.loads(p.read_text())["annotations"])
            for p in (workplace / "data" / name / "annotations").iterdir()
        ]
        for name in ("mine", "mine-voc", "mine-labelme")
    }
    totals = {name: sum(counts) for name, counts in annotations.items()}
    assert len(set(totals.values())) == 1 and totals["mine"] > 22
    checkpoint = workplace / "work_dirs/mine/epoch_40.pth"
    meta = torch.load(checkpoint, weights_only=False)["meta"]
    assert meta["dataset_meta"]["classes"] == NAMES
    assert list((workplace / "work_dirs/browse").glob("*.png"))
    assert len(list((workplace / "work_dirs/dataset").glob("*.png"))) == 3
    assert "bbox_mAP" in done.stdout  # the last command is the test
