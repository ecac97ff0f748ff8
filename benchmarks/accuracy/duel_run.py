"""One training of a duel: ``python -m mmyolo_mnv1.analysis.duel_run FOLDER``."""

import csv
import fcntl
import importlib
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.runner import Runner
from mmyolo.registry import RUNNERS

from mmyolo_mnv1.analysis.machine import set_threads
from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.converters.ultralytics import read_ultralytics, ultralytics_to_mmyolo
from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.files import atomic_write
from mmyolo_mnv1.weights import save_checkpoint

from ..harness.peers import be_quiet
from ..training.side_ours import EpochHook, train_only
from ..training.side_ultralytics import trainer_arguments, write_dataset

RUN, TIMES, CURVE, LOCK = "run.json", "epochs.csv", "curve.jsonl", "lock"
METRICS = {"mAP": "coco/bbox_mAP", "mAP50": "coco/bbox_mAP_50"}


class Run(NamedTuple):
    """What is trained, and how it is watched.

    Args:
        config (str): File of our config; of a peer's run too, which follows it.
        options (dict): By which it is changed.
        peer_options (dict, optional): Arguments of Ultralytics' trainer that differ
            from its defaults; None: it is we who train.
        seed (int): Of the training.
        threads (int): Of PyTorch.
        workers (int): Of the data loader.
        every (int): Epochs from one evaluation to the next.
    """

    config: str
    options: dict
    peer_options: dict | None
    seed: int
    threads: int
    workers: int
    every: int

    def load(self) -> Config:
        """The config, resolved."""
        return load_config(self.config, dict(self.options))

    def as_read(self) -> "Run":
        """What comes back from its file: JSON has no tuples."""
        return Run(**json.loads(json.dumps(self._asdict())))

    def epochs(self) -> list[int]:
        """Those after which it is evaluated; the last is the last one."""
        last = self.load().train_cfg.max_epochs
        return sorted({*range(self.every, last, self.every), last})


def read_run(folder: Path) -> Run:
    """What a folder is for."""
    return Run(**json.loads((folder / RUN).read_text()))


def read_times(folder: Path) -> dict[int, float]:
    """Seconds of each epoch trained so far, without evaluation."""
    if not (path := folder / TIMES).is_file():
        return {}
    with path.open(newline="") as file:
        return {int(epoch): float(seconds) for epoch, seconds in csv.reader(file)}


def read_curve(folder: Path) -> dict[int, dict]:
    """Metrics by epoch, as far as evaluated: ``val_mAP`` and so on."""
    if not (path := folder / CURVE).is_file():
        return {}
    points = [json.loads(line) for line in path.read_text().splitlines()]
    return {point.pop("epoch"): point for point in points}


class Stopwatch:
    """Writes down how long each epoch took."""

    def __init__(self, folder: Path, threads: int) -> None:
        self._path, self._threads = folder / TIMES, threads

    def start(self) -> None:
        """An epoch begins; trainers set the number of threads as they like."""
        set_threads(self._threads)
        self._started = time.perf_counter()

    def stop(self, epoch: int) -> None:
        """An epoch has ended.

        Args:
            epoch (int): Counted from 1.
        """
        seconds = time.perf_counter() - self._started
        with self._path.open("a") as file:
            file.write(f"{epoch},{seconds:.3f}\n")


def checkpoint_path(folder: Path, epoch: int) -> Path:
    """Where the averaged weights after an epoch are, in our form."""
    return folder / f"epoch_{epoch}.pth"


def train_ours(run: Run, folder: Path) -> None:
    """Train by MMEngine's runner; goes on where it was stopped."""
    cfg = run.load()
    hook = cfg.default_hooks.checkpoint
    train_only(cfg, run.workers)
    hook.update(interval=run.every, max_keep_ckpts=-1, save_best=None)
    cfg.default_hooks.checkpoint = hook
    cfg.randomness.seed = run.seed
    cfg.work_dir = str(folder)
    cfg.resume = (folder / "last_checkpoint").is_file()
    runner = RUNNERS.build(cfg)
    watch = Stopwatch(folder, run.threads)
    hook = EpochHook(watch.start, lambda: watch.stop(runner.epoch + 1))
    runner.register_hook(hook)
    runner.train()


def train_ultralytics(run: Run, folder: Path) -> None:
    """Train by Ultralytics' trainer; goes on where it was stopped."""
    be_quiet()
    os.environ["YOLO_CONFIG_DIR"] = str(folder / "settings")
    train = importlib.import_module("ultralytics.models.yolo.detect.train")
    cfg = run.load()
    last = folder / "ultralytics" / "weights" / "last.pt"
    if last.is_file():
        overrides = dict(resume=str(last))
    else:
        data = folder / "data" / "data.yaml"
        if not data.is_file():
            write_dataset(cfg, data.parent)
        overrides = {
            **trainer_arguments(cfg),
            "optimizer": "auto",
            "device": "cpu" if get_device() == "cpu" else 0,
            "data": str(data),
            "epochs": cfg.train_cfg.max_epochs,
            "seed": run.seed,
            "project": str(folder.resolve()),
            "name": "ultralytics",
            "val": False,  # but for the last epoch; we evaluate
            **run.peer_options,
        }
    trainer = train.DetectionTrainer(overrides=overrides)
    trainer.args.workers = run.workers  # it sets 0 on CPUs
    watch = Stopwatch(folder, run.threads)
    wanted = set(run.epochs())

    def keep(trainer) -> None:
        if (epoch := trainer.epoch + 1) in wanted:
            source = read_ultralytics(trainer.last)
            weights, meta = ultralytics_to_mmyolo(source)
            save_checkpoint(weights, meta, checkpoint_path(folder, epoch))

    trainer.add_callback("on_train_epoch_start", lambda _: watch.start())
    trainer.add_callback("on_train_epoch_end", lambda t: watch.stop(t.epoch + 1))
    trainer.add_callback("on_model_save", keep)
    trainer.train()


def evaluate(run: Run, folder: Path) -> None:
    """Evaluate what was trained; the checkpoints but the last go.

    Both sides' weights are in our network here, which computes the same as
    Ultralytics', so that photos, post-processing and evaluator are the same.
    """
    set_threads(run.threads)
    known, epochs = read_curve(folder), run.epochs()
    testers = {split: _tester(run, folder, split) for split in ("val", "test")}
    for epoch in epochs:
        path = checkpoint_path(folder, epoch)
        if epoch not in known:
            point = dict(epoch=epoch)
            for split, tester in testers.items():
                if split == "val" or epoch == epochs[-1]:
                    point.update(_metrics(tester, path, split))
            with (folder / CURVE).open("a") as file:
                file.write(json.dumps(point) + "\n")
        if epoch != epochs[-1]:
            path.unlink(missing_ok=True)


def _metrics(tester: Runner, path: Path, split: str) -> Iterator[tuple[str, float]]:
    tester.load_checkpoint(str(path))
    found = tester.test()
    return ((f"{split}_{name}", found[key]) for name, key in METRICS.items())


def _tester(run: Run, folder: Path, split: str) -> Runner:
    cfg = run.load()
    loader, evaluator = cfg[f"{split}_dataloader"], cfg[f"{split}_evaluator"]
    train_only(cfg, 0)
    loader.update(num_workers=0, persistent_workers=False)
    cfg.update(
        test_dataloader=loader,
        test_evaluator=evaluator,
        test_cfg=dict(type="TestLoop"),
        custom_hooks=[],
        work_dir=str(folder / split),
    )
    for name in ("train_cfg", "train_dataloader", "optim_wrapper", "param_scheduler"):
        cfg[name] = None
    cfg.auto_scale_lr = None
    return RUNNERS.build(cfg)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let one process at a time train in a folder; the system frees it when it dies.

    Raises:
        InputError: If another one does.
    """
    with (folder / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{folder}: another process trains there: wait for it, or stop it"
            ) from None
        yield


def main() -> None:
    folder = Path(sys.argv[1])
    run = read_run(folder)
    with alone(folder):
        if not checkpoint_path(folder, run.epochs()[-1]).is_file():
            train = train_ours if run.peer_options is None else train_ultralytics
            train(run, folder)
        evaluate(run, folder)


def write_run(run: Run, folder: Path) -> None:
    """Say in a folder what it is for."""
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / RUN) as temporary:
        temporary.write_text(json.dumps(run._asdict(), indent=1))


if __name__ == "__main__":
    main()
