"""Small trainings in processes that tests can kill."""

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
RECORDING = "tests.helpers.recording"
#: Loads what a training needs once; each process is then forked from it.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["mmyolo_mnv1.registration", RECORDING])

PLAIN_PIPELINE = """
train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", with_bbox=True, _scope_="mmdet"),
    dict(type="Letterbox", img_scale="${input_scale}"),
    dict(type="mmdet.PackDetInputs"),
]
"""


def write_config(
    path: Path, digits: Path, extra: str = "", base: str = "yolo11_mnv1_n_digits.py"
) -> Path:
    """A config for 3 epochs of 4 iterations at 64 px that records what it does."""
    path.write_text(
        f"""
_base_ = {str(ROOT / "configs" / base)!r}
custom_imports = dict(
    imports=["mmyolo_mnv1.registration", {RECORDING!r}]
)
data_root = {str(digits)!r}
img_scale = (64, 64)
max_epochs, close_mosaic_epochs, val_interval = 3, 1, 1
loader = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(loader, batch_size=4)
val_dataloader, test_dataloader = loader, loader
val_batch_size = 2
default_hooks = dict(logger=dict(interval=1), record=dict(type="RecordHook"))
{extra}
"""
    )
    return path


class Training:
    """A training in a process of its own.

    Args:
        config (Path): See :func:`write_config`.
        work_dir (Path): Also gets ``output.txt``.
    """

    def __init__(self, config: Path, work_dir: Path) -> None:
        self.work_dir = work_dir
        work_dir.mkdir(exist_ok=True)
        (work_dir / "output.txt").touch()
        self._recorded = len(records(work_dir))
        self.process = FORKS.Process(target=_train, args=(str(config), str(work_dir)))
        self.process.start()

    def wait_for(self, met: Callable[[], object], timeout: float = 120) -> None:
        """Wait until something is so, or the process ends."""
        end = time.monotonic() + timeout
        while not met() and self.process.is_alive():
            if time.monotonic() > end:
                self.kill()
                raise AssertionError(f"does not come: {self.output()[-3000:]}")
            time.sleep(0.001)

    def wait_for_iterations(self, count: int) -> None:
        """Wait until this process has done so many."""
        self.wait_for(lambda: len(records(self.work_dir)) > self._recorded + count)

    def wait_for_checkpoint(self, name: str) -> None:
        """Wait until it is the last."""
        self.wait_for(
            lambda: getattr(last_checkpoint(self.work_dir), "name", 0) == name
        )

    def finish(self) -> int:
        """Wait for the end; the exit status."""
        self.process.join(300)
        if self.process.exitcode is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise AssertionError(f"does not end: {self.output()[-3000:]}")
        return self.process.exitcode

    def kill(self, number: int = signal.SIGKILL) -> int:
        """Send a signal, to the data loader's workers as well; the exit status."""
        os.killpg(self.process.pid, number)
        return self.finish()

    def output(self) -> str:
        return (self.work_dir / "output.txt").read_text()

    def log(self) -> str:
        """MMEngine's logs of all its runs."""
        return "".join(p.read_text() for p in sorted(self.work_dir.glob("*/*.log")))


def _train(config: str, work_dir: str) -> None:
    """Train, from the last checkpoint if there is one."""
    os.setsid()
    output = os.open(f"{work_dir}/output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1), os.dup2(output, 2)
    torch.set_num_threads(1)
    from mmyolo_mnv1.config import load_config
    from mmyolo_mnv1.engine import launch

    cfg = load_config(config)
    cfg.work_dir = work_dir
    launch.train_detector(cfg, resume="auto")


def records(work_dir: Path, rank: int = 0) -> list[dict]:
    """What ``RecordHook`` wrote, oldest first."""
    path = work_dir / f"rank{rank}.jsonl"
    if not path.is_file():
        return []
    lines = path.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def last_checkpoint(work_dir: Path) -> Path | None:
    path = work_dir / "last_checkpoint"
    return Path(path.read_text()) if path.is_file() else None


class Launched:
    """One of ``tools/*.sh``, started.

    Args:
        script (str): Its name.
        args (object): Its arguments.
        variables (object): Environment variables.
    """

    def __init__(self, script: str, *args: object, **variables: object) -> None:
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 (a pipe could fill)
        self.process = subprocess.Popen(
            ["bash", str(ROOT / "tools" / script), *map(str, args)],
            env=environment(**variables),
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )

    def wait_for(self, met: Callable[[], object], timeout: float = 200) -> None:
        """Wait until something is so."""
        end = time.monotonic() + timeout
        while not met():
            assert self.process.poll() is None and time.monotonic() < end, self.output()
            time.sleep(0.01)

    def finish(self, status: int = 0, timeout: float = 300) -> str:
        """Wait for the end, which should have that exit status; what was put out."""
        try:
            self.process.wait(timeout)
        finally:
            self.process.kill()
        assert self.process.returncode == status, self.output()[-3000:]
        return self.output()

    def output(self) -> str:
        self._output.seek(0)
        return self._output.read()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]


def environment(**variables: object) -> dict[str, str]:
    """This environment, in which tests' modules are found, and some more variables."""
    mine = {k: v for k, v in os.environ.items() if k not in ("RANK", "LOCAL_RANK")}
    path = str(ROOT)
    added = {name: str(value) for name, value in variables.items()}
    return {**mine, "PYTHONPATH": path, "PYTHON": sys.executable, **added}
