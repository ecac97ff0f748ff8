"""Training speed against other projects, from a sample to an epoch."""

import time
from collections.abc import Sequence
from typing import NamedTuple

from mmengine.config import Config
from tqdm import tqdm

from mmyolo_mnv1.analysis.machine import check_least, describe_machine, machine_notes
from mmyolo_mnv1.analysis.tables import Column, Table
from mmyolo_mnv1.analysis.timing import spread
from mmyolo_mnv1.analysis.worker import workers
from mmyolo_mnv1.config import input_shape, load_config
from mmyolo_mnv1.errors import InputError

from ..harness.peers import check_peer
from .train_job import KINDS, LOADER, PARTS, SAMPLE, STEP, TrainJob

PEERS = ("ultralytics", "mmyolo")
ALL = "all"
COLUMNS = (
    Column("what", "what"),
    Column("side", "side"),
    Column("ms", "ms", "{:.2f}".format),
    Column("ms_low", "25 %", "{:.2f}".format),
    Column("ms_high", "75 %", "{:.2f}".format),
    Column("per_second", "images/s", "{:.1f}".format),
    Column("ratio", "this / ours", "{:.2f}".format),
    Column("ratio_low", "ratio 25 %", "{:.2f}".format),
    Column("ratio_high", "ratio 75 %", "{:.2f}".format),
)
NOTES = (
    "Medians and quartiles of interleaved rounds (A B A B …), each side in a process "
    "of its own, all with the same number of threads. this / ours: time of this side "
    "over ours, round by round: above 1 where ours is quicker.",
    "sample: ms a training sample, one process, one thread. loader: ms an image "
    "through the data loader's workers, which have a thread each. step: ms of a batch "
    "of made-up images and boxes, the same for all, with the same initial weights. "
    "postprocess: ms an image from a head's outputs (80 classes, the same for all) to "
    "detections, score above 0.001, NMS at 0.7. epoch: ms an image of each side's own "
    "trainer, without validation.",
)


class TrainPlan(NamedTuple):
    """What is measured, and how.

    Args:
        what (Sequence[str]): Of :data:`.train_job.KINDS`.
        peers (Sequence[str]): Of :data:`PEERS`.
        workers (int): Of the data loaders.
        threads (int): Of PyTorch.
        rounds (int): Measured turns of each. Defaults to 5.
        warmup (int): Turns before. Defaults to 1.
        samples (int): Samples of a turn of sample and loader. Defaults to 200.
        boxes (int): Ground truths of an image in step. Defaults to 20.
    """

    what: Sequence[str]
    peers: Sequence[str]
    workers: int
    threads: int
    rounds: int = 5
    warmup: int = 1
    samples: int = 200
    boxes: int = 20

    def check(self) -> None:
        """See to it that it can be carried out.

        Raises:
            InputError: If a number is out of range, or a name unknown.
        """
        least = dict(workers=0, threads=1, rounds=1, warmup=0, samples=1, boxes=0)
        check_least(self._asdict(), **least)
        for name in self.what:
            if name not in KINDS:
                raise InputError(f"--what {name}: choose from {', '.join(KINDS)}")
        for name in self.peers:
            if name not in PEERS:
                raise InputError(f"--peer {name}: choose from {', '.join(PEERS)}")
            if name != "mmyolo":
                check_peer(name)

    def sides(self, what: str) -> list[str]:
        """Who takes part; MMYOLO, which has no YOLO11, with its data only."""
        data_only = () if what in (SAMPLE, LOADER) else ("mmyolo",)
        return ["ours", *(peer for peer in self.peers if peer not in data_only)]


def benchmark_training(
    config: str, plan: TrainPlan, options: dict | None = None
) -> Table:
    """Measure.

    Args:
        config (str): File.
        plan (TrainPlan): How.
        options (dict, optional): By which the config is changed. Defaults to None.

    Returns:
        Table: A row for each measurement and side.

    Raises:
        InputError: If an argument is wrong or cannot be served here.
    """
    plan.check()
    cfg = load_config(config, options)
    machine = describe_machine("cpu", plan.threads)
    rows = []
    for what in plan.what:
        turns = _measure(what, config, plan, options or {})
        rows += _rows(what, turns, cfg)
    notes = [*NOTES, _how(cfg, plan), *machine_notes(machine)]
    document = dict(machine=machine, plan=plan._asdict(), rows=rows)
    return Table(COLUMNS, rows, notes, document)


def _measure(
    what: str, config: str, plan: TrainPlan, options: dict
) -> dict[str, list[dict[str, float]]]:
    """Milliseconds by part, turn by turn, for each side."""
    jobs = {
        side: TrainJob(
            *(side, what, config, options),
            plan.workers,
            plan.threads,
            plan.samples,
            plan.boxes,
        )
        for side in plan.sides(what)
    }
    turns = {side: [] for side in jobs}
    with workers(jobs) as ready:
        for number in tqdm(range(-plan.warmup, plan.rounds), what, disable=None):
            for side, worker in ready.items():
                time.sleep(0.1)
                result = worker.time(what)
                if number >= 0:
                    parts = result if isinstance(result, dict) else {ALL: result}
                    turns[side].append(parts)
    return turns


def _rows(what: str, turns: dict[str, list[dict]], cfg: Config) -> list[dict]:
    names = [ALL]
    if what == STEP:
        for parts in (turn for side in turns.values() for turn in side):
            parts[ALL] = sum(parts[name] for name in PARTS)
            parts["forward and backward"] = parts["forward"] + parts["backward"]
        names = [*PARTS, "forward and backward", ALL]
    rows = []
    for name in names:
        ours = [turn[name] for turn in turns["ours"]]
        for side, own in turns.items():
            times = [turn[name] for turn in own]
            ratios = [a / b for a, b in zip(times, ours, strict=True)]
            row = dict(
                what=what if name == ALL else f"{what}: {name}",
                side=side,
                **spread("ms", times),
                **({} if side == "ours" else spread("ratio", ratios)),
            )
            if name == ALL:
                images = cfg.train_dataloader.batch_size if what == STEP else 1
                row["per_second"] = 1000 * images / row["ms"]
            rows.append(row)
    return rows


def _how(cfg: Config, plan: TrainPlan) -> str:
    height, width = input_shape(cfg)
    return (
        f"{cfg.train_dataloader.dataset.ann_file} of {cfg.data_root}, {height} x "
        f"{width} px, batch {cfg.train_dataloader.batch_size}, {plan.workers} workers, "
        f"{plan.boxes} boxes an image in step, {plan.rounds} rounds after "
        f"{plan.warmup} of warm-up, {plan.samples} samples a turn."
    )
