"""Sweep over the trade-off: counts and latency of every variant."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..config import input_shape, load_config
from ..errors import InputError
from ..files import write_json
from .complexity import COUNTED, build_meta_model, measure_complexity
from .latency_job import LatencyJob
from .machine import describe_machine, machine_notes
from .tables import Column, Table, billions, millions
from .timing import LatencyPlan, compare_times
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
#: Fields of the machine that must not change within a sweep.
SAME = ("cpu", "threads", "gpu", "versions")


def sweep(
    points: Sequence[Variant],
    path: Path,
    plan: LatencyPlan | None = None,
    options: dict | None = None,
    results: Mapping[str, float] | None = None,
) -> Table:
    """Count each variant and, if a plan is given, measure its latency.

    Results in the file are not measured again: an interrupted sweep can be continued.
    Each variant is measured against the first, in interleaved rounds.

    Args:
        points (Sequence[Variant]): Variants; the first is the reference.
        path (Path): JSON file of the results, updated after each variant.
        plan (LatencyPlan, optional): Rounds, with a single backend. Defaults to None:
            counts only.
        options (dict, optional): Changes of every config, as in ``--cfg-options``.
            Defaults to None.
        results (Mapping, optional): mAP by name of the variant. Defaults to None.

    Returns:
        Table: One row per variant.

    Raises:
        InputError: If the file contains another sweep or the plan cannot be executed.
    """
    options = options or {}
    if plan:
        plan.check()
        if len(plan.backends) != 1:
            raise InputError(f"--backend {' '.join(plan.backends)}: a sweep has one")
    names = [point.name for point in points]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(
            f"variants have the same name, {', '.join(twice)}: widths and resolutions "
            "have to differ by 0.01"
        )
    document = _load(path, plan, options, points)
    known = document["points"]
    missing = [point for point in points if point.name not in known]
    with _worker(points[0], plan if missing else None, options) as reference:
        for point in tqdm(missing, "variants", disable=None):
            row = _count(point, options)
            with _worker(point, plan, options) as own:
                if plan:
                    row.update(_time(plan, own, reference))
            known[point.name] = row
            write_json(document, path, indent=1)
    results = results or {}
    rows = [dict(known[point.name], mAP=results.get(point.name)) for point in points]
    notes = [*COUNTED, *_notes(document), *machine_notes(document["machine"])]
    return Table(COLUMNS, rows, notes, dict(document, points=rows))


def _load(
    path: Path, plan: LatencyPlan | None, options: dict, points: Sequence[Variant]
) -> dict:
    """Load the sweep of a file, or begin a new one.

    Raises:
        InputError: If the file contains another sweep or none.
    """
    device, threads = plan.run_options[::2] if plan else ("cpu", 1)
    new = dict(
        machine=describe_machine(device, threads),
        plan=plan and plan.as_dict(),
        options=options,
        reference=points[0].name,
        points={},
    )
    new = json.loads(json.dumps(new))  # tuples become lists, as in the file
    if not path.exists():
        return new
    try:
        old = json.loads(path.read_text())
        differs = [k for k in ("plan", "options", "reference") if old[k] != new[k]]
        differs += [k for k in SAME if old["machine"].get(k) != new["machine"].get(k)]
        for point in points:
            row = old["points"].get(point.name, point._asdict())
            if any(row[key] != value for key, value in point._asdict().items()):
                differs.append(f"config or variant {point.name}")
                break
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as e:
        raise InputError(f"{path} holds no sweep ({e!r}): name another file") from None
    if differs:
        raise InputError(
            f"{path} holds a sweep of another {', '.join(differs)}: name another file"
        )
    return old


def _count(point: Variant, options: dict) -> dict[str, Any]:
    cfg = load_config(point.config, point.options(options))
    height, width = input_shape(cfg)
    return dict(
        point._asdict(),
        name=point.name,
        input=f"{height} x {width}",
        **measure_complexity(build_meta_model(cfg), (height, width)),
    )


@contextmanager
def _worker(
    point: Variant, plan: LatencyPlan | None, options: dict
) -> Iterator[Worker | None]:
    """Process that measures the variant; None without a plan."""
    if plan is None:
        yield None
        return
    job = LatencyJob(
        point.config,
        point.options(options),
        checkpoint=None,
        batch=plan.batch,
        run_options=plan.run_options,
        backend=plan.backends[0],
    )
    with workers({point.name: job}) as ready:
        yield ready[point.name]


def _time(plan: LatencyPlan, own: Worker, reference: Worker) -> dict[str, Any]:
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
