"""mAP and time of post-processing, with NMS and without, of trained detectors.

nms_free --run NAME CONFIG CHECKPOINT [CHECKPOINT ...], one checkpoint per seed.
"""

import argparse
import copy
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
        "mAP@[.5:.95] of the test set, mean over seeds; the same checkpoints.",
        "ONNX Runtime, one thread. network: with decoding, and with the peaks of the "
        "scores in a file without NMS. post: score filter, sorting and NMS.",
        f"ms an image: {PHOTOS} test photos, first seed, median of {plan.rounds} "
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
    """
    cfg = load_config(config, options)
    truth = load_truth(cfg)
    row = dict(data=name, seeds=len(checkpoints), checkpoints=list(checkpoints))
    with TemporaryDirectory() as folder:
        detectors = [
            {way: _export(cfg, Path(checkpoint), way, Path(folder)) for way in WAYS}
            for checkpoint in checkpoints
        ]
    maps = {
        way: np.array([measure_precision(d[way], truth)["AP"] for d in detectors])
        for way in WAYS
    }
    gaps = 100 * (maps["nms"] - maps["free"])
    row.update(gap=gaps.mean(), gap_sd=gaps.std(ddof=1) if len(gaps) > 1 else None)
    runs = {}
    inputs = _inputs(detectors[0]["nms"], truth)
    for way, detector in detectors[0].items():
        runs[f"ms_{way}_network"] = _network(detector, inputs)
        for score in SCORES:
            runs[f"ms_{way}_{score}"] = _post_processing(detector, inputs, score)
    times = plan.time(runs)
    row.update({key: float(np.median(ms)) / PHOTOS for key, ms in times.items()})
    for way, values in maps.items():
        row.update({f"mAP_{way}": values.mean(), f"mAP_{way}_all": values.tolist()})
    return row


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
