"""Latency of detectors by stage, throughput and memory."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from mmengine.config import Config

from ..config import input_shape, load_config
from ..errors import InputError
from .latency_job import POST, PRE, LatencyJob
from .machine import describe_machine, machine_notes
from .tables import Column, Table
from .timing import LatencyPlan, compare_times, spread
from .worker import NETWORK, workers

COLUMNS = (
    Column("config", "config"),
    Column("backend", "backend"),
    Column("preprocessing_ms", "preprocessing, ms", "{:.1f}".format),
    Column("network_ms", "network, ms", "{:.1f}".format),
    Column("network_ms_low", "25 %", "{:.1f}".format),
    Column("network_ms_high", "75 %", "{:.1f}".format),
    Column("postprocessing_ms", "post-processing, ms", "{:.1f}".format),
    Column("boxes", "boxes"),
    Column("ratio", "first / this", "{:.3f}".format),
    Column("ratio_low", "ratio 25 %", "{:.3f}".format),
    Column("ratio_high", "ratio 75 %", "{:.3f}".format),
    Column("images_per_second", "images/s", "{:.1f}".format),
    Column("peak_memory_mb", "memory, MB", "{:.0f}".format),
)
NOTES = (
    "Medians and quartiles of interleaved rounds (A B A B …), one process per network. "
    "first / this: network time of the first config over this one's, by round, same "
    "backend.",
    "Preprocessing: reading a JPEG of 640 x 427 px, the test pipeline, normalisation; "
    "network: input to decoded boxes and scores, Conv+BN fused; post-processing: "
    "decoding, score filter, NMS, scaling to the photo; boxes: its detections. "
    "images/s: throughput of the network.",
    "Memory: peak while the network runs, including its weights; on CUDA, memory "
    "allocated by PyTorch.",
)
UNTRAINED = "Untrained weights, BN statistics of the photo: the boxes are arbitrary."


def benchmark(
    configs: Sequence[str],
    plan: LatencyPlan,
    options: dict | None = None,
    checkpoints: Sequence[str] = (),
) -> Table:
    """Measure the latency of detectors side by side.

    Args:
        configs (Sequence[str]): Config files; ratios refer to the first.
        plan (LatencyPlan): Backends and rounds.
        options (dict, optional): Changes of every config, as in ``--cfg-options``.
            Defaults to None.
        checkpoints (Sequence[str]): Weights, one per config. Defaults to none.

    Returns:
        Table: One row per backend and config.

    Raises:
        InputError: If an argument is wrong or the plan cannot be executed.
    """
    plan.check()
    loaded = load_detectors(configs, options)
    base = build_jobs(configs, plan, options, checkpoints)
    jobs = {
        (number, name): replace(job, backend=name)
        for name in (None, *plan.backends)
        for number, job in enumerate(base)
    }
    machine = describe_machine(plan.run_options.device, plan.run_options.threads)
    with workers(jobs) as ready:
        runs = {
            (*key, stage): partial(worker.time, stage)
            for key, worker in ready.items()
            for stage in ((PRE, POST) if key[1] is None else (NETWORK,))
        }
        times = plan.time(runs)
    rows = []
    for name in plan.backends:
        for number, cfg in enumerate(loaded):
            memory = ready[number, name].facts["peak_memory"]
            own, first = times[number, name, NETWORK], times[0, name, NETWORK]
            row = dict(
                config=Path(cfg.filename).stem,
                backend=name,
                input_shape=input_shape(cfg),
                trained=bool(checkpoints),
                **spread("preprocessing_ms", times[number, None, PRE]),
                **spread("postprocessing_ms", times[number, None, POST]),
                **ready[number, None].facts,
                **compare_times(own, first, plan.batch),
                peak_memory_mb=memory and round(memory / 1e6, 1),
            )
            rows.append(row)
    notes = [*NOTES, *plan_notes(plan, loaded, checkpoints), *machine_notes(machine)]
    document = dict(machine=machine, plan=plan.as_dict(), rows=rows)
    return Table(COLUMNS, rows, notes, document)


def load_detectors(configs: Sequence[str], options: dict | None) -> list[Config]:
    """Load the configs of detectors.

    Raises:
        InputError: If a config has no model or no input size.
    """
    loaded = [load_config(config, options) for config in configs]
    for cfg in loaded:
        if not cfg.get("model"):
            raise InputError(f"config {cfg.filename} has no model: give a detector's")
        input_shape(cfg)
    return loaded


def build_jobs(
    configs: Sequence[str],
    plan: LatencyPlan,
    options: dict | None,
    checkpoints: Sequence[str],
) -> list[LatencyJob]:
    """Build a job without a backend for each config.

    Raises:
        InputError: If there are checkpoints, but not one per config.
    """
    if checkpoints and len(checkpoints) != len(configs):
        raise InputError(
            f"{len(checkpoints)} checkpoints for {len(configs)} configs: give one each"
        )
    weights = checkpoints or [None] * len(configs)
    return [
        LatencyJob(config, options or {}, checkpoint, plan.batch, plan.run_options)
        for config, checkpoint in zip(configs, weights, strict=True)
    ]


def plan_notes(
    plan: LatencyPlan, loaded: Sequence[Config], checkpoints: Sequence[str]
) -> list[str]:
    """Format the plan as lines of Markdown."""
    shapes = dict.fromkeys("{} x {}".format(*input_shape(cfg)) for cfg in loaded)
    text = (
        f"Batch {plan.batch}, {', '.join(shapes)} px, {plan.run_options.precision}, "
        f"{plan.rounds_note()}"
    )
    return [text] if checkpoints else [text, UNTRAINED]
