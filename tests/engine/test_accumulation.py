"""Small batches are collected up to a nominal one."""

import pytest
import torch
from mmengine.hooks import EMAHook
from mmengine.optim import OptimWrapper
from mmyolo.registry import RUNNERS
from torch import nn

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.engine.accumulation import SumOptimWrapper, accumulate
from mmyolo_mnv1.errors import InputError
from tests.helpers.small_runs import write_config


@pytest.mark.parametrize(
    ("batch", "count"), [(1, 64), (16, 4), (24, 3), (40, 2), (64, 1), (128, 1)]
)
def test_iterations_of_an_update(batch, count):
    """Ultralytics' rule: max(round(64 / batch), 1)."""
    cfg, found = accumulate(dict(type="AmpOptimWrapper"), 64, batch)
    assert found == count
    if count == 1:
        assert cfg == dict(type="AmpOptimWrapper")
    else:
        assert cfg == dict(type="SumAmpOptimWrapper", accumulative_counts=count)


def test_an_update_is_that_of_one_large_batch():
    """Losses are sums over images, as YOLO's: 4 batches of 16 are one of 64."""
    torch.manual_seed(0)
    images = torch.rand(64, 5)
    weights = []
    for wrapper, sizes in (
        (lambda o: OptimWrapper(o), [64]),
        (lambda o: SumOptimWrapper(o, accumulative_counts=4), [16] * 4),
    ):
        model = nn.Linear(5, 1)
        nn.init.constant_(model.weight, 0.5)
        nn.init.constant_(model.bias, 0)
        wrapped = wrapper(torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9))
        wrapped.initialize_count_status(model, 0, 8)
        for batch in images.split(sizes):
            wrapped.update_params(model(batch).square().mean() * len(batch))
        weights.append(model.weight.detach())
    assert not torch.allclose(weights[0], torch.full((1, 5), 0.5))
    torch.testing.assert_close(weights[1], weights[0])


@pytest.fixture
def runner(digits, tmp_path):
    """Build a runner of the long recipe with a batch of 4 and options."""

    def build(options: dict):
        data = 'ann_files = dict(train="a.json", val="a.json", test="a.json")'
        path = write_config(tmp_path / "c.py", digits, data, base="yolo11_mnv1_n.py")
        cfg = load_config(path, {"model.backbone.alpha": 0.25, **options})
        cfg.work_dir = str(tmp_path / "work")
        return RUNNERS.build(cfg)

    return build


def test_runner_collects(runner, tmp_path):
    built = runner({})
    wrapper = built.build_optim_wrapper(built.optim_wrapper)
    assert type(wrapper) is SumOptimWrapper and wrapper._accumulative_counts == 16
    (log,) = tmp_path.glob("work/*/*.log")
    assert "nominal batch 64: an update every 16 iterations of 4" in log.read_text()
    built = runner({"nominal_batch_size": 4})
    assert type(built.build_optim_wrapper(built.optim_wrapper)) is OptimWrapper


def test_shared_out_optimizer_alone_is_refused(runner):
    kind = "ZeroRedundancyOptimizer"
    built = runner({"optim_wrapper.optimizer.type": kind})
    with pytest.raises(InputError, match=f"{kind} is for several processes"):
        built.build_optim_wrapper(built.optim_wrapper)


@pytest.mark.train
def test_weights_are_averaged_once_an_update(digits, tmp_path):
    """12 iterations of 4 images are 6 updates of 8; MMEngine would average 12 times."""
    extra = "nominal_batch_size = 8\nmodel = dict(backbone=dict(alpha=0.25))"
    cfg = load_config(write_config(tmp_path / "c.py", digits, extra))
    cfg.work_dir = str(tmp_path / "work")
    built = RUNNERS.build(cfg)
    built.train()
    (hook,) = (hook for hook in built.hooks if isinstance(hook, EMAHook))
    assert built.iter == 12 and int(hook.ema_model.steps) == 6
