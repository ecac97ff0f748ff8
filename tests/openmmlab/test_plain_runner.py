"""MMEngine's own Runner trains our configs, with the hooks that they name."""

import json

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import EpochBasedTrainLoop, Runner

from mmyolo_mnv1.engine import ResumableEpochLoop, SafeCheckpointHook
from tests.openmmlab.workbench import EPOCHS, fresh_process

pytestmark = pytest.mark.train


def train(bench, work_dir, **options) -> Runner:
    """Train by MMEngine's ``Runner`` in a fresh state of OpenMMLab."""
    with fresh_process(bench.folder):
        cfg = Config.fromfile(bench.config)
        cfg.merge_from_dict(dict(options, work_dir=str(work_dir)))
        runner = Runner.from_cfg(cfg)
        runner.train()
    return runner


def losses(work_dir) -> list[float]:
    """Losses in the logs of a work directory, oldest first."""
    logs = sorted(work_dir.glob("*/vis_data/2*.json"))
    rows = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    return [row["loss"] for row in rows if "loss" in row]


def test_plain_runner_trains(bench, tmp_path):
    """Same losses and weights as by YOLO11Runner."""
    runner = train(bench, tmp_path)
    assert type(runner) is Runner
    assert type(runner.train_loop) is EpochBasedTrainLoop
    assert any(isinstance(hook, SafeCheckpointHook) for hook in runner.hooks)
    assert losses(tmp_path) == losses(bench.work_dir)
    for key in ("state_dict", "ema_state_dict"):
        paths = (tmp_path / "epoch_2.pth", bench.checkpoint)
        mine, expected = (torch.load(p, weights_only=False)[key] for p in paths)
        assert mine.keys() == expected.keys()
        assert all(torch.equal(mine[name], expected[name]) for name in mine)
    assert (tmp_path / "last_checkpoint").read_text() == str(tmp_path / "epoch_2.pth")


LOOPS = dict(
    mmengine=dict(by_epoch=True, max_epochs=EPOCHS, val_interval=9),
    resumable=dict(type="ResumableEpochLoop", max_epochs=EPOCHS, val_interval=9),
)


@pytest.mark.parametrize("loop", LOOPS)
def test_plain_runner_resumes(bench, tmp_path, loop):
    """With the losses of the uninterrupted training; by our loop too."""
    options = dict(resume=True, load_from=str(bench.work_dir / "epoch_1.pth"))
    train_cfg = dict(LOOPS[loop], _delete_=True)
    runner = train(bench, tmp_path, **options, train_cfg=train_cfg)
    assert runner.epoch == EPOCHS
    assert isinstance(runner.train_loop, ResumableEpochLoop) == (loop == "resumable")
    assert losses(tmp_path) == losses(bench.work_dir)[2:]
