"""Losses that are not finite neither pass unseen nor reach a checkpoint."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.optim import OptimWrapper

from mmyolo_mnv1.engine.nan_guard_hook import NanGuardHook
from mmyolo_mnv1.errors import InputError
from tests.helpers.recording import digest
from tests.helpers.small_runs import Training, last_checkpoint, records, write_config

pytestmark = pytest.mark.train


def poisoned(iters: list[int], extra: str = "") -> str:
    return (
        f"default_hooks['poison'] = dict(type='PoisonHook', iters={iters!r})\n{extra}\n"
    )


def test_stops_with_one_line_and_keeps_the_last_checkpoint(digits, tmp_path):
    config = write_config(tmp_path / "run.py", digits, poisoned([5, 6, 7]))
    training = Training(config, tmp_path / "work")
    training.wait_for_iterations(5)  # the best has been saved by then, too
    checkpoint = last_checkpoint(training.work_dir)
    before = checkpoint.read_bytes()
    assert training.finish() == 1
    line = training.output().strip().splitlines()[-1]
    assert line.startswith("mmyolo-mnv1: epoch 2, iteration 8: loss_")
    assert "not finite, 3 in a row" in line
    assert line.count(str(digits / "train")) == 4  # the batch
    assert f"the last good checkpoint is {checkpoint}" in line
    assert last_checkpoint(training.work_dir) == checkpoint
    assert checkpoint.read_bytes() == before


def test_stops_with_accumulated_gradients():
    """Every gradient is NaN; it is checked at each update, every fourth iteration."""
    weight = torch.nn.Parameter(torch.ones(1))
    wrapper = OptimWrapper(torch.optim.SGD([weight], 0.1), accumulative_counts=4)
    model = torch.nn.Module()
    runner = SimpleNamespace(
        **dict(optim_wrapper=wrapper, model=model, epoch=0, iter=0, work_dir=""),
        train_dataloader=SimpleNamespace(
            batch_sampler=[[0]] * 99,
            dataset=SimpleNamespace(get_data_info=lambda index: dict(img_path="a.jpg")),
        ),
    )
    guard = NanGuardHook(max_bad_iters=3)
    guard.before_train(runner)
    wrapper.initialize_count_status(model, 0, 99)
    with pytest.raises(InputError, match="iteration 12: the gradient not finite, 3 in"):
        for runner.iter in range(99):
            wrapper.update_params((weight * torch.nan).sum())
            guard.after_train_iter(runner, runner.iter, None, dict(loss=1.0))
    assert weight == 1


def test_few_bad_iterations_are_passed_over(digits, tmp_path):
    """Nothing that is saved has learnt from them."""
    config = write_config(tmp_path / "run.py", digits, poisoned([1, 2, 5]))
    training = Training(config, tmp_path / "work")
    assert training.finish() == 0, training.output()[-2000:]
    assert training.output().count("passed over") == 3
    assert "iteration 3: " in training.output()
    saved = torch.load(last_checkpoint(training.work_dir), weights_only=False)
    for state in (saved["state_dict"], saved["ema_state_dict"]):
        assert all(t.isfinite().all() for t in state.values())
    losses = [r["loss"] for r in records(training.work_dir) if "iter" in r]
    assert [loss == loss for loss in losses].count(False) == 3


def test_bad_iteration_changes_nothing(digits, tmp_path):
    """All bad but the last allowed: the weights stay those of the beginning."""
    extra = "max_epochs, close_mosaic_epochs = 1, 0\n"
    guard = "default_hooks['nan_guard'] = dict(type='NanGuardHook', max_bad_iters=9)\n"
    config = write_config(
        tmp_path / "run.py", digits, poisoned([0, 1, 2, 3], extra + guard)
    )
    training = Training(config, tmp_path / "work")
    assert training.finish() == 0, training.output()[-2000:]
    frozen = Training(
        write_config(
            tmp_path / "frozen.py",
            digits,
            extra + "optim_wrapper = dict(optimizer=dict(lr=0.0))",
        ),
        tmp_path / "frozen",
    )
    assert frozen.finish() == 0, frozen.output()[-2000:]
    first, second = (
        torch.load(last_checkpoint(t.work_dir), weights_only=False)["ema_state_dict"]
        for t in (training, frozen)
    )
    parameters = [n for n in first if n.endswith(("conv.weight", "conv.bias"))]
    assert parameters
    assert digest({n: first[n] for n in parameters}) == digest(
        {n: second[n] for n in parameters}
    )


def test_refuses_to_be_off():
    with pytest.raises(InputError, match="max_bad_iters is 0"):
        NanGuardHook(max_bad_iters=0)
