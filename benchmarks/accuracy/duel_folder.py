"""Folder of one training of a duel: its settings, times, curve and checkpoints."""

import csv
import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config

from mmyolo_mnv1.analysis.machine import set_threads
from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.files import write_json

SETTINGS, TIMES, CURVE, LOCK = "run.json", "epochs.csv", "curve.jsonl", "lock"


class DuelTraining(NamedTuple):
    """Settings of a training and its evaluations.

    Args:
        config (str): Config file of ours, which a peer's training follows too.
        options (dict): Changes of the config, as in ``--cfg-options``.
        peer_options (dict, optional): Arguments of Ultralytics' trainer that differ
            from its defaults, and ``version``, the release; None for a training of
            ours.
        seed (int): Random seed.
        threads (int): CPU threads of PyTorch.
        workers (int): Worker processes of the data loader.
        every (int): Epochs between evaluations.
    """

    config: str
    options: dict
    peer_options: dict | None
    seed: int
    threads: int
    workers: int
    every: int

    def load(self) -> Config:
        """Load the config."""
        return load_config(self.config, dict(self.options))

    def epochs(self) -> list[int]:
        """Epochs after which the weights are evaluated, the last one included."""
        last = self.load().train_cfg.max_epochs
        return sorted({*range(self.every, last, self.every), last})


class EpochTimer:
    """Records the duration of each epoch in the training's folder."""

    def __init__(self, folder: Path, threads: int) -> None:
        self._path, self._threads = folder / TIMES, threads

    def start(self) -> None:
        """Start an epoch; sets the threads, which trainers change."""
        set_threads(self._threads)
        self._started = time.perf_counter()

    def stop(self, epoch: int) -> None:
        """End an epoch.

        Args:
            epoch (int): Its number, from 1.
        """
        seconds = time.perf_counter() - self._started
        with self._path.open("a") as file:
            file.write(f"{epoch},{seconds:.3f}\n")


def read_training(folder: Path) -> DuelTraining:
    """Read the settings of a folder's training."""
    return _read_json((folder / SETTINGS).read_text())


def write_training(training: DuelTraining, folder: Path) -> None:
    """Write the settings of a training into its folder, which is made."""
    write_json(training._asdict(), folder / SETTINGS, indent=1)


def claim_folder(training: DuelTraining, folder: Path) -> None:
    """Write the settings, or check that they equal those of an earlier call.

    Raises:
        InputError: If they differ.
    """
    if not (folder / SETTINGS).is_file():
        write_training(training, folder)
    elif read_training(folder) != _read_json(json.dumps(training._asdict())):
        raise InputError(
            f"{folder} holds a training with other settings ({SETTINGS}): name another "
            "--work-dir, or remove it"
        )


def read_times(folder: Path) -> dict[int, float]:
    """Read the seconds of each epoch trained so far, without evaluation."""
    if not (path := folder / TIMES).is_file():
        return {}
    with path.open(newline="") as file:
        return {int(epoch): float(seconds) for epoch, seconds in csv.reader(file)}


def read_curve(folder: Path) -> dict[int, dict]:
    """Read the metrics (``val_mAP``, …) of each epoch evaluated so far."""
    if not (path := folder / CURVE).is_file():
        return {}
    points = [json.loads(line) for line in path.read_text().splitlines()]
    return {point.pop("epoch"): point for point in points}


def is_finished(folder: Path) -> bool:
    """Whether a folder's training has test metrics, which only its last epoch has."""
    return any("test_mAP" in point for point in read_curve(folder).values())


def checkpoint_path(folder: Path, epoch: int) -> Path:
    """Path of the averaged weights (EMA) after an epoch, in MMEngine's format."""
    return folder / f"epoch_{epoch}.pth"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Lock a folder for this process; the lock ends with the process at the latest.

    Raises:
        InputError: If another process holds the lock.
    """
    with (folder / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{folder}: another process trains there: wait for it, or stop it"
            ) from None
        yield


def _read_json(text: str) -> DuelTraining:
    return DuelTraining(**json.loads(text))
