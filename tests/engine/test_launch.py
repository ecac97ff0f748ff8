"""From the command line of ``tools/train.py`` and ``tools/test.py`` to the runner."""

import argparse
import json
import os
import pickle
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmyolo.registry import MODELS

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.engine import launch
from mmyolo_mnv1.errors import InputError

pytestmark = pytest.mark.train


@pytest.fixture
def config(root, digits, tmp_path):
    """A config on the small digits data."""
    path = tmp_path / "mine.py"
    path.write_text(
        f"""
_base_ = {str(root / "configs/yolo11_mnv1_n_digits.py")!r}
data_root = {str(digits)!r}
img_scale = (96, 96)
test_dataloader = dict(num_workers=0, persistent_workers=False)
"""
    )
    return path


@pytest.fixture
def parse():
    """Arguments as the tools get them."""
    parser = argparse.ArgumentParser()
    launch.add_launch_arguments(parser)
    return lambda *args: parser.parse_args([str(arg) for arg in args])


@pytest.fixture
def built(monkeypatch) -> list[Config]:
    """Configs of the runners that were to be built."""
    cfgs = []

    def build(cfg: Config) -> SimpleNamespace:
        cfgs.append(cfg)
        return SimpleNamespace(train=lambda: None, test=lambda: None)

    monkeypatch.setattr(launch, "RUNNERS", SimpleNamespace(build=build))
    return cfgs


def test_config_of_a_launch(config, parse, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "")  # so that it is put back
    monkeypatch.delenv("LOCAL_RANK")
    args = parse(config, "--local-rank", 3, "--launcher", "pytorch")
    cfg = launch.launch_config(args)
    assert cfg.work_dir == "work_dirs/mine" and cfg.launcher == "pytorch"
    assert os.environ["LOCAL_RANK"] == "3"
    options = ("--cfg-options", "work_dir=there", "rho=0.34")
    cfg = launch.launch_config(parse(config, *options))
    assert cfg.work_dir == "there" and cfg.input_size == 32
    assert os.environ["LOCAL_RANK"] == "3"  # torchrun's own stays
    cfg = launch.launch_config(parse(config, "--work-dir", "here", *options))
    assert cfg.work_dir == "here"


def test_resume(config, built, tmp_path):
    cfg = load_config(config, dict(work_dir=str(tmp_path), load_from="weights.pth"))
    launch.train_detector(cfg)
    assert built[-1].resume is False
    launch.train_detector(cfg, resume="auto")  # no checkpoint yet
    assert built[-1].resume is False and built[-1].load_from == "weights.pth"
    (tmp_path / "last_checkpoint").write_text(str(tmp_path / "epoch_2.pth"))
    launch.train_detector(cfg, resume="auto")
    assert built[-1].resume is True and built[-1].load_from is None
    checkpoint = tmp_path / "epoch_1.pth"
    with pytest.raises(InputError, match="epoch_1.pth not found"):
        launch.train_detector(cfg, resume=str(checkpoint))
    checkpoint.touch()
    launch.train_detector(cfg, resume=str(checkpoint))
    assert built[-1].load_from == str(checkpoint)
    launch.train_detector(cfg, resume="https://host/x.pth")
    assert built[-1].load_from == "https://host/x.pth"


@pytest.mark.parametrize(
    ("device", "wrapper"), [("cpu", "BF16OptimWrapper"), ("cuda", "AmpOptimWrapper")]
)
def test_amp(config, built, monkeypatch, device, wrapper):
    monkeypatch.setattr(launch, "get_device", lambda: device)
    for _ in range(2):  # twice is once
        launch.train_detector(cfg := load_config(config), amp=True)
    assert built[-1].optim_wrapper.type == wrapper
    cfg.optim_wrapper.type = "ApexOptimWrapper"
    with pytest.raises(InputError, match="optim_wrapper.type is ApexOptimWrapper"):
        launch.train_detector(cfg, amp=True)


@pytest.fixture
def checkpoint(config, tmp_path):
    """Weights without training."""
    torch.manual_seed(0)
    model = MODELS.build(load_config(config).model)
    model.init_weights()
    path = tmp_path / "weights.pth"
    torch.save(dict(state_dict=model.state_dict()), path)
    return path


def test_pickled_and_drawn_predictions(root, config, checkpoint, python, tmp_path):
    done = python(
        *(root / "tools/test.py", config, checkpoint, "--work-dir", tmp_path / "work"),
        *("--out", tmp_path / "out.pkl", "--show-dir", "shown"),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "coco/bbox_mAP:" in done.stdout
    predictions = pickle.loads((tmp_path / "out.pkl").read_bytes())
    assert len(predictions) == 6
    assert all(p["pred_instances"]["bboxes"].shape[1] == 4 for p in predictions)
    assert len(list(tmp_path.glob("work/*/shown/*.jpg"))) == 6


def test_test_time_augmentation_to_json(root, config, checkpoint, python, tmp_path):
    done = python(
        *(root / "tools/test.py", config, checkpoint, "--work-dir", tmp_path / "work"),
        *("--tta", "--json-prefix", tmp_path / "found"),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "coco/bbox_mAP:" not in done.stdout
    boxes = json.loads((tmp_path / "found.bbox.json").read_text())
    assert {box["image_id"] for box in boxes} == set(range(1, 7))


def test_json_of_several_metrics(config, built, checkpoint):
    args = SimpleNamespace(
        **dict(checkpoint=str(checkpoint), out=None, json_prefix="found", tta=False),
        **dict(show=False, show_dir=None),
    )
    cfg = load_config(config)
    coco = dict(type="mmyolo.CheckedCocoMetric")
    cfg.test_evaluator = [dict(coco), dict(type="VOCMetric"), dict(coco)]
    launch.test_detector(cfg, args)
    first, other, second = built[-1].test_evaluator
    assert first.format_only and first.outfile_prefix == "found"
    assert second.outfile_prefix == "found_2" and "format_only" not in other
    cfg.test_evaluator = [other]
    with pytest.raises(InputError, match="test_evaluator has no COCO metric: add one"):
        launch.test_detector(cfg, args)


def test_bad_arguments_of_test_end_with_one_line(config, built, checkpoint, tmp_path):
    args = SimpleNamespace(
        **dict(checkpoint=str(checkpoint), out=None, json_prefix=None, tta=False),
        **dict(show=False, show_dir=None, wait_time=2),
    )
    launch.test_detector(load_config(config), args)
    assert built[-1].load_from == str(checkpoint)
    for change, words in (
        (dict(checkpoint=str(tmp_path / "none.pth")), "none.pth not found"),
        (dict(out="x.json"), "--out x.json: give a name that ends in .pkl"),
    ):
        with pytest.raises(InputError, match=words):
            launch.test_detector(
                load_config(config), SimpleNamespace(**vars(args) | change)
            )
    cfg = load_config(config)
    cfg.pop("tta_model")
    with pytest.raises(InputError, match="mine.py has no tta_model"):
        launch.test_detector(cfg, SimpleNamespace(**vars(args) | dict(tta=True)))
    assert len(built) == 1
