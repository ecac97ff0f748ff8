"""What a training shows on a terminal, in a pipe, and in its log."""

import io
import logging
import re
import sys
import warnings
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import cv2
import pytest
from mmengine.logging import MessageHub, MMLogger
from rich.console import Console

from mmyolo_mnv1.engine import progress_hook
from mmyolo_mnv1.engine.progress_hook import ProgressHook, console
from tests.helpers.small_runs import write_config

COLOUR, MOVE = re.compile(r"\x1b\[[0-9;]*m"), re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


@pytest.fixture
def runner(tmp_path):
    """What the hook reads of a runner: two epochs of 3 iterations."""
    hub = MessageHub.get_instance(str(tmp_path))
    hub.update_info("eta", 83.0)
    log_processor = MagicMock()
    log_processor.get_log_after_iter.return_value = {}, "detail"
    log_processor.get_log_after_epoch.return_value = {}, "detail"
    evaluator = SimpleNamespace(metrics=[SimpleNamespace(table="COCO's table")])
    return SimpleNamespace(
        logger=MMLogger.get_instance(str(tmp_path), log_file=str(tmp_path / "x.log")),
        message_hub=hub,
        log_processor=log_processor,
        visualizer=MagicMock(),
        timestamp="now",
        experiment_name="name",
        train_dataloader=[None] * 3,
        val_dataloader=[None] * 2,
        val_evaluator=evaluator,
        val_loop=True,
        _train_loop=None,
        max_epochs=2,
        iter=0,
        epoch=0,
        hooks=[],
    )


def train(runner, hook, each_iter=lambda: None):
    """The hook's calls of a training that validates its second epoch."""
    runner.hooks = [hook]
    hook.before_run(runner)
    hook.before_train(runner)
    for _ in range(2):
        hook.before_train_epoch(runner)
        for index in range(3):
            runner.message_hub.update_scalar("train/loss", 4.0 + runner.iter)
            hook.after_train_iter(runner, index, dict(inputs=[0] * 8))
            runner.iter += 1
            each_iter()
        hook.after_train_epoch(runner)
        runner.epoch += 1
    hook.before_val_epoch(runner)
    for index in range(2):
        hook.after_val_iter(runner, index)
    runner.message_hub.update_scalar("val/coco/bbox_mAP", 0.5)
    hook.after_val_epoch(runner, {"coco/bbox_mAP": 0.5})
    hook.after_train(runner)


@pytest.fixture
def terminal(monkeypatch):
    """Make the hook's console a terminal of a width; returns what it gets."""

    def make(width: int) -> io.StringIO:
        screen = io.StringIO()
        fake = partial(Console, file=screen, force_terminal=True, width=width)
        monkeypatch.setattr(progress_hook, "Console", fake)
        monkeypatch.setattr(progress_hook, "REFRESH", -1)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("CI", raising=False)
        return screen

    return make


EPOCH = r"epoch {}/2  loss +{:.3f} +[\d.]+ images/s +\d+\.\d GB  0:00:0\d"


@pytest.mark.parametrize("width", [80, 160])
def test_terminal_shows_a_line_of_progress_and_keeps_epochs(runner, terminal, width):
    screen, before = terminal(width), sys.stdout
    hook = ProgressHook(interval=2)
    train(runner, hook, lambda: runner.logger.warning("mind the gap"))
    hook.after_run(runner)
    assert sys.stdout is before
    text = MOVE.sub("\n", COLOUR.sub("", screen.getvalue()))
    lines = [line.rstrip() for line in text.split("\n")]
    assert max(len(x) for x in lines if "log: " not in x) <= width
    progress = [line for line in lines if re.match(r"epoch 2/2 +[━╸╺]+ +\d+% ", line)]
    assert re.search(r"100% loss 8.000 .* images/s .* GB ETA 0:01:23$", progress[-1])
    assert [x for x in lines if re.match(r"val   2/2 +━+ +100%", x)]
    assert lines.count("COCO's table") == 1
    assert re.fullmatch(EPOCH.format(1, 5), next(x for x in lines if "0:00:0" in x))
    assert any(re.fullmatch(EPOCH.format(2, 8) + "  mAP 0.500 best", x) for x in lines)
    shown = [x for x in lines if "WARNING - mind the gap" in x]
    assert len(shown) == 1 and "detail" not in screen.getvalue()  # repeated: once
    log = Path(runner.logger.log_file).read_text()
    assert "detail" in log and "mind the gap" in log


def test_pipe_gets_one_line_an_epoch(runner, capsys, monkeypatch):
    monkeypatch.setenv("CI", "true")
    train(runner, ProgressHook())
    first, *epochs, table = capsys.readouterr().out.splitlines()
    assert first == f"training; log: {runner.logger.log_file}"
    assert re.fullmatch(EPOCH.format(1, 5), epochs[0]) and len(epochs) == 2
    assert re.fullmatch(EPOCH.format(2, 8) + "  mAP 0.500 best", epochs[1])
    assert table == "COCO's table"


def test_progress_ends_with_an_error_and_warnings_go_to_the_log(runner, terminal):
    screen, before = terminal(80), sys.stdout
    hook = ProgressHook()

    def fail():
        warnings.warn("odd", stacklevel=1)
        raise OSError("disk")

    runner.hooks = [hook]
    with pytest.raises(OSError), console(runner):
        train(runner, hook, fail)
    assert sys.stdout is before and "\x1b[?25h" in screen.getvalue()[-30:]  # cursor
    handlers = [h for h in runner.logger.handlers if type(h) is logging.StreamHandler]
    assert [h.stream for h in handlers] == [before]
    assert "odd" not in screen.getvalue()
    assert "UserWarning: odd" in Path(runner.logger.log_file).read_text()


@pytest.mark.train
def test_training_is_quiet_and_draws_its_pictures(digits, tmp_path, tool):
    """One more epoch renews the curves and the grid; the log has what MMEngine says."""
    work_dir, before = tmp_path / "work", [b""]
    for epochs in (1, 2):
        extra = f"max_epochs = {epochs}\nval_dataloader.update(batch_size=2)"
        config = write_config(tmp_path / "run.py", digits, extra)
        args = config, "--work-dir", work_dir, "--resume"
        done = tool("tools/train.py", *args)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        for start, count in (
            (f"epoch {epochs}/{epochs}  loss", 1),
            (" Average Pre", 6),
        ):
            assert len([x for x in lines if x.startswith(start)]) == count
        assert "INFO" not in done.stdout and "index" not in done.stdout
        paths = [work_dir / f"{name}.png" for name in ("curves", "detections")]
        pictures = [path.read_bytes() for path in paths]
        assert pictures[0] != before[0]
        before = pictures
    assert cv2.imread(str(work_dir / "detections.png")).shape == (800, 1600, 3)
    log = "".join(p.read_text() for p in work_dir.glob("*/*.log"))
    for words in ("System environment", "Epoch(train)", "Epoch(val) [1]", "maxDets="):
        assert words in log
