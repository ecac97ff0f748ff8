"""Trainings side by side: ours and Ultralytics', judged by one evaluator."""

import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from os import environ
from pathlib import Path
from typing import NamedTuple

import yaml
from tqdm import tqdm

from mmyolo_mnv1.analysis.machine import check_least, describe_machine, machine_notes
from mmyolo_mnv1.analysis.tables import Column, Table
from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.errors import InputError

from ..harness.peers import check_peer, has_peer
from .duel_run import RUN, Run, read_curve, read_run, read_times, write_run

PEER = "ultralytics"
LOG = "train.log"
METRICS = {
    "val_mAP": "val mAP",
    "val_mAP50": "val mAP@50",
    "test_mAP": "test mAP",
    "test_mAP50": "test mAP@50",
}
COLUMNS = (
    Column("model", "training"),
    Column("seeds", "seeds"),
    *(Column(key, title) for key, title in METRICS.items()),
    Column("epoch_seconds", "an epoch, s", "{:.1f}".format),
    Column("minutes", "all, min", "{:.1f}".format),
    Column("catch_up", "time to the peer's mAP"),
)
NOTES = (
    "Mean ± standard deviation over seeds, of the averaged weights (EMA) after the "
    "last epoch. mAP is mAP@[.5:.95] by pycocotools, both sides' weights in the same "
    "network, photos letterboxed alike.",
    "Each side has its own trainer and recipe; data, image size, epochs, batch, zoom, "
    "flips, threads and workers are the same. Times are of training alone.",
    "Time to the peer's mAP: until val mAP is as high as the peer's is at its end, "
    "in its training time; of the same seed, as far as evaluated.",
)
POLL = 1.0  # seconds


class DuelPlan(NamedTuple):
    """How to train and to watch.

    Args:
        seeds (Sequence[int]): A training of each contestant for each.
        threads (int): Of a training.
        workers (int): Of its data loader.
        every (int): Epochs from one evaluation to the next.
        jobs (int): Trainings at a time.
    """

    seeds: Sequence[int] = (0, 1, 2)
    threads: int = 1
    workers: int = 0
    every: int = 2
    jobs: int = 1

    def check(self) -> None:
        """Refuse what cannot be done.

        Raises:
            InputError: If a number is out of range.
        """
        check_least(self._asdict(), threads=1, workers=0, every=1, jobs=1)
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise InputError(f"--seeds {self.seeds}: give different ones")


def duel(
    configs: Sequence[str],
    plan: DuelPlan,
    work_dir: Path,
    options: dict | None = None,
    peer_options: Sequence[dict] = (),
) -> Table:
    """Train, evaluate, compare; what ``work_dir`` has already is not done again.

    Args:
        configs (Sequence[str]): Files, one for each training of ours.
        plan (DuelPlan): How.
        work_dir (Path): For logs, checkpoints and curves.
        options (dict, optional): By which all configs are changed. Defaults to None.
        peer_options (Sequence[dict]): A training of Ultralytics' for each, after the
            first config: what differs from its defaults; an empty one for them.

    Returns:
        Table: A row for each contestant.

    Raises:
        InputError: If an argument is wrong, the folder holds trainings of another
            kind, or a training fails.
    """
    plan.check()
    contestants = _contestants(configs, options or {}, peer_options)
    runs = {
        work_dir / name / f"seed{seed}": Run(**what, seed=seed, **_shared(plan))
        for seed in plan.seeds
        for name, what in contestants.items()
    }
    for folder, run in runs.items():
        _claim(folder, run)
    machine = describe_machine("cpu", plan.threads)
    _run_all(runs, plan)
    return tabulate(work_dir, list(contestants), plan.seeds, machine)


def read_peer_options(texts: Sequence[str]) -> dict:
    """Arguments of Ultralytics' trainer.

    Args:
        texts (Sequence[str]): Each ``KEY=VALUE``, the value as in YAML.

    Raises:
        InputError: If one is of another form.
    """
    options = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not key or not sign:
            raise InputError(f"--peer {text}: give KEY=VALUE, such as nbs=16")
        options[key] = yaml.safe_load(value)
    return options


def tabulate(
    work_dir: Path, names: Sequence[str], seeds: Sequence[int], machine: dict
) -> Table:
    """What the trainings in a folder gave.

    Args:
        work_dir (Path): Of :func:`duel`.
        names (Sequence[str]): Of the contestants.
        seeds (Sequence[int]): Of each.
        machine (dict): See :func:`.process.describe_machine`.
    """
    results = {
        name: [read_result(work_dir / name / f"seed{seed}") for seed in seeds]
        for name in names
    }
    peers = results.get(PEER)
    rows = [_row(name, runs, peers) for name, runs in results.items()]
    document = dict(
        machine=machine,
        configs={
            name: Path(read_run(work_dir / name / f"seed{seeds[0]}").config).stem
            for name in names
        },
        results={
            name: [result._asdict() for result in runs]
            for name, runs in results.items()
        },
    )
    return Table(COLUMNS, rows, [*NOTES, *machine_notes(machine)], document)


class Result(NamedTuple):
    """One training.

    Args:
        seed (int): Its seed.
        seconds (list[float]): Of each epoch.
        curve (dict[int, dict]): Metrics by epoch.
    """

    seed: int
    seconds: list[float]
    curve: dict[int, dict]

    @property
    def last(self) -> dict:
        """Metrics at the end."""
        return self.curve[max(self.curve)]

    def seconds_after(self, epoch: int) -> float:
        """Training time until an epoch's end."""
        return sum(self.seconds[:epoch])

    def seconds_to(self, mean_precision: float) -> float | None:
        """Training time until val mAP reaches a value; None if it does not."""
        for epoch, point in sorted(self.curve.items()):
            if point["val_mAP"] >= mean_precision:
                return self.seconds_after(epoch)
        return None


def read_result(folder: Path) -> Result:
    """What a finished training gave."""
    times = read_times(folder)
    seconds = [times[epoch] for epoch in sorted(times)]
    return Result(read_run(folder).seed, seconds, read_curve(folder))


def _contestants(
    configs: Sequence[str], options: dict, peer_options: Sequence[dict]
) -> dict[str, dict]:
    """What is trained, by name."""
    found = {}
    for config in configs:
        cfg = load_config(config, dict(options))
        if "train_dataloader" not in cfg or "classes" not in cfg:
            raise InputError(f"config {config}: give one that trains a detector")
        found[Path(config).stem] = dict(
            config=config, options=options, peer_options=None
        )
    if peer_options:
        check_peer(PEER)
        if not has_peer(load_config(configs[0], dict(options))):
            raise InputError(
                f"config {configs[0]}: Ultralytics has no model with this backbone: "
                "put a baseline first"
            )
    for changes in peer_options:
        name = "_".join([PEER, *(f"{key}={value}" for key, value in changes.items())])
        found[name] = dict(config=configs[0], options=options, peer_options=changes)
    return found


def _shared(plan: DuelPlan) -> dict:
    return dict(threads=plan.threads, workers=plan.workers, every=plan.every)


def _claim(folder: Path, run: Run) -> None:
    if not (folder / RUN).is_file():
        write_run(run, folder)
    elif read_run(folder) != run.as_read():
        raise InputError(
            f"{folder} holds a training with other settings ({RUN}): name another "
            "--work-dir, or remove it"
        )


def _run_all(runs: dict[Path, Run], plan: DuelPlan) -> None:
    """Run processes, so many at a time, until all are done."""
    last = {folder: run.epochs()[-1] for folder, run in runs.items()}
    waiting = [folder for folder in runs if last[folder] not in read_curve(folder)]
    running: dict[Path, subprocess.Popen] = {}
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with tqdm(total=sum(last.values()), desc="epochs", disable=None) as bar:
            while waiting or running:
                while waiting and len(running) < plan.jobs:
                    folder = waiting.pop(0)
                    running[folder] = _start(folder, plan.threads)
                time.sleep(POLL)
                for folder, process in list(running.items()):
                    if process.poll() is not None:
                        del running[folder]
                        _check(folder, process.returncode)
                bar.update(sum(len(read_times(each)) for each in runs) - bar.n)
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait()
        signal.signal(signal.SIGTERM, before)


def _start(folder: Path, threads: int) -> subprocess.Popen:
    """Start a training; its output goes to a log."""
    command = [sys.executable, "-m", "mmyolo_mnv1.analysis.duel_run", str(folder)]
    with (folder / LOG).open("a") as log:
        return subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**environ, "OMP_NUM_THREADS": str(threads)},
        )


def _check(folder: Path, status: int) -> None:
    if status:
        lines = (folder / LOG).read_text().strip().splitlines() or [""]
        raise InputError(
            f"{folder}: training ended with status {status}: {lines[-1]} (see {LOG} "
            "there)"
        )


def _row(name: str, runs: list[Result], peers: list[Result] | None) -> dict:
    seconds = [each for run in runs for each in run.seconds]
    row = dict(
        model=name,
        seeds=len(runs),
        epoch_seconds=statistics.median(seconds),
        minutes=statistics.mean(sum(run.seconds) for run in runs) / 60,
    )
    for key in METRICS:
        row[key] = mean_and_deviation([run.last[key] for run in runs])
    if peers and peers is not runs:
        row["catch_up"] = _catch_up(runs, peers)
    return row


def _catch_up(runs: list[Result], peers: list[Result]) -> str:
    """Part of the peers' time that it takes to be as good; mean over seeds."""
    parts = []
    for run, peer in zip(runs, peers, strict=True):
        if (seconds := run.seconds_to(peer.last["val_mAP"])) is None:
            return "not reached"
        parts.append(seconds / sum(peer.seconds))
    return mean_and_deviation(parts, digits=2)


def mean_and_deviation(values: Sequence[float], digits: int = 3) -> str:
    """Mean ± standard deviation; the mean alone of one value."""
    mean = f"{statistics.mean(values):.{digits}f}"
    if len(values) < 2:
        return mean
    return f"{mean} ± {statistics.stdev(values):.{digits}f}"
