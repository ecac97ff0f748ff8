"""Training speed of several processes against one."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from mmyolo_mnv1.analysis.machine import check_least, describe_machine, machine_notes
from mmyolo_mnv1.analysis.tables import Column, Table
from mmyolo_mnv1.analysis.timing import spread
from mmyolo_mnv1.annotations.digits import make_digits
from mmyolo_mnv1.config import input_shape, load_config
from mmyolo_mnv1.errors import InputError

COLUMNS = (
    Column("processes", "processes"),
    Column("images_per_second", "images/s", "{:.2f}".format),
    Column("iteration_ms", "iteration, ms", "{:.0f}".format),
    Column("iteration_ms_low", "25 %", "{:.0f}".format),
    Column("iteration_ms_high", "75 %", "{:.0f}".format),
    Column("speedup", "times as fast", "{:.2f}".format),
    Column("speedup_low", "least round", "{:.2f}".format),
    Column("speedup_high", "best round", "{:.2f}".format),
)
NOTES = (
    "Processes train together (DDP), with one thread and the same number of images "
    "each; the first trains alone, without DDP. Rounds are interleaved (A B A B …).",
    "An iteration is loading and augmenting in the process itself, forward, backward, "
    "averaging of the gradients, update of the weights and of their average (EMA).",
)


class DDPPlan(NamedTuple):
    """How to measure.

    Args:
        processes (Sequence[int]): Numbers of processes; the first is compared with.
        rounds (int): Trainings of each.
        iterations (int): Measured ones of a training.
        warmup (int): Iterations before them.
    """

    processes: Sequence[int] = (1, 2)
    rounds: int = 3
    iterations: int = 6
    warmup: int = 2

    def check(self) -> None:
        """Refuse what cannot be measured.

        Raises:
            InputError: If a number is out of range.
        """
        check_least(self._asdict(), rounds=1, iterations=1, warmup=0)
        for count in self.processes:
            if not 1 <= count <= len(os.sched_getaffinity(0)):
                raise InputError(f"--processes {count}: give 1 to the number of cores")


def benchmark_ddp(config: str, plan: DDPPlan, options: dict | None = None) -> Table:
    """Train on digits made for it, with each number of processes in turn.

    Args:
        config (str): File of a config on the digits.
        plan (DDPPlan): How.
        options (dict, optional): By which the config is changed. Defaults to None.

    Returns:
        Table: A row for each number of processes.

    Raises:
        InputError: If an argument is wrong, or a training fails.
    """
    plan.check()
    cfg = load_config(config, options)
    batch, size = cfg.train_dataloader.batch_size, max(input_shape(cfg))
    total = plan.iterations + plan.warmup
    machine = describe_machine("cpu", threads=1)
    times = {count: [] for count in plan.processes}
    with tempfile.TemporaryDirectory(prefix="benchmark_ddp_") as folder:
        data = Path(folder) / "digits"
        make_digits(data, total * batch * max(plan.processes), num_val=1, size=size)
        job = dict(
            config=config,
            options={**(options or {}), "data_root": str(data)},
            iterations=total,
            work_dir=folder,
            out=f"{folder}/times.json",
        )
        for _ in tqdm(range(plan.rounds), "rounds", disable=None):
            for count in plan.processes:
                times[count].append(_train(job, count)[plan.warmup :])
    rows = _rows(times, batch)
    how = (
        f"{Path(config).stem}, {options or 'as it is'}, {size} px, batch {batch} a "
        f"process; {plan.rounds} rounds of {plan.iterations} iterations after "
        f"{plan.warmup}."
    )
    notes = [*NOTES, how, *machine_notes(machine)]
    document = dict(machine=machine, plan=plan._asdict(), options=options, rows=rows)
    return Table(COLUMNS, rows, notes, document)


def _train(job: dict, processes: int) -> list[float]:
    """Milliseconds of each iteration of a training."""
    worker = "mmyolo_mnv1.analysis.ddp_worker"
    command = [sys.executable, "-W", "ignore", "-m"]
    if processes > 1:
        command += ["mmyolo_mnv1.torchrun", str(processes)]
    job = dict(job, launcher="pytorch" if processes > 1 else "none")
    done = subprocess.run(
        [*command, worker, json.dumps(job)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        line = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise InputError(f"a training of {processes} processes failed: {line}")
    return json.loads(Path(job["out"]).read_text())


def _rows(times: dict[int, list[list[float]]], batch: int) -> list[dict]:
    """Sum up, with the speed-up round by round."""
    medians = {count: np.median(rounds, axis=1) for count, rounds in times.items()}
    first = next(iter(times))
    rows = []
    for count, rounds in times.items():
        speedups = medians[first] / medians[count] * count / first
        row = dict(
            processes=count,
            **spread("iteration_ms", np.concatenate(rounds).tolist()),
            speedup=round(float(np.median(speedups)), 4),
            speedup_low=round(float(speedups.min()), 4),
            speedup_high=round(float(speedups.max()), 4),
            iteration_ms_all=[[round(t, 1) for t in each] for each in rounds],
        )
        row["images_per_second"] = 1000 * count * batch / row["iteration_ms"]
        rows.append(row)
    return rows
