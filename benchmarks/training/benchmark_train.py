"""Time training against other projects, from a sample to an epoch."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from mmengine.config import Config

from benchmarks.harness.peers import PACKAGES
from benchmarks.training.train_job import (
    MEASUREMENTS,
    OURS,
    STEP,
    STEP_PARTS,
    TRAINING_PEERS,
    TrainJob,
    TrainPlan,
)
from mmyolo_mnv1.analysis.arguments import (
    add_config_arguments,
    add_out_argument,
    add_round_arguments,
)
from mmyolo_mnv1.analysis.machine import describe_machine, machine_notes
from mmyolo_mnv1.analysis.tables import Column, Table, check_suffixes
from mmyolo_mnv1.analysis.timing import LatencyPlan, spread
from mmyolo_mnv1.analysis.worker import workers
from mmyolo_mnv1.config import input_shape, load_config

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
    "Medians and quartiles of interleaved rounds (A B A B …), one process per side, "
    "each with the same number of threads. this / ours: time of this side over ours, "
    "by round: above 1 if ours is faster.",
    "sample: ms per training sample, one process, one thread. loader: ms per image of "
    "the data loader, whose workers have one thread each. step: ms per batch of "
    "made-up images and boxes, equal for all sides, with equal initial weights. "
    "postprocess: ms per image from head outputs (80 classes, equal for all sides) to "
    "detections, score above 0.001, NMS at 0.7. epoch: ms per image of each side's own "
    "trainer, without validation.",
)


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config")
    parser.add_argument(
        *("--peer", "--peers"),
        dest="peers",
        nargs="+",
        default=[],
        help=f"of {', '.join(TRAINING_PEERS)}; mmyolo has data only",
    )
    parser.add_argument(
        "--what",
        nargs="+",
        default=MEASUREMENTS,
        help=f"of {', '.join(MEASUREMENTS)}; default: all",
    )
    parser.add_argument("--workers", type=int, default=2, help="of the data loaders")
    add_round_arguments(parser, rounds=5, warmup=1)
    parser.add_argument("--samples", type=int, default=200, help="per turn, of data")
    parser.add_argument("--boxes", type=int, default=20, help="per image, in step")
    add_config_arguments(parser)
    add_out_argument(parser)
    args = parser.parse_args(argv)
    check_suffixes(args.out)
    plan = TrainPlan(**{name: getattr(args, name) for name in TrainPlan._fields})
    table = benchmark_training(args.config, plan, args.cfg_options)
    print(table.markdown())
    table.write(args.out)


def benchmark_training(
    config: str, plan: TrainPlan, options: dict | None = None
) -> Table:
    """Measure training.

    Args:
        config (str): Config file.
        plan (TrainPlan): Measurements, sides and rounds.
        options (dict, optional): Changes of the config, as in ``--cfg-options``.
            Defaults to None.

    Returns:
        Table: One row per measurement and side.

    Raises:
        InputError: If an argument is wrong or a side cannot train the config.
    """
    plan.check()
    cfg = load_config(config, options)
    machine = describe_machine("cpu", plan.threads, PACKAGES)
    rows = []
    for what in plan.what:
        turns = _measure(what, config, plan, options or {})
        rows += _rows(what, turns, cfg)
    notes = [*NOTES, _describe(cfg, plan), *machine_notes(machine)]
    document = dict(machine=machine, plan=plan._asdict(), rows=rows)
    return Table(COLUMNS, rows, notes, document)


def _measure(
    what: str, config: str, plan: TrainPlan, options: dict
) -> dict[str, list[dict[str, float]]]:
    """Milliseconds by part, of each round, by side."""
    jobs = {
        side: TrainJob(side, what, config, options, plan) for side in plan.sides(what)
    }
    rounds = LatencyPlan(rounds=plan.rounds, warmup=plan.warmup)
    with workers(jobs) as ready:
        runs = {side: partial(worker.time, what) for side, worker in ready.items()}
        results = rounds.time(runs)
    return {
        side: [each if isinstance(each, dict) else {ALL: each} for each in turns]
        for side, turns in results.items()
    }


def _rows(what: str, turns: dict[str, list[dict]], cfg: Config) -> list[dict]:
    names = [ALL]
    if what == STEP:
        for parts in (turn for side in turns.values() for turn in side):
            parts[ALL] = sum(parts[name] for name in STEP_PARTS)
            parts["forward and backward"] = parts["forward"] + parts["backward"]
        names = [*STEP_PARTS, "forward and backward", ALL]
    rows = []
    for name in names:
        ours = [turn[name] for turn in turns[OURS]]
        for side, own in turns.items():
            times = [turn[name] for turn in own]
            ratios = [a / b for a, b in zip(times, ours, strict=True)]
            row = dict(
                what=what if name == ALL else f"{what}: {name}",
                side=side,
                **spread("ms", times),
                **({} if side == OURS else spread("ratio", ratios)),
            )
            if name == ALL:
                images = cfg.train_dataloader.batch_size if what == STEP else 1
                row["per_second"] = 1000 * images / row["ms"]
            rows.append(row)
    return rows


def _describe(cfg: Config, plan: TrainPlan) -> str:
    height, width = input_shape(cfg)
    return (
        f"{cfg.train_dataloader.dataset.ann_file} of {cfg.data_root}, {height} x "
        f"{width} px, batch {cfg.train_dataloader.batch_size}, {plan.workers} workers, "
        f"{plan.boxes} boxes per image in step, {plan.rounds} rounds after "
        f"{plan.warmup} of warm-up, {plan.samples} samples per turn."
    )


if __name__ == "__main__":
    sys.exit(main())
