"""Counting and timing every point of the trade-off."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from ..config import input_shape, load_config
from ..errors import InputError
from ..files import atomic_write
from ..models.build import build_model
from .complexity import COUNTED, measure_complexity
from .latency_job import Job
from .machine import describe_machine, machine_notes
from .tables import Column, Table, billions, millions
from .timing import Plan, compare_times
from .tradeoff_variants import Variant
from .worker import Worker, workers

COLUMNS = (
    Column("name", "variant"),
    Column("input", "input, px"),
    Column("params", "params, M", millions),
    Column("conv_macs", "conv MACs, G", billions),
    Column("flops", "FLOPs, G", billions),
    Column("network_ms", "ms", "{:.1f}".format),
    Column("relative_latency", "this / reference", "{:.3f}".format),
    Column("mAP", "mAP@[.5:.95]", "{:.3f}".format),
)
#: What two parts of a sweep must have in common.
SAME = ("cpu", "threads", "gpu", "versions")


def sweep(
    points: Sequence[Variant],
    path: Path,
    plan: Plan | None = None,
    options: dict | None = None,
    results: Mapping[str, float] | None = None,
) -> Table:
    """Count, and where there is a plan time, each variant.

    What is in the file already is not measured again, so that a sweep that was
    interrupted goes on. Each variant is timed against the first, round by round.

    Args:
        points (Sequence[Variant]): What to measure; the first is the reference.
        path (Path): JSON file of what is known, written after each variant.
        plan (Plan, optional): How to time, with one backend. Defaults to None: counts
            only.
        options (dict, optional): By which every config is changed. Defaults to None.
        results (Mapping, optional): mAP of variants by name. Defaults to None.

    Returns:
        Table: A row for each variant.

    Raises:
        InputError: If the file holds another sweep, or the plan cannot be carried out.
    """
    options = options or {}
    if plan:
        plan.check()
        if len(plan.backends) != 1:
            raise InputError(f"--backend {' '.join(plan.backends)}: a sweep has one")
    document = _start(path, plan, options, points[0])
    known = document["points"]
    missing = [point for point in points if point.name not in known]
    with _worker(points[0], plan if missing else None, options) as reference:
        for point in tqdm(missing, "variants", disable=None):
            row = _count(point, options)
            with _worker(point, plan, options) as own:
                if plan:
                    row.update(_time(plan, own, reference))
            known[point.name] = row
            with atomic_write(path) as temporary:
                temporary.write_text(json.dumps(document, indent=1) + "\n")
    results = results or {}
    rows = [dict(known[point.name], mAP=results.get(point.name)) for point in points]
    notes = [*COUNTED, *_notes(document), *machine_notes(document["machine"])]
    return Table(COLUMNS, rows, notes, dict(document, points=rows))


def _start(path: Path, plan: Plan | None, options: dict, reference: Variant) -> dict:
    """What the file holds, or a new sweep.

    Raises:
        InputError: If it holds another sweep, or is no such file.
    """
    machine = describe_machine(
        plan.setting.device if plan else "cpu", plan.setting.threads if plan else 1
    )
    new = dict(
        machine=machine,
        plan=plan and plan.describe(),
        options=options,
        reference=reference.name,
        points={},
    )
    new = json.loads(json.dumps(new))  # tuples become lists, as in a file
    if not path.exists():
        return new
    try:
        old = json.loads(path.read_text())
        differs = [k for k in ("plan", "options", "reference") if old[k] != new[k]]
        differs += [k for k in SAME if old["machine"].get(k) != new["machine"].get(k)]
        old["points"].keys()
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as e:
        raise InputError(f"{path} holds no sweep ({e!r}): name another file") from None
    if differs:
        raise InputError(
            f"{path} holds a sweep of another {', '.join(differs)}: name another file"
        )
    return old


def _count(point: Variant, options: dict) -> dict[str, Any]:
    cfg = load_config(point.config, point.options(options))
    with torch.device("meta"):
        model = build_model(cfg)
    height, width = input_shape(cfg)
    return dict(
        point._asdict(),
        name=point.name,
        input=f"{height} x {width}",
        **measure_complexity(model, (height, width)),
    )


@contextmanager
def _worker(
    point: Variant, plan: Plan | None, options: dict
) -> Iterator[Worker | None]:
    """A process that runs the variant; none where nothing is timed."""
    if plan is None:
        yield None
        return
    job = Job(
        point.config,
        point.options(options),
        checkpoint=None,
        batch=plan.batch,
        setting=plan.setting,
        backend=plan.backends[0],
    )
    with workers({point.name: job}) as ready:
        yield ready[point.name]


def _time(plan: Plan, own: Worker, reference: Worker) -> dict[str, Any]:
    times = plan.time({"reference": reference.time, "own": own.time})
    row = compare_times(times["own"], times["reference"], plan.batch)
    row["relative_latency"] = 1 / row["ratio"]
    return row


def _notes(document: dict) -> list[str]:
    plan = document["plan"]
    if not plan:
        return []
    return [
        f"ms: {plan['backends'][0]}, {plan['precision']}, batch {plan['batch']}, "
        f"median of {plan['rounds']} rounds. this / reference: time over that of "
        f"{document['reference']}, in the same rounds."
    ]
