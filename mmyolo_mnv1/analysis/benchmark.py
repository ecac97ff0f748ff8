"""Latency of detectors by stage, throughput and memory."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from mmengine.config import Config

from ..config import input_shape, load_config
from ..errors import InputError
from .latency_job import POST, PRE, Job
from .machine import describe_machine, machine_notes
from .tables import Column, Table
from .timing import Plan, compare_times, spread
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
    "Medians and quartiles of interleaved rounds (A B A B …), each network in its own "
    "process. first / this: network time of the first config over this one's, round by "
    "round, by the same backend.",
    "Preprocessing: reading a JPEG of 640 x 427 px, the test pipeline, normalisation; "
    "network: input to decoded boxes and scores, Conv+BN fused; post-processing: "
    "decoding, score filter, NMS, back to the photo; boxes: what it leaves. images/s: "
    "the network's.",
    "Memory: peak while the network runs, its weights included; on CUDA what PyTorch "
    "allocated.",
)
UNTRAINED = "Untrained weights, BN statistics of the photo: the boxes are chance."


def benchmark(
    configs: Sequence[str],
    plan: Plan,
    options: dict | None = None,
    checkpoints: Sequence[Path] = (),
) -> Table:
    """Measure detectors against each other.

    Args:
        configs (Sequence[str]): Their files; ratios are to the first.
        plan (Plan): How.
        options (dict, optional): By which every config is changed. Defaults to None.
        checkpoints (Sequence[Path]): Weights, one a config. Defaults to none.

    Returns:
        Table: A row for each backend and config.

    Raises:
        InputError: If an argument is wrong or cannot be served here.
    """
    plan.check()
    loaded = load_detectors(configs, options)
    bases = base_jobs(configs, plan, options, checkpoints)
    jobs = {
        (number, name): base._replace(backend=name)
        for name in (None, *plan.backends)
        for number, base in enumerate(bases)
    }
    machine = describe_machine(plan.setting.device, plan.setting.threads)
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
    document = dict(machine=machine, plan=plan.describe(), rows=rows)
    return Table(COLUMNS, rows, notes, document)


def load_detectors(configs: Sequence[str], options: dict | None) -> list[Config]:
    """Read the configs of detectors.

    Raises:
        InputError: If one has no model, or no input size.
    """
    loaded = [load_config(config, options) for config in configs]
    for cfg in loaded:
        if not cfg.get("model"):
            raise InputError(f"config {cfg.filename} has no model: give a detector's")
        input_shape(cfg)
    return loaded


def base_jobs(
    configs: Sequence[str],
    plan: Plan,
    options: dict | None,
    checkpoints: Sequence[Path],
) -> list[Job]:
    """A job for each config, without a backend.

    Raises:
        InputError: If there are checkpoints, but not one for each config.
    """
    if checkpoints and len(checkpoints) != len(configs):
        raise InputError(
            f"{len(checkpoints)} checkpoints for {len(configs)} configs: give one each"
        )
    weights = checkpoints or [None] * len(configs)
    return [
        Job(config, options or {}, checkpoint, plan.batch, plan.setting, backend=None)
        for config, checkpoint in zip(configs, weights, strict=True)
    ]


def plan_notes(
    plan: Plan, loaded: Sequence[Config], checkpoints: Sequence[Path]
) -> list[str]:
    """How it was measured, as lines of Markdown."""
    shapes = dict.fromkeys("{} x {}".format(*input_shape(cfg)) for cfg in loaded)
    how = (
        f"Batch {plan.batch}, {', '.join(shapes)} px, {plan.setting.precision}, "
        f"{plan.rounds} rounds after {plan.warmup} of warm-up."
    )
    return [how] if checkpoints else [how, UNTRAINED]
