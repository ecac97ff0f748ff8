"""Detections from a checkpoint and from files; bad input."""

import json
import os
import pickle
import sys
from pathlib import Path

import pytest
import torch

from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.evaluation.data import detect, load_truth, read_detections
from mmyolo_mnv1.evaluation.eval_report import eval_report
from mmyolo_mnv1.weights import save_checkpoint

MIM = Path(sys.executable).with_name("mim")


@pytest.mark.train
def test_checkpoint_detects_as_mim_test_does(config, checkpoint, python, tmp_path):
    cfg = config()
    work_dir = tmp_path / "test"
    cfg.dump(tmp_path / "config.py")
    done = python(
        *(MIM, "test", "mmyolo", tmp_path / "config.py", "-C", checkpoint),
        *("--work-dir", work_dir, "--out", tmp_path / "samples.pkl"),
        *("--json-prefix", tmp_path / "coco"),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    truth = load_truth(cfg)
    expected = read_detections(tmp_path / "coco.bbox.json", truth)
    assert len(expected) > 100
    assert read_detections(tmp_path / "samples.pkl", truth) == expected
    report = eval_report(cfg, tmp_path / "out", checkpoint, worst=2)
    kept = tmp_path / "out/detections.bbox.json"
    assert json.loads(kept.read_text()) == expected
    again = eval_report(cfg, tmp_path / "again", results=kept, worst=2)
    assert again.pop("source") == str(kept)
    assert report.pop("source") == str(checkpoint)
    assert again == report and report["detections"] == len(expected)


class MakeFolder:
    """Object whose unpickling makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_hostile_pickle_is_not_run(config, tmp_path):
    truth = load_truth(config())
    path, victim = tmp_path / "results.pkl", tmp_path / "victim"
    path.write_bytes(pickle.dumps([MakeFolder(victim)]))
    with pytest.raises(InputError, match=r"would call (posix|nt)\.mkdir: refused"):
        read_detections(path, truth)
    assert not victim.exists()
    path.write_bytes(pickle.dumps([])[:-1])
    with pytest.raises(InputError, match="results.pkl cannot be read"):
        read_detections(path, truth)


def test_refuses_results(config, tmp_path):
    truth = load_truth(config())
    path = tmp_path / "results.json"
    good = dict(image_id=1, category_id=1, bbox=[0, 0, 5, 5], score=0.5)

    def refused(text: str) -> str:
        path.write_text(text)
        with pytest.raises(InputError) as error:
            read_detections(path, truth)
        assert str(path) in str(error.value) and "\n" not in str(error.value)
        return str(error.value)

    for text in ("", "{", '{"a": 1}', "[1]", "[[]]", "3", "[{}]"):
        assert "cannot be read" in refused(text)
    assert "cannot be read" in refused(json.dumps([good | dict(bbox=[0, 0, 5])]))
    for change, words in (
        (dict(image_id=99), "image_id 99 is not in the test set"),
        (dict(category_id=0), "category_id 0 is of no class"),
        (dict(bbox=[0, 0, -1, 5]), "bbox is [0, 0, -1, 5]"),
        (dict(bbox=[0, 0, float("nan"), 5]), "bbox is [0, 0, nan, 5]"),
        (dict(score=1.5), "score is 1.5"),
        (dict(score=float("nan")), "score is nan"),
    ):
        message = refused(json.dumps([good, good | change]))
        assert f"detection 1: {words}" in message and truth.ann_file in message
    path.unlink()
    with pytest.raises(InputError, match="results.json not found"):
        read_detections(path, truth)


def test_refuses_another_models_checkpoint(config, checkpoint, digits, tmp_path):
    ann_file = str(digits / "annotations/val.json")
    other = config(**{"model.backbone.alpha": 0.5})
    with pytest.raises(InputError, match="untrained.pth is not of .*digits.py: ") as e:
        detect(other, checkpoint, ann_file)
    assert "of another shape" in str(e.value) and "\n" not in str(e.value)
    save_checkpoint(dict(weight=torch.zeros(1)), {}, tmp_path / "other.pth")
    with pytest.raises(InputError, match="0 of the model"):
        detect(config(), tmp_path / "other.pth", ann_file)
    with pytest.raises(InputError, match="none.pth not found"):
        detect(config(), tmp_path / "none.pth", ann_file)


def test_refuses_invalid_test_sets(config, digits, tmp_path):
    coco = json.loads((digits / "annotations/val.json").read_text())
    for ann in coco["annotations"]:
        ann["iscrowd"] = 1
    (tmp_path / "crowds.json").write_text(json.dumps(coco))
    with pytest.raises(InputError, match="crowds.json has no box but crowds"):
        load_truth(config(**{"ann_files.test": str(tmp_path / "crowds.json")}))
    with pytest.raises(InputError, match="6 missing"):
        load_truth(config(**{"img_dirs.test": "nowhere/"}))
    cfg = config()
    cfg.test_dataloader = None
    with pytest.raises(InputError, match="digits.py has no test_dataloader"):
        load_truth(cfg)
    cfg.test_dataloader = dict(dataset=dict(type="mmdet.XMLDataset", lazy_init=True))
    with pytest.raises(InputError, match="is a XMLDataset: use CheckedCocoDataset"):
        load_truth(cfg)
