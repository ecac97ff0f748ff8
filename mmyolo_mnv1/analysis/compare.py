"""The headline table: counts, latency and accuracy of models side by side."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config

from ..config import input_shape
from ..errors import InputError
from .benchmark import build_jobs, load_detectors, plan_notes
from .complexity import COUNTED, build_meta_model, measure_complexity
from .latency_job import LatencyJob
from .machine import describe_machine, machine_notes
from .tables import Column, Table, billions, millions
from .timing import LatencyPlan, compare_times
from .worker import workers

#: Models of the article, with its single class.
HEADLINE = ("configs/yolo11_m.py", "configs/yolo11_mnv1_m.py")
HEADLINE_OPTIONS = dict(classes=["object"])
METRIC = "coco/bbox_mAP"
COUNTS = (
    Column("params", "params, M", millions),
    Column("conv_flops", "conv FLOPs, G", billions),
    Column("flops", "FLOPs, G", billions),
)
NOTES = (
    "conv FLOPs: 2 x conv_macs, the article's count.",
    "ms: median time of the network with decoding, Conv+BN fused, in interleaved "
    "rounds (A B A B …), one process per network. first / this: time of the first "
    "model over this one's, median of the rounds.",
)


class ComparedModel(NamedTuple):
    """A row of the comparison.

    Args:
        name (str): Name of the row.
        cfg (Config): Config, from which parameters and FLOPs are counted.
        job (LatencyJob): Its measurement, without a backend.
        mean_precision (float, optional): mAP@[.5:.95], from 0 to 1. Defaults to None.
    """

    name: str
    cfg: Config
    job: LatencyJob
    mean_precision: float | None = None


def load_models(
    configs: Sequence[str],
    plan: LatencyPlan,
    options: dict | None = None,
    checkpoints: Sequence[str] = (),
    maps: Sequence[str] = (),
) -> list[ComparedModel]:
    """Check the arguments of a comparison and load its models.

    Args:
        configs (Sequence[str]): Config files.
        plan (LatencyPlan): Backends and rounds.
        options (dict, optional): Changes of every config, as in ``--cfg-options``.
            Defaults to None.
        checkpoints (Sequence[str]): Weights, one per config. Defaults to none.
        maps (Sequence[str]): mAP of each config, see :func:`read_map`. Defaults to
            none.

    Raises:
        InputError: If an argument is wrong or the plan cannot be executed.
    """
    plan.check()
    if maps and len(maps) != len(configs):
        raise InputError(f"--map: {len(maps)} for {len(configs)} configs")
    values = [read_map(text) for text in maps] or [None] * len(configs)
    loaded = load_detectors(configs, options)
    jobs = build_jobs(configs, plan, options, checkpoints)
    return [
        ComparedModel(Path(cfg.filename).stem, cfg, job, value)
        for cfg, job, value in zip(loaded, jobs, values, strict=True)
    ]


def compare_models(
    models: Sequence[ComparedModel], plan: LatencyPlan, packages: Sequence[str] = ()
) -> Table:
    """Count and measure models, in interleaved rounds.

    Args:
        models (Sequence[ComparedModel]): The rows; ratios refer to the first.
        plan (LatencyPlan): Backends and rounds, already checked.
        packages (Sequence[str]): See :func:`.describe_machine`. Defaults to none.

    Returns:
        Table: One row per model; columns for each backend.
    """
    jobs = {
        (number, backend): replace(model.job, backend=backend)
        for number, model in enumerate(models)
        for backend in plan.backends
    }
    options = plan.run_options
    machine = describe_machine(options.device, options.threads, packages)
    with workers(jobs) as ready:
        times = plan.time({key: worker.time for key, worker in ready.items()})
    rows = []
    for number, model in enumerate(models):
        shape = input_shape(model.cfg)
        row = dict(model=model.name, input_shape=shape)
        row.update(measure_complexity(build_meta_model(model.cfg), shape))
        row.update(conv_flops=2 * row["conv_macs"], mAP=model.mean_precision)
        for name in plan.backends:
            summary = compare_times(times[number, name], times[0, name], plan.batch)
            row.update({f"{name}_{key}": value for key, value in summary.items()})
        rows.append(row)
    columns = [Column("model", "model"), *COUNTS]
    if any(model.mean_precision is not None for model in models):
        columns.append(Column("mAP", "mAP@[.5:.95]", "{:.3f}".format))
    for name in plan.backends:
        columns += [
            Column(f"{name}_network_ms", f"{name}, ms", "{:.1f}".format),
            Column(f"{name}_ratio", f"{name}, first / this", "{:.2f}".format),
        ]
    checkpoints = [m.job.checkpoint for m in models if m.job.checkpoint]
    notes = [*COUNTED, *NOTES, *plan_notes(plan, [m.cfg for m in models], checkpoints)]
    notes += machine_notes(machine)
    document = dict(machine=machine, plan=plan.as_dict(), rows=rows)
    return Table(columns, rows, notes, document)


def read_map(text: str) -> float | None:
    """Read the mAP@[.5:.95] of a model.

    Args:
        text (str): A number from 0 to 1; a JSON file of metrics written by
            ``tools/test.py``; or ``none``.

    Returns:
        float, optional: The number; None for ``none``.

    Raises:
        InputError: If it is none of these.
    """
    if text == "none":
        return None
    try:
        value = float(text)
    except ValueError:
        value = _read_metric(Path(text))
    if not 0 <= value <= 1:
        raise InputError(f"--map {text}: give a number from 0 to 1")
    return value


def _read_metric(path: Path) -> float:
    try:
        return float(json.loads(path.read_text())[METRIC])
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"--map {path}: give a number, none, or a JSON file that has {METRIC}"
        ) from None
