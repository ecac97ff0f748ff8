"""mAP and time of post-processing, with NMS and without, of trained detectors.

nms_free --run NAME CONFIG CHECKPOINT [CHECKPOINT ...], one checkpoint per seed.
"""

import argparse
import copy
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from mmengine.config import Config

from mmyolo_mnv1.analysis.arguments import add_config_arguments, add_out_argument
from mmyolo_mnv1.analysis.export_report import measure_precision
from mmyolo_mnv1.analysis.machine import describe_machine, machine_notes, set_threads
from mmyolo_mnv1.analysis.tables import Column, Table, check_suffixes
from mmyolo_mnv1.analysis.timing import LatencyPlan
from mmyolo_mnv1.analysis.worker import timed
from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.deploy.export.formats import ExportPlan, export_detector
from mmyolo_mnv1.deploy.runtime.detector import Detector
from mmyolo_mnv1.deploy.runtime.images import read_image
from mmyolo_mnv1.deploy.runtime.processing import (
    letterbox,
    normalise,
    select,
    suppress,
)
from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.evaluation.data import GroundTruth, load_truth

SCORES = (0.25, 0.001)  # thresholds of predict.py and of the evaluation
PHOTOS = 20  # whose outputs are post-processed in one turn
WAYS = dict(nms="with NMS", free="without")
LISTS = ("checkpoints", *(f"mAP_{way}_all" for way in WAYS))  # a value per seed
COLUMNS = (
    Column("data", "data"),
    Column("seeds", "seeds"),
    *(Column(f"mAP_{w}", f"mAP {text}", "{:.4f}".format) for w, text in WAYS.items()),
    Column("gap", "points lost without", "{:.2f}".format),
    Column("gap_sd", "± over seeds", "{:.2f}".format),
    *(
        Column(f"ms_{way}_network", f"network, ms {text}", "{:.2f}".format)
        for way, text in WAYS.items()
    ),
    *(
        Column(
            f"ms_{way}_{score}", f"post, ms {text}, score > {score}", "{:.3f}".format
        )
        for score in SCORES
        for way, text in WAYS.items()
    ),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line: measure, print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", nargs="+", action="append", required=True)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument(
        "--known",
        type=Path,
        help="JSON of an earlier run: its seeds join the rows of the same names",
    )
    add_config_arguments(parser)
    add_out_argument(parser)
    args = parser.parse_args(argv)
    check_suffixes(args.out)
    set_threads(1)
    plan = LatencyPlan(rounds=args.rounds)
    known = read_rows(args.known) if args.known else {}
    rows = []
    for name, config, *checkpoints in args.run:
        row = measure_run(name, config, checkpoints, plan, args.cfg_options)
        rows.append(summarise(row, known.get(name)))
    machine = describe_machine("cpu", 1)
    notes = [
        "mAP@[.5:.95] of the test set, mean over seeds; the same checkpoints.",
        "ONNX Runtime, one thread. network: with decoding, and with the peaks of the "
        "scores in a file without NMS. post: score filter, sorting and NMS.",
        f"ms an image: {PHOTOS} test photos, one checkpoint, median of {plan.rounds} "
        "interleaved rounds.",
        *machine_notes(machine),
    ]
    table = Table(COLUMNS, rows, notes, dict(machine=machine, rows=rows))
    print(table.markdown())
    table.write(args.out)


def measure_run(
    name: str,
    config: str,
    checkpoints: Sequence[str],
    plan: LatencyPlan,
    options: dict | None = None,
) -> dict:
    """Measure the checkpoints of one config.

    Args:
        name (str): Name of the row.
        config (str): Config of a detector.
        checkpoints (Sequence[str]): One per seed.
        plan (LatencyPlan): Rounds.
        options (dict, optional): Changes of the config. Defaults to None.

    Returns:
        dict: mAP of each checkpoint, and times of the first one.
    """
    cfg = load_config(config, options)
    truth = load_truth(cfg)
    row = dict(data=name, checkpoints=list(checkpoints))
    with TemporaryDirectory() as folder:
        detectors = [
            {way: _export(cfg, Path(checkpoint), way, Path(folder)) for way in WAYS}
            for checkpoint in checkpoints
        ]
    for way in WAYS:
        row[f"mAP_{way}_all"] = [
            measure_precision(d[way], truth)["AP"] for d in detectors
        ]
    runs = {}
    inputs = _inputs(detectors[0]["nms"], truth)
    for way, detector in detectors[0].items():
        runs[f"ms_{way}_network"] = _network(detector, inputs)
        for score in SCORES:
            runs[f"ms_{way}_{score}"] = _post_processing(detector, inputs, score)
    times = plan.time(runs)
    row.update({key: float(np.median(ms)) / PHOTOS for key, ms in times.items()})
    return row


def read_rows(path: Path) -> dict[str, dict]:
    """Read checkpoints and mAP from the JSON file of an earlier run, by row name.

    Raises:
        InputError: If the file has another content.
    """
    try:
        rows = json.loads(path.read_text())["rows"]
        return {row["data"]: {key: row[key] for key in LISTS} for row in rows}
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise InputError(f"--known {path}: {e!r}: give a JSON of nms_free.py") from None


def summarise(row: dict, known: dict | None = None) -> dict:
    """Add the checkpoints and mAP of earlier seeds, means and the gap.

    Args:
        row (dict): See :func:`measure_run`.
        known (dict, optional): Row of other seeds, which come first; the times stay
            those of ``row``. Defaults to None.

    Returns:
        dict: Row of the table.

    Raises:
        InputError: If both rows contain the same checkpoint.
    """
    known = known or {key: [] for key in LISTS}
    if both := {*known["checkpoints"]} & {*row["checkpoints"]}:
        raise InputError(f"--known: {row['data']} contains {sorted(both)} already")
    row = {**row, **{key: known[key] + row[key] for key in LISTS}}
    maps = {way: np.array(row[f"mAP_{way}_all"]) for way in WAYS}
    gaps = 100 * (maps["nms"] - maps["free"])
    row.update({f"mAP_{way}": values.mean() for way, values in maps.items()})
    return dict(
        row,
        seeds=len(gaps),
        gap=gaps.mean(),
        gap_sd=gaps.std(ddof=1) if len(gaps) > 1 else None,
    )


def _export(cfg: Config, checkpoint: Path, way: str, folder: Path) -> Detector:
    cfg = copy.deepcopy(cfg)
    if way == "free":
        cfg.model.test_cfg.nms = None
    path = export_detector(cfg, checkpoint, folder, ExportPlan(["onnx"]))["onnx"]
    return Detector(path, threads=1)


def _inputs(detector: Detector, truth: GroundTruth) -> list[np.ndarray]:
    how, paths = detector.metadata.preprocessing, list(truth.image_paths.values())
    images = [
        letterbox(read_image(p), detector.shape, how).image for p in paths[:PHOTOS]
    ]
    return [normalise([image], how) for image in images]


def _network(detector: Detector, inputs: Sequence[np.ndarray]) -> Callable[[], float]:
    return timed(lambda: [detector.engine.run(image) for image in inputs])


def _post_processing(
    detector: Detector, inputs: Sequence[np.ndarray], score: float
) -> Callable[[], float]:
    outputs = [[o[0] for o in detector.engine.run(image)] for image in inputs]
    nms = detector.nms._replace(score_threshold=score)

    def run() -> None:
        for boxes, scores in outputs:
            suppress(select(boxes, scores, nms), nms)

    return timed(run)


if __name__ == "__main__":
    sys.exit(main())
