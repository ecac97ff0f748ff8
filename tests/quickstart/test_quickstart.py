"""From labelled photos to a detector by one command; what it refuses."""

import json
import shutil
import time
from pathlib import Path

import cv2
import pytest

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.deploy import Detector
from mmyolo_mnv1.quickstart.project import Project, prepare, project_name
from tests.annotations.test_any_format import labelme, voc, yolo

TOOL = "tools/quickstart.py"


@pytest.fixture
def checkout(root, tmp_path, monkeypatch):
    """An empty folder with the base configs, in which the command is called."""
    shutil.copytree(root / "configs/_base_", tmp_path / "configs/_base_")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.train
def test_interrupted_command_continues_to_the_end(checkout, tool, monkeypatch):
    from mmyolo_mnv1.quickstart import steps

    labelme(checkout / "My photos", 12)
    args = "My photos", "--epochs", 1, "--img-scale", 64, "--alpha", 0.25
    args += "--pretrained", "none"
    with monkeypatch.context() as patch:
        patch.setattr(steps, "export_detector", lambda *_: raise_interrupt())
        done = tool(TOOL, *args)
    assert done.returncode == 1
    assert done.stderr.strip() == "mmyolo-mnv1: interrupted: the same command continues"
    config = checkout / "configs/my_photos.py"
    with config.open("a") as file:
        file.write("val_batch_size = 2  # mine\n")
    text, data = config.read_text(), (checkout / "data/my_photos").stat().st_mtime_ns

    done = tool(TOOL, *args)
    assert done.returncode == 0, done.stderr
    assert "are there: used as they are" in done.stdout
    assert "epoch_1 is there: the training is complete" in done.stdout
    assert config.read_text() == text
    assert (checkout / "data/my_photos").stat().st_mtime_ns == data
    work_dir = checkout / "work_dirs/my_photos"
    summary = json.loads((work_dir / "summary.json").read_text())
    assert summary["split"] == "val" and summary["photos"] == 2
    assert 0 <= summary["mAP"] <= summary["mAP_50"] <= 1
    steps_done = ["data", "training", "test", "export", "detection"]
    assert list(summary["seconds"]) == steps_done
    for name in ("train_stage2_1", "curves", "detections"):
        assert cv2.imread(str(work_dir / f"{name}.png")) is not None
    assert Detector(summary["model"]).names == ("cat",)
    assert len(list((work_dir / "predicted/pictures").rglob("*.jpg"))) == 2
    commands = done.stdout.split("The same by hand:\n")[1].splitlines()
    assert commands[0] == "mim train mmyolo_mnv1 configs/my_photos.py"
    assert commands[1].endswith(f"-C {summary['checkpoint']}")
    assert commands[2].startswith(f"python tools/predict.py {summary['model']} ")


def raise_interrupt():
    raise KeyboardInterrupt


def test_config_is_short_and_says_what_was_chosen(checkout):
    voc(checkout / "shots", dict(train=12, val=3, test=2))
    project = Project(checkout / "shots", "shots", scale="s", epochs=7, img_scale=64)
    assert "Pascal VOC labels" in prepare(project)
    assert len(project.config.read_text().splitlines()) <= 9
    cfg = load_config(project.config)
    assert cfg.model.scale == "s" and cfg.model.backbone.alpha == 0.5
    assert cfg.max_epochs == 7 and cfg.input_scale == (64, 64)
    assert cfg.classes == ("cat",) and cfg.pretrained.startswith("timm://")
    assert cfg.ann_paths["test"] == "data/shots/annotations/test.json"
    for split, count in (("train", 12), ("val", 3), ("test", 2)):
        document = json.loads((checkout / cfg.ann_paths[split]).read_text())
        assert len(document["images"]) == count
    (checkout / "mine.npz").touch()
    other = project._replace(pretrained="mine.npz", name="other")
    prepare(other)
    assert other.config.read_text().endswith('pretrained = "mine.npz"\n')


def test_test_photos_without_labels_are_not_tested_on(checkout):
    yolo(checkout / "shots", dict(train=9, val=3, test=3))
    for path in (checkout / "shots/labels/test").iterdir():
        path.unlink()
    project = Project(checkout / "shots", "shots", pretrained="none")
    prepare(project)
    cfg = load_config(project.config)
    assert cfg.ann_files.test == cfg.ann_files.val and cfg.pretrained is None


def test_name_is_not_shared_by_two_data_sets(checkout, tool):
    for folder in ("a/photos", "b/photos"):
        labelme(checkout / folder, 10)
    project = Project(checkout / "a/photos", project_name(checkout / "a/photos"))
    prepare(project)
    for removed in ("", "configs/photos.py"):
        (checkout / removed).is_file() and (checkout / removed).unlink()
        done = tool(TOOL, "b/photos")
        line = done.stderr.strip()
        assert done.returncode == 1 and "\n" not in line
        assert f"is for {checkout}/a/photos, not for {checkout}/b/photos" in line
        assert line.endswith("or remove configs/photos.py and data/photos")
    done = tool(TOOL, "b/photos", "--name", "")
    assert done.returncode == 1 and "--name" in done.stderr


def test_photos_in_the_folder_of_the_data(checkout, tool):
    voc(checkout / "data/hats", dict(train=12))
    done = tool(TOOL, "data/hats")
    assert done.returncode == 1
    line = done.stderr.strip()
    assert "data/hats is not of this command: give another --name" in line
    assert "\n" not in line and "remove" not in line


def test_what_a_second_call_does_not_use_is_named(checkout):
    labelme(checkout / "photos", 12)
    data = Path("photos")
    prepare(Project(data, "p"))
    assert len(prepare(Project(data, "p", epochs=40)).splitlines()) == 1
    changed = json.loads((data / "3.json").read_text())
    time.sleep(0.01)
    (data / "3.json").write_text(json.dumps(changed))
    lines = prepare(Project(data, "p", scale="m", alpha=1.0, pretrained="none"))
    lines = lines.splitlines()[1:]
    assert lines[0] == "--scale m is ignored: configs/p.py has n, edit it"
    assert lines[1] == "--alpha 1.0 is ignored: configs/p.py has 0.5, edit it"
    assert lines[2].startswith("--pretrained none is ignored: configs/p.py has timm://")
    assert "1 label files such as photos/3.json were changed since" in lines[3]
    assert "remove data/p, configs/p.py and work_dirs/p" in lines[3]


def test_data_used_in_place_of_a_config(root, checkout, digits):
    """The demo: DATA is the folder of a config that exists."""
    shutil.copy(root / "configs/yolo11_mnv1_n_digits.py", checkout / "configs/d.py")
    with (checkout / "configs/d.py").open("a") as file:
        file.write(f"data_root = {str(digits)!r}\n")
    assert "used as they are" in prepare(Project(digits, "d"))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda r: (labelme(r, 10), voc(r, dict(train=9))), "--labels labelme or voc"),
        (lambda r: r.mkdir(), "has 0 photos and no labels"),
        (lambda r: labelme(r, 9), "has 9 photos with labels: at least 10"),
        (lambda r: yolo(r, dict(train=10), "names: {0: cat, 2: dog}\n"), "names"),
        (lambda r: None, "not found"),
    ],
)
def test_bad_data_is_one_line_and_writes_nothing(checkout, tool, make, words):
    make(checkout / "shots")
    done = tool(TOOL, "shots")
    assert done.returncode == 1 and words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (checkout / "data/shots").exists()
    assert not (checkout / "configs/shots.py").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--alpha", 0), "--alpha 0"),
        (("--epochs", 0), "--epochs 0"),
        (("--img-scale", 100), "--img-scale 100"),
        (("--pretrained", "nowhere.pth"), "nowhere.pth"),
    ],
)
def test_bad_option_is_one_line_and_writes_nothing(checkout, tool, options, words):
    labelme(checkout / "shots", 10)
    done = tool(TOOL, "shots", *options)
    assert done.returncode == 1 and words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (checkout / "data").exists()
