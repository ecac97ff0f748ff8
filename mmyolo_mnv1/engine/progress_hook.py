"""Progress of training, validation and testing on the console."""

import logging
import os
import resource
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import torch
from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import LoggerHook
from mmengine.logging import MMLogger
from mmyolo.registry import HOOKS
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Column

REFRESH = 0.1  # seconds between two updates of the progress line
#: Parts of MMEngine's warnings that ask for nothing.
HARMLESS = (
    '"FileClient" will be deprecated',
    '"HardDiskBackend" is the alias',
    "is skipped since its requires_grad=False",
    "The model and loaded state dict do not match exactly",  # the runner counts them
)


@HOOKS.register_module()
class ProgressHook(LoggerHook):
    """``LoggerHook`` with a progress line on the console and the log in its file.

    On a terminal one line shows epoch, mean loss of the epoch, images/s, peak memory
    (of the GPU; on a CPU of the process), time left and the last mAP. A line for each
    epoch stays above it. In a pipe, and if the variable ``CI`` is set, only the lines
    of epochs are printed. COCO's table is printed after the last epoch and after a
    test. ``type="LoggerHook"`` restores MMEngine's output.

    Args:
        kwargs: See the parent.
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self._bar: Progress | None = None
        self._line = ""  # of the last epoch, until it is printed
        self._training = False

    def before_run(self, runner) -> None:
        """Start the progress line; leave only warnings of the log on the console."""
        super().before_run(runner)
        is_main = is_main_process()
        self._console = Console(quiet=not is_main, highlight=False)
        self._handlers = mute_console(runner.logger)
        if is_main and self._console.is_interactive and not os.environ.get("CI"):
            self._start()

    def before_train(self, runner) -> None:
        """Print where the log is, and from which epoch training continues."""
        self._training = True
        start = f" from epoch {runner.epoch + 1}" if runner.iter else ""
        log = Path(runner.logger.log_file)
        log = log.relative_to(Path.cwd()) if log.is_relative_to(Path.cwd()) else log
        self._print(f"training{start}; log: {log}")

    def before_train_epoch(self, runner) -> None:
        """Begin the progress of an epoch."""
        self._flush()
        self._images, self._iterations = 0, 0
        self._begun = time.perf_counter()
        self._reset(_epoch_name(runner, runner.epoch + 1), len(runner.train_dataloader))

    def after_train_iter(
        self, runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Log as the parent does; update the progress line."""
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        self._images += len(data_batch["inputs"]) * get_world_size()
        self._iterations += 1
        if self._is_due():
            left = timedelta(seconds=int(runner.message_hub.get_info("eta", 0)))
            text = f"{self._figures(runner)} ETA {left} {_last_map(runner)}"
            self._update(batch_idx, " ".join(text.split()))  # fits 80 columns

    def after_train_epoch(self, runner) -> None:
        """Complete the line of the epoch; the mAP follows if it is validated."""
        seconds = timedelta(seconds=round(time.perf_counter() - self._begun))
        name = _epoch_name(runner, runner.epoch + 1)
        self._line = f"{name}  {self._figures(runner)}  {seconds}"

    def before_val_epoch(self, runner) -> None:
        """Begin the progress of a validation."""
        name = _epoch_name(runner, runner.epoch, "val  ") if self._training else "val"
        self._reset(name, len(runner.val_dataloader))

    def after_val_iter(
        self, runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Log as the parent does; update the progress line."""
        super().after_val_iter(runner, batch_idx, data_batch, outputs)
        if self._is_due():
            self._update(batch_idx, _last_map(runner) if self._training else "")

    def after_val_epoch(self, runner, metrics: dict[str, float] | None = None) -> None:
        """Log as the parent does; add mAP, or a classifier's metrics, to the line."""
        super().after_val_epoch(runner, metrics)
        if self._training:
            others = [f"{name} {value:.1f}" for name, value in (metrics or {}).items()]
            shown = _last_map(runner, mark_best=True) or "  ".join(others)
            self._line += f"  {shown}"
        else:
            self._print_metrics(runner.val_evaluator, metrics)

    def after_train(self, runner) -> None:
        """Print the COCO table of the last validation, and the best checkpoint."""
        self._flush()
        self._training = False
        if runner.val_loop:
            self._print_tables(runner.val_evaluator)
        if best := runner.message_hub.get_info("best_ckpt"):
            self._print(f"best checkpoint: {best}")

    def before_test_epoch(self, runner) -> None:
        """Begin the progress of a test."""
        self._reset("test", len(runner.test_dataloader))

    def after_test_iter(
        self, runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Log as the parent does; update the progress line."""
        super().after_test_iter(runner, batch_idx, data_batch, outputs)
        if self._is_due():
            self._update(batch_idx, "")

    def after_test_epoch(self, runner, metrics: dict[str, float] | None = None) -> None:
        """Log as the parent does; print the COCO table and the metrics."""
        super().after_test_epoch(runner, metrics)
        self._print_metrics(runner.test_evaluator, metrics)

    def after_run(self, runner) -> None:
        """End the progress line."""
        self.close()
        super().after_run(runner)

    def close(self) -> None:
        """End the progress line, if it is shown, and restore standard output."""
        if not self._bar:
            return
        self._bar.stop()
        self._bar = None
        for handler, stream in self._streams:
            handler.setStream(stream)

    def _start(self) -> None:
        # Without a thread that refreshes it, which data loaders would fork.
        self._bar = Progress(
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=None, table_column=Column(ratio=1)),
            TaskProgressColumn(table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[text]}", table_column=Column(no_wrap=True)),
            console=self._console,
            auto_refresh=False,
            transient=True,
            expand=True,
        )
        self._bar.start()
        self._task = self._bar.add_task("", visible=False, text="")
        self._shown = 0.0
        # Warnings appear above the line: rich has replaced standard output.
        self._streams = [(h, h.setStream(sys.stdout)) for h in self._handlers]

    def _reset(self, name: str, total: int) -> None:
        if self._bar:
            self._shown = 0.0
            self._bar.reset(
                self._task, total=total, description=name, visible=True, text=""
            )

    def _is_due(self) -> bool:
        return self._bar is not None and time.perf_counter() - self._shown > REFRESH

    def _update(self, batch_idx: int, text: str) -> None:
        self._bar.update(self._task, completed=batch_idx + 1, text=text, refresh=True)
        self._shown = time.perf_counter()

    def _figures(self, runner) -> str:
        """Mean loss of the epoch so far, speed and peak memory."""
        seconds = time.perf_counter() - self._begun
        losses = runner.message_hub.log_scalars.get("train/loss")
        loss = losses.mean(max(self._iterations, 1)) if losses else float("nan")
        rate = self._images / seconds
        return f"loss {loss:7.3f}  {rate:5.1f} images/s  {_peak_memory():4.1f} GB"

    def _flush(self) -> None:
        if self._line:
            self._print(self._line)
            self._line = ""

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)

    def _print_tables(self, evaluator) -> None:
        for metric in evaluator.metrics:
            if table := getattr(metric, "table", ""):
                self._print(table)

    def _print_metrics(self, evaluator, metrics: dict[str, float] | None) -> None:
        self._print_tables(evaluator)
        texts = [f"{name}: {value:.4f}" for name, value in (metrics or {}).items()]
        self._print("  ".join(texts))


@contextmanager
def console(runner) -> Iterator[None]:
    """Context manager: with ProgressHook, library warnings go to the log file only.

    Without ProgressHook nothing changes. The progress line is closed when the block
    ends, also after an exception.

    Args:
        runner (Runner): The runner that trains or tests in the block.
    """
    hooks = [hook for hook in runner.hooks if isinstance(hook, ProgressHook)]
    if not hooks:
        yield
        return

    def log(message: Warning, category: type, filename: str, lineno: int, *_) -> None:
        text = warnings.formatwarning(message, category, filename, lineno)
        runner.logger.info(text.rstrip())

    with warnings.catch_warnings():
        warnings.showwarning = log
        try:
            yield
        finally:
            for hook in hooks:
                hook.close()


def mute_console(logger: MMLogger) -> list[logging.StreamHandler]:
    """Leave only warnings of a logger on the console; its file keeps everything.

    Returns:
        list[logging.StreamHandler]: Its handlers of the console.
    """
    handlers = [
        handler
        for handler in logger.handlers
        if isinstance(handler, logging.StreamHandler)
        and not isinstance(handler, logging.FileHandler)
    ]
    for handler in handlers:
        handler.setLevel(max(handler.level, logging.WARNING))
        handler.addFilter(_asks_for_something)
    return handlers


def _asks_for_something(record: logging.LogRecord) -> bool:
    return not any(text in record.getMessage() for text in HARMLESS)


def _epoch_name(runner, epoch: int, kind: str = "epoch") -> str:
    last = str(runner.max_epochs)
    return f"{kind} {epoch:{len(last)}}/{last}"


def _last_map(runner, mark_best: bool = False) -> str:
    """Format the latest validation mAP; mark it if it is the best so far."""
    for name, buffer in runner.message_hub.log_scalars.items():
        if name.startswith("val/") and name.endswith("mAP") and len(buffer.data[0]):
            *before, last = buffer.data[0].tolist()
            is_best = mark_best and last > max(before, default=0)
            return f"mAP {last:.3f}{' best' * is_best}"
    return ""


def _peak_memory() -> float:
    """Peak memory in GB: of the GPU's tensors, or of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
