"""The headline table: what models cost, how fast and how good they are."""

import json
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config

from benchmarks.harness.peers import check_peer, has_peer

from ..config import input_shape
from ..errors import InputError
from ..models.build import build_model
from .benchmark import base_jobs, load_detectors, plan_notes
from .complexity import COUNTED, measure_complexity
from .machine import describe_machine, machine_notes
from .tables import Column, Table, billions, millions
from .timing import Plan, compare_times
from .worker import workers

#: The article's models, at its one class.
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
    "ms: median of the network with decoding, Conv+BN fused, in interleaved rounds "
    "(A B A B …), each in a process of its own. first / this: time of the first model "
    "over this one's, median of the rounds. this / ours: a peer's time over that of "
    "our model with the same weights, whose counts are the peer's too.",
)


def compare(
    configs: Sequence[str],
    plan: Plan,
    options: dict | None = None,
    checkpoints: Sequence[Path] = (),
    maps: Sequence[str] = (),
    peers: Sequence[str] = (),
) -> Table:
    """Compare the models of configs, and peers of them.

    Args:
        configs (Sequence[str]): Their files; ratios are to the first.
        plan (Plan): How they are timed.
        options (dict, optional): By which every config is changed. Defaults to None.
        checkpoints (Sequence[Path]): Weights, one a config. Defaults to none.
        maps (Sequence[str]): mAP of each config, see :func:`read_map`. Defaults to
            none.
        peers (Sequence[str]): Names in :data:`.peers.PEERS`. Defaults to none.

    Returns:
        Table: A row for each model; each backend has columns.

    Raises:
        InputError: If an argument is wrong or cannot be served here.
    """
    plan.check()
    for peer in peers:
        check_peer(peer)
    if maps and len(maps) != len(configs):
        raise InputError(f"--map: {len(maps)} for {len(configs)} configs")
    found = [read_map(text) for text in maps]
    loaded = load_detectors(configs, options)
    models = _models(loaded, peers)
    bases = base_jobs(configs, plan, options, checkpoints)
    jobs = {
        (*model, name): bases[model[0]]._replace(backend=name, peer=model[1])
        for model in models
        for name in plan.backends
    }
    machine = describe_machine(plan.setting.device, plan.setting.threads)
    with workers(jobs) as ready:
        times = plan.time({key: worker.time for key, worker in ready.items()})
    rows = []
    for number, peer in models:
        cfg = loaded[number]
        row = dict(model=_name(cfg, peer), input_shape=input_shape(cfg))
        row.update(measure_complexity(build_model(cfg), input_shape(cfg)))
        row["conv_flops"] = 2 * row["conv_macs"]
        row["mAP"] = found[number] if found and peer is None else None
        for name in plan.backends:
            own, ours = times[number, peer, name], times[number, None, name]
            summary = compare_times(own, times[0, None, name], plan.batch)
            row.update({f"{name}_{key}": value for key, value in summary.items()})
            if peer:
                row[f"{name}_this_over_ours"] = compare_times(ours, own)["ratio"]
        rows.append(row)
    notes = [*COUNTED, *NOTES, *plan_notes(plan, loaded, checkpoints)]
    notes += machine_notes(machine)
    document = dict(machine=machine, plan=plan.describe(), rows=rows)
    return Table(_columns(plan, peers, found), rows, notes, document)


def read_map(text: str) -> float | None:
    """mAP@[.5:.95] of a model.

    Args:
        text (str): A number from 0 to 1; a file of metrics as ``test.py`` writes it;
            or ``none``.

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


def _models(
    loaded: Sequence[Config], peers: Sequence[str]
) -> list[tuple[int, str | None]]:
    """Number of the config, and whose model it is: None for ours.

    Raises:
        InputError: If peers are asked for that no config has.
    """
    having = [number for number, cfg in enumerate(loaded) if has_peer(cfg)]
    if peers and not having:
        raise InputError("--peer: no config has YOLO11's own backbone: add one")
    ours = [(number, None) for number in range(len(loaded))]
    return ours + [(number, peer) for peer in peers for number in having]


def _name(cfg: Config, peer: str | None) -> str:
    stem = Path(cfg.filename).stem
    return f"{stem}, {peer}" if peer else stem


def _columns(
    plan: Plan, peers: Sequence[str], found: Sequence[float | None]
) -> list[Column]:
    columns = [Column("model", "model"), *COUNTS]
    if any(value is not None for value in found):
        columns.append(Column("mAP", "mAP@[.5:.95]", "{:.3f}".format))
    for name in plan.backends:
        columns += [
            Column(f"{name}_network_ms", f"{name}, ms", "{:.1f}".format),
            Column(f"{name}_ratio", f"{name}, first / this", "{:.2f}".format),
        ]
        if peers:
            columns.append(
                Column(
                    f"{name}_this_over_ours", f"{name}, this / ours", "{:.3f}".format
                )
            )
    return columns
