"""Time training with several processes against one, on digits made for it."""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from benchmarks.harness.fresh_process import last_line, start_module
from mmyolo_mnv1.analysis.arguments import add_config_arguments, add_out_argument
from mmyolo_mnv1.analysis.machine import (
    available_threads,
    describe_machine,
    machine_notes,
)
from mmyolo_mnv1.analysis.tables import Column, Table, check_suffixes
from mmyolo_mnv1.analysis.timing import spread
from mmyolo_mnv1.annotations.digits import make_digits
from mmyolo_mnv1.config import input_shape, load_config
from mmyolo_mnv1.errors import InputError, check_least

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
    "Processes train together (DDP), each with one thread and the same number of "
    "images; a single process trains without DDP. Rounds are interleaved (A B A B …).",
    "An iteration: loading and augmentation in the process itself, forward, backward, "
    "averaging of gradients, update of the weights and of their average (EMA).",
)


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="on the digits, such as yolo11_mnv1_n_digits.py")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=6, help="of each round")
    parser.add_argument("--warmup", type=int, default=2, help="iterations not counted")
    add_config_arguments(parser)
    add_out_argument(parser)
    args = parser.parse_args(argv)
    check_suffixes(args.out)
    plan = DDPPlan(args.processes, args.rounds, args.iterations, args.warmup)
    table = benchmark_ddp(args.config, plan, args.cfg_options)
    print(table.markdown())
    table.write(args.out)


class DDPPlan(NamedTuple):
    """Numbers of processes, rounds and iterations.

    Args:
        processes (Sequence[int]): Numbers of processes; speed-ups refer to the first.
        rounds (int): Trainings with each number of processes.
        iterations (int): Measured iterations of a training.
        warmup (int): Iterations before them.
    """

    processes: Sequence[int] = (1, 2)
    rounds: int = 3
    iterations: int = 6
    warmup: int = 2

    def check(self) -> None:
        """Check that the plan can be executed.

        Raises:
            InputError: If a number is out of range.
        """
        check_least(self._asdict(), rounds=1, iterations=1, warmup=0)
        for count in self.processes:
            if not 1 <= count <= available_threads():
                raise InputError(f"--processes {count}: give 1 to the number of cores")


def benchmark_ddp(config: str, plan: DDPPlan, options: dict | None = None) -> Table:
    """Train with each number of processes, in interleaved rounds.

    Args:
        config (str): Config file on the digits.
        plan (DDPPlan): Numbers of processes, rounds and iterations.
        options (dict, optional): Changes of the config, as in ``--cfg-options``.
            Defaults to None.

    Returns:
        Table: One row per number of processes.

    Raises:
        InputError: If an argument is wrong or a training fails.
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
        arguments = dict(
            config=config,
            options={**(options or {}), "data_root": str(data)},
            iterations=total,
            work_dir=folder,
            out=f"{folder}/times.json",
        )
        for _ in tqdm(range(plan.rounds), "rounds", disable=None):
            for count in plan.processes:
                times[count].append(_train(arguments, count)[plan.warmup :])
    rows = _rows(times, batch)
    how = (
        f"{Path(config).stem}, {options or 'unchanged'}, {size} px, batch {batch} per "
        f"process; {plan.rounds} rounds of {plan.iterations} iterations after "
        f"{plan.warmup}."
    )
    notes = [*NOTES, how, *machine_notes(machine)]
    document = dict(machine=machine, plan=plan._asdict(), options=options, rows=rows)
    return Table(COLUMNS, rows, notes, document)


def _train(arguments: dict, processes: int) -> list[float]:
    """Milliseconds of each iteration of a training, launched as a user launches it."""
    launcher, command = "none", ["benchmarks.training.ddp_training"]
    if processes > 1:
        launcher = "pytorch"
        command = ["mmyolo_mnv1.environment.torchrun", str(processes), *command]
    process = start_module(
        *command,
        json.dumps(dict(arguments, launcher=launcher)),
        threads=1,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    _, errors = process.communicate()
    if process.returncode:
        line = last_line(errors)
        raise InputError(f"a training of {processes} processes failed: {line}")
    return json.loads(Path(arguments["out"]).read_text())


def _rows(times: dict[int, list[list[float]]], batch: int) -> list[dict]:
    """Summarise the rounds; speed-ups are by round."""
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


if __name__ == "__main__":
    sys.exit(main())
