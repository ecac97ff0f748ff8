"""mAP and time of post-processing, with NMS and without, of detectors with both heads.

nms_free --run NAME CONFIG CHECKPOINT [CHECKPOINT ...], one checkpoint per seed.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from mmyolo_mnv1.analysis.arguments import add_config_arguments, add_out_argument
from mmyolo_mnv1.analysis.export_report import measure_precision
from mmyolo_mnv1.analysis.latency_job import timed
from mmyolo_mnv1.analysis.machine import describe_machine, machine_notes, set_threads
from mmyolo_mnv1.analysis.tables import Column, Table, check_suffixes
from mmyolo_mnv1.analysis.timing import LatencyPlan
from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.deploy.export.config_metadata import build_metadata
from mmyolo_mnv1.deploy.export.network import load_network
from mmyolo_mnv1.deploy.export.pytorch_engine import PyTorchEngine
from mmyolo_mnv1.deploy.runtime.detector import Detector
from mmyolo_mnv1.deploy.runtime.images import read_image
from mmyolo_mnv1.deploy.runtime.processing import (
    letterbox,
    normalise,
    select,
    suppress,
)
from mmyolo_mnv1.evaluation.data import GroundTruth, load_truth

SCORES = (0.25, 0.001)  # thresholds of predict.py and of the evaluation
PHOTOS = 20  # whose outputs are post-processed in one turn
WAYS = dict(nms="with NMS", free="without")
COLUMNS = (
    Column("data", "data"),
    Column("seeds", "seeds"),
    *(Column(f"mAP_{w}", f"mAP {text}", "{:.4f}".format) for w, text in WAYS.items()),
    Column("gap", "points lost without", "{:.2f}".format),
    Column("gap_sd", "± over seeds", "{:.2f}".format),
    *(
        Column(f"ms_{way}_{score}", f"ms {text}, score > {score}", "{:.3f}".format)
        for score in SCORES
        for way, text in WAYS.items()
    ),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line: measure, print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", nargs="+", action="append", required=True)
    parser.add_argument("--rounds", type=int, default=20)
    add_config_arguments(parser)
    add_out_argument(parser)
    args = parser.parse_args(argv)
    check_suffixes(args.out)
    set_threads(1)
    plan = LatencyPlan(rounds=args.rounds)
    rows = [
        measure_run(name, config, checkpoints, plan, args.cfg_options)
        for name, config, *checkpoints in args.run
    ]
    machine = describe_machine("cpu", 1)
    notes = [
        "mAP@[.5:.95] of the test set, mean over seeds; one checkpoint has both heads.",
        f"ms an image: score filter, sorting and NMS of the NumPy runtime; {PHOTOS} "
        f"test photos, median of {plan.rounds} interleaved rounds, first seed.",
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
        config (str): Config of a detector with a ``YOLO11DualHead``.
        checkpoints (Sequence[str]): One per seed.
        plan (LatencyPlan): Rounds.
        options (dict, optional): Changes of the config. Defaults to None.
    """
    truth = load_truth(load_config(config, options))
    row = dict(data=name, seeds=len(checkpoints), checkpoints=list(checkpoints))
    detectors = [
        {way: _load(config, Path(checkpoint), way, options) for way in WAYS}
        for checkpoint in checkpoints
    ]
    maps = {
        way: np.array([measure_precision(d[way], truth)["AP"] for d in detectors])
        for way in WAYS
    }
    gaps = 100 * (maps["nms"] - maps["free"])
    row.update(gap=gaps.mean(), gap_sd=gaps.std(ddof=1) if len(gaps) > 1 else None)
    runs = {
        f"ms_{way}_{score}": _post_processing(detectors[0][way], truth, score)
        for way in WAYS
        for score in SCORES
    }
    times = plan.time(runs)
    row.update({key: float(np.median(ms)) / PHOTOS for key, ms in times.items()})
    for way, values in maps.items():
        row.update({f"mAP_{way}": values.mean(), f"mAP_{way}_all": values.tolist()})
    return row


def _load(config: str, checkpoint: Path, way: str, options: dict | None) -> Detector:
    cfg = load_config(config, options)
    if way == "free":
        cfg.model.test_cfg.nms = None
    network = load_network(cfg, checkpoint)
    return Detector(PyTorchEngine(network, build_metadata(cfg, network)))


def _post_processing(
    detector: Detector, truth: GroundTruth, score: float
) -> Callable[[], float]:
    """Measurement of the post-processing of some photos."""
    how, nms = detector.metadata.preprocessing, detector.nms
    outputs = []
    for path in list(truth.image_paths.values())[:PHOTOS]:
        boxed = letterbox(read_image(path), detector.shape, how)
        outputs.append(
            [o[0] for o in detector.engine.run(normalise([boxed.image], how))]
        )
    nms = nms._replace(score_threshold=score)

    def run() -> None:
        for boxes, scores in outputs:
            suppress(select(boxes, scores, nms), nms)

    return timed(run)


if __name__ == "__main__":
    sys.exit(main())
