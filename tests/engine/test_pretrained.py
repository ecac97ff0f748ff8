"""Trainings that start from weights of other projects."""

import numpy as np
import pytest
import torch
from mmyolo.registry import RUNNERS

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.errors import InputError
from tests.helpers.mobilenet_layouts import as_tf_slim, random_classifier
from tests.helpers.small_runs import write_config


@pytest.fixture(scope="module")
def original() -> dict:
    return random_classifier(1.0, 3)


@pytest.fixture
def build(digits, tmp_path, original):
    """Build a runner of the digits' config, α 0.25, with given options."""
    np.savez(tmp_path / "w.npz", **as_tf_slim(original))

    def run(**options):
        cfg = load_config(write_config(tmp_path / "run.py", digits), options)
        cfg.work_dir, cfg.custom_hooks = str(tmp_path / "work"), []
        return RUNNERS.build(cfg)

    return run


@pytest.mark.parametrize("place", ["pretrained", "init_cfg", "resume"])
def test_wider_weights_are_narrowed(build, tmp_path, original, place):
    """``resume`` without a checkpoint: MMYOLO's --resume sets load_from to None."""
    file = str(tmp_path / "w.npz")
    if place == "pretrained":
        runner = build(pretrained=file)
        runner.load_or_resume()
        assert runner.cfg.model.backbone.act_cfg.type == "ReLU6"
    elif place == "resume":
        runner = build(pretrained=file, resume=True, load_from=None)
        runner.load_or_resume()
    else:
        init_cfg = dict(type="Pretrained", prefix="backbone.", checkpoint=file)
        runner = build(**{"model.backbone.init_cfg": init_cfg})
        runner._init_model_weights()
    kept = runner.model.backbone.stem.conv.weight.flatten(1)
    wide = original["backbone.stem.conv.weight"].flatten(1)
    assert len(kept) == 8 and (kept[:, None] == wide).all(2).any(1).all()
    log = next((tmp_path / "work").glob("*/*.log")).read_text()
    assert log.count("narrowed from alpha 1 to 0.25; neck and head start from") == 1
    assert "tensors match" not in log


def test_checkpoints_say_what_their_weights_expect(build, tmp_path):
    runner = build(pretrained=str(tmp_path / "w.npz"))
    own = tmp_path / "own.pth"
    runner.save_checkpoint(
        str(tmp_path), own.name, save_optimizer=False, save_param_scheduler=False
    )
    meta = torch.load(own, weights_only=True)["meta"]
    assert meta["backbone"]["act_cfg"]["type"] == "ReLU6"
    assert meta["data_preprocessor"]["mean"] == [127.5] * 3

    runner = build(pretrained=str(own))
    assert runner.cfg.model.backbone.act_cfg.type == "ReLU6"
    runner = build(load_from=str(own))
    with pytest.raises(InputError, match="own.pth is not of .*act_cfg.type was ReLU6"):
        runner.test()


def test_unknown_name_ends_in_one_line(build):
    with pytest.raises(InputError, match="choose ultralytics://yolo11") as error:
        build(pretrained="ultralytics://yolo11q.pt")
    assert "\n" not in str(error.value)
