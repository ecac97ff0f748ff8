"""Time predict.py against Ultralytics', and INT8 against single precision."""

import argparse
import sys
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.harness.fresh_process import FreshWorker
from benchmarks.harness.peers import PACKAGES, ULTRALYTICS, check_peer
from benchmarks.predict.models import (
    IMAGES,
    export_int8,
    export_ultralytics,
    write_photos,
    write_weights,
)
from benchmarks.predict.predict_job import OURS, PEER, SCORE, PredictJob
from mmyolo_mnv1.analysis.arguments import add_out_argument
from mmyolo_mnv1.analysis.machine import (
    available_threads,
    describe_machine,
    machine_notes,
)
from mmyolo_mnv1.analysis.tables import Column, Table, check_suffixes
from mmyolo_mnv1.analysis.timing import LatencyPlan, spread
from mmyolo_mnv1.analysis.worker import NETWORK, Worker, workers
from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.deploy.export.formats import ExportPlan, disk_size, export_detector
from mmyolo_mnv1.deploy.runtime.engines import RunOptions

#: Default configs of --int8: the reference, and those that are quantised.
INT8 = [f"configs/{n}.py" for n in ("yolo11_m", "yolo11_mnv1_m", "ablation/silu_m")]
COLUMNS = (
    Column("what", "what"),
    Column("model", "model"),
    Column("runtime", "by"),
    Column("precision", "precision"),
    Column("megabytes", "file, MB", "{:.2f}".format),
    Column("ms", "ms an image", "{:.1f}".format),
    Column("ms_low", "25 %", "{:.1f}".format),
    Column("ms_high", "75 %", "{:.1f}".format),
    Column("outside_ms", "outside the network, ms", "{:.1f}".format),
    Column("images_per_second", "images/s", "{:.1f}".format),
    Column("ratio", "reference / this", "{:.2f}".format),
    Column("ratio_low", "ratio 25 %", "{:.2f}".format),
    Column("ratio_high", "ratio 75 %", "{:.2f}".format),
)
NOTES = (
    "Medians and quartiles of interleaved rounds (A B A B …), one process per row. "
    "reference / this: by round; the reference is the row whose ratio is 1.",
    f"JPEG to boxes: a folder with {IMAGES} copies of a photo of 640 x 480 px, score "
    f"threshold {SCORE}, nothing written; the same weights, exported to ONNX by each "
    f"side, ONNX Runtime. {OURS} reads one image ahead; outside the network: reading, "
    "letterbox, normalisation, NMS, measured image by image without reading ahead.",
    "default threads: as installed. equal threads: as many threads as cores for ONNX "
    "Runtime, OpenCV and PyTorch.",
    "network: the exported graph alone, with decoding.",
    "Untrained weights, BN statistics of a photo, biases that give NMS a hundred "
    "candidates.",
)


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "config", nargs="?", default="configs/yolo11_n.py", help="default: yolo11_n"
    )
    parser.add_argument(
        "--int8",
        nargs="+",
        default=INT8,
        metavar="CONFIG",
        help="the reference, and those that are quantised; "
        "default: yolo11_m, yolo11_mnv1_m, ablation/silu_m",
    )
    parser.add_argument(
        "--threads", type=int, default=available_threads(), help="default: all cores"
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--warmup", type=int, default=3, help="rounds not counted")
    add_out_argument(parser)
    args = parser.parse_args(argv)
    check_suffixes(args.out)
    options = RunOptions("cpu", threads=args.threads)
    plan = LatencyPlan(run_options=options, rounds=args.rounds, warmup=args.warmup)
    table = benchmark_predict(args.config, args.int8, plan)
    print(table.markdown())
    table.write(args.out)


def benchmark_predict(detector: str, models: Sequence[str], plan: LatencyPlan) -> Table:
    """Measure ``predict.py`` against Ultralytics', and INT8 against single precision.

    Args:
        detector (str): Config file of a YOLO11, for the first comparison.
        models (Sequence[str]): Config files for the second: the reference, in single
            precision, and those that are quantised.
        plan (LatencyPlan): Rounds and threads; its backends are not used.

    Returns:
        Table: One row per way of prediction.

    Raises:
        InputError: If a config is invalid or a package is not installed.
    """
    plan.check()
    check_peer(ULTRALYTICS)
    threads = plan.run_options.threads
    machine = describe_machine("cpu", threads, PACKAGES)
    rows, formats = [], ["onnx", "openvino"]
    with TemporaryDirectory() as folder:
        folder = Path(folder)
        images = write_photos(folder / "photos")
        cfg, weights = load_config(detector), write_weights(detector, images, folder)
        ours = export_detector(cfg, weights, folder, ExportPlan(["onnx"]))["onnx"]
        peer = export_ultralytics(weights, cfg.model.scale, folder / "peer")
        for words, count in (("default", None), ("equal", threads)):
            jobs = {
                PEER: PredictJob(PEER, peer, images, count),
                OURS: PredictJob(OURS, ours, images, count),
            }
            rows += _measure(f"JPEG to boxes, {words} threads", jobs, PEER, plan)
        files = export_int8(models, formats, images, folder)
        for name in formats:
            jobs = {
                key: PredictJob(NETWORK, paths[name], images, threads)
                for key, paths in files.items()
            }
            rows += _measure(NETWORK, jobs, next(iter(jobs)), plan)
    how = f"{plan.rounds} rounds after {plan.warmup} of warm-up."
    notes = [*NOTES, how, *machine_notes(machine)]
    document = dict(machine=machine, plan=plan.as_dict(), rows=rows)
    return Table(COLUMNS, rows, notes, document)


def _measure(
    what: str,
    jobs: Mapping[Hashable, PredictJob],
    reference: Hashable,
    plan: LatencyPlan,
) -> list[dict]:
    """Time jobs in interleaved rounds; one row per job."""
    outside = {key: [] for key in jobs}

    def total(key: Hashable, worker: Worker) -> Callable[[], float]:
        def run() -> float:
            milliseconds, rest = worker.time()
            outside[key].append(rest)
            return milliseconds

        return run

    with workers(jobs, FreshWorker) as ready:
        times = plan.time({key: total(key, each) for key, each in ready.items()})
    runtimes = {".onnx": "ONNX Runtime", ".xml": "OpenVINO"}
    rows = []
    for key, job in jobs.items():
        name, precision = key if isinstance(key, tuple) else (job.model.stem, "fp32")
        pairs = zip(times[reference], times[key], strict=True)
        row = dict(
            what=what,
            model=name,
            runtime=runtimes[job.model.suffix] if job.kind == NETWORK else job.kind,
            precision=precision,
            megabytes=disk_size(job.model) / 1e6,
            **spread("ms", times[key]),
            **spread("ratio", [a / b for a, b in pairs]),
            all_ms=[round(t, 3) for t in times[key]],
        )
        row["images_per_second"] = 1000 / row["ms"]
        if job.kind != NETWORK:
            row["outside_ms"] = float(np.median(outside[key][-plan.rounds :]))
        rows.append(row)
    return rows


if __name__ == "__main__":
    sys.exit(main())
