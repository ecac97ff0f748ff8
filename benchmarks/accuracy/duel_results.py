"""Results of a duel: metrics, times, and the time to reach the peer's mAP."""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.accuracy.duel_folder import (
    CURVE,
    TIMES,
    DuelTraining,
    is_finished,
    read_curve,
    read_times,
    read_training,
    write_training,
)
from benchmarks.harness.peers import ULTRALYTICS
from mmyolo_mnv1.analysis.machine import machine_notes
from mmyolo_mnv1.analysis.tables import Column, Table
from mmyolo_mnv1.errors import InputError

METRIC_TITLES = {
    "val_mAP": "val mAP",
    "val_mAP50": "val mAP@50",
    "test_mAP": "test mAP",
    "test_mAP50": "test mAP@50",
}
COLUMNS = (
    Column("model", "training"),
    Column("seeds", "seeds"),
    *(Column(key, title) for key, title in METRIC_TITLES.items()),
    Column("epoch_seconds", "an epoch, s", "{:.1f}".format),
    Column("minutes", "all, min", "{:.1f}".format),
    Column("catch_up", "time to the peer's mAP"),
)
NOTES = (
    "Mean ± standard deviation over seeds, of the averaged weights (EMA) after the "
    "last epoch. mAP is mAP@[.5:.95] by pycocotools; both sides have the same "
    "letterbox and thresholds of NMS.",
    "Each side has its own trainer and recipe; data, image size, epochs, batch, zoom, "
    "flips, threads and workers are the same. Times are of training alone.",
    "Time to the peer's mAP: until val mAP reaches the peer's final one of the same "
    "seed, at the resolution of the evaluations, as a fraction of its training time.",
)


class DuelResult(NamedTuple):
    """Result of one training.

    Args:
        seed (int): Random seed.
        seconds (list[float]): Duration of each epoch.
        curve (dict[int, dict]): Metrics by epoch.
        settings (dict): See :class:`.DuelTraining`.
    """

    seed: int
    seconds: list[float]
    curve: dict[int, dict]
    settings: dict

    @property
    def last(self) -> dict:
        """Metrics after the last epoch."""
        return self.curve[max(self.curve)]

    def seconds_to(self, mean_precision: float) -> float | None:
        """Training time until val mAP reaches a value; None if it does not."""
        for epoch, point in sorted(self.curve.items()):
            if point["val_mAP"] >= mean_precision:
                return sum(self.seconds[:epoch])
        return None


def read_result(folder: Path) -> DuelResult:
    """Read the result of a finished training."""
    times = read_times(folder)
    seconds = [times[epoch] for epoch in sorted(times)]
    training = read_training(folder)
    return DuelResult(training.seed, seconds, read_curve(folder), training._asdict())


def restore_results(path: Path, work_dir: Path) -> None:
    """Write the folders of an earlier duel's finished trainings, without weights.

    Args:
        path (Path): JSON of the earlier duel.
        work_dir (Path): Folder of the duel; trainings that it contains stay.

    Raises:
        InputError: If the file has another content.
    """
    try:
        trainings = json.loads(path.read_text())["results"]
        pairs = [
            (work_dir / name / f"seed{each['seed']}", DuelResult(**each))
            for name in trainings
            for each in trainings[name]
        ]
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise InputError(f"--known {path}: {e!r}: give a JSON of duel.py") from None
    for folder, result in pairs:
        if not folder.exists():
            write_training(DuelTraining(**result.settings), folder)
            times = enumerate(result.seconds, 1)
            text = "".join(f"{epoch},{seconds}\n" for epoch, seconds in times)
            (folder / TIMES).write_text(text)
            points = [dict(epoch=int(e), **p) for e, p in result.curve.items()]
            text = "".join(json.dumps(point) + "\n" for point in points)
            (folder / CURVE).write_text(text)


def tabulate(
    work_dir: Path, names: Sequence[str], seeds: Sequence[int], machine: dict
) -> Table:
    """Tabulate the finished trainings of a duel.

    Args:
        work_dir (Path): Folder of the duel.
        names (Sequence[str]): Names of the contestants.
        seeds (Sequence[int]): Seeds of each contestant.
        machine (dict): See :func:`.describe_machine`.
    """
    results = {}
    for name in names:
        folders = [work_dir / name / f"seed{seed}" for seed in seeds]
        if finished := [read_result(f) for f in folders if is_finished(f)]:
            results[name] = finished
    peers = next((results[n] for n in results if n.startswith(ULTRALYTICS)), None)
    rows = [_row(name, trainings, peers) for name, trainings in results.items()]
    document = dict(
        machine=machine,
        configs={
            name: _network(trainings[0].settings) for name, trainings in results.items()
        },
        results={
            name: [result._asdict() for result in trainings]
            for name, trainings in results.items()
        },
    )
    return Table(COLUMNS, rows, [*NOTES, *machine_notes(machine)], document)


def mean_and_deviation(values: Sequence[float], digits: int = 3) -> str:
    """Format mean ± standard deviation; the mean alone of a single value."""
    mean = f"{statistics.mean(values):.{digits}f}"
    if len(values) < 2:
        return mean
    return f"{mean} ± {statistics.stdev(values):.{digits}f}"


def _row(
    name: str, trainings: list[DuelResult], peers: list[DuelResult] | None
) -> dict:
    seconds = [each for training in trainings for each in training.seconds]
    row = dict(
        model=name,
        seeds=len(trainings),
        epoch_seconds=statistics.median(seconds),
        minutes=statistics.mean(sum(each.seconds) for each in trainings) / 60,
    )
    for key in METRIC_TITLES:
        row[key] = mean_and_deviation([each.last[key] for each in trainings])
    if peers and peers is not trainings:
        row["catch_up"] = _catch_up(trainings, peers)
    return row


def _catch_up(trainings: list[DuelResult], peers: list[DuelResult]) -> str | None:
    """Time to the peer's mAP over the peer's training time, mean over seeds."""
    parts = []
    by_seed = {peer.seed: peer for peer in peers}
    for training in trainings:
        if (peer := by_seed.get(training.seed)) is None:
            continue
        if (seconds := training.seconds_to(peer.last["val_mAP"])) is None:
            return "not reached"
        parts.append(seconds / sum(peer.seconds))
    return mean_and_deviation(parts, digits=2) if parts else None


def _network(settings: dict) -> str:
    """Name of a training's network: the config's, or the peer's own."""
    return Path((settings["peer_options"] or {}).get("model", settings["config"])).stem
