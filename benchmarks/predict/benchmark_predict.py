"""Compare the latency of predict.py and Ultralytics' predict, from JPEG to boxes."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.harness.fresh_process import FreshWorker
from benchmarks.harness.peers import PACKAGES, ULTRALYTICS, check_peer
from benchmarks.predict.models import (
    IMAGES,
    export_ultralytics,
    write_photos,
    write_weights,
)
from benchmarks.predict.predict_job import OURS, PEER, SCORE, PredictJob
from mmyolo_mnv1.analysis.arguments import (
    add_out_argument,
    add_round_arguments,
    parse_cpu_plan,
)
from mmyolo_mnv1.analysis.machine import describe_machine, machine_notes
from mmyolo_mnv1.analysis.tables import Column, Table, check_suffixes
from mmyolo_mnv1.analysis.timing import LatencyPlan, spread
from mmyolo_mnv1.analysis.worker import Worker, workers
from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.deploy.export.formats import ExportPlan, disk_size, export_detector

COLUMNS = (
    Column("threads", "threads"),
    Column("model", "model"),
    Column("runtime", "by"),
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
    f"A folder with {IMAGES} copies of a photo of 640 x 480 px, score "
    f"threshold {SCORE}, nothing written; the same weights, exported to ONNX by each "
    f"side, ONNX Runtime. {OURS} reads one image ahead; outside the network: reading, "
    "letterbox, normalisation, NMS, measured image by image without reading ahead.",
    "default threads: as installed. equal threads: as many threads as cores for ONNX "
    "Runtime, OpenCV and PyTorch.",
    "Untrained weights, BN statistics of a photo, biases that give NMS a hundred "
    "candidates.",
)


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "config", nargs="?", default="configs/yolo11_n.py", help="default: yolo11_n"
    )
    add_round_arguments(parser)
    add_out_argument(parser)
    args = parser.parse_args(argv)
    check_suffixes(args.out)
    plan = parse_cpu_plan(args)
    table = benchmark_predict(args.config, plan)
    print(table.markdown())
    table.write(args.out)


def benchmark_predict(detector: str, plan: LatencyPlan) -> Table:
    """Compare the latency of ``predict.py`` and Ultralytics' ``predict``.

    Args:
        detector (str): Config file of a YOLO11.
        plan (LatencyPlan): Rounds and threads; its backends are not used.

    Returns:
        Table: One row per way of prediction and number of threads.

    Raises:
        InputError: If the config is invalid or a package is not installed.
    """
    plan.check()
    check_peer(ULTRALYTICS)
    threads = plan.run_options.threads
    machine = describe_machine("cpu", threads, PACKAGES)
    rows = []
    with TemporaryDirectory() as folder:
        folder = Path(folder)
        images = write_photos(folder / "photos")
        cfg, weights = load_config(detector), write_weights(detector, images, folder)
        ours = export_detector(cfg, weights, folder, ExportPlan(["onnx"]))["onnx"]
        peer = export_ultralytics(weights, cfg.model.scale, folder / "peer")
        for words, count in (("default", None), ("equal", threads)):
            jobs = [
                PredictJob(PEER, peer, images, count),
                PredictJob(OURS, ours, images, count),
            ]
            rows += (dict(threads=words, **row) for row in _measure(jobs, plan))
    notes = [*NOTES, plan.rounds_note(), *machine_notes(machine)]
    document = dict(machine=machine, plan=plan.as_dict(), rows=rows)
    return Table(COLUMNS, rows, notes, document)


def _measure(jobs: Sequence[PredictJob], plan: LatencyPlan) -> Iterator[dict]:
    """Measure jobs in interleaved rounds; ratios in the rows are to the first job."""
    outside = {job: [] for job in jobs}

    def total(job: PredictJob, worker: Worker) -> Callable[[], float]:
        def run() -> float:
            milliseconds, rest = worker.time()
            outside[job].append(rest)
            return milliseconds

        return run

    with workers({job: job for job in jobs}, FreshWorker) as ready:
        times = plan.time({job: total(job, each) for job, each in ready.items()})
    for job in jobs:
        pairs = zip(times[jobs[0]], times[job], strict=True)
        yield dict(
            model=job.model.stem,
            runtime=job.kind,
            megabytes=disk_size(job.model) / 1e6,
            **spread("ms", times[job]),
            **spread("ratio", [a / b for a, b in pairs]),
            all_ms=[round(t, 3) for t in times[job]],
            images_per_second=1000 / float(np.median(times[job])),
            outside_ms=float(np.median(outside[job][-plan.rounds :])),
        )


if __name__ == "__main__":
    sys.exit(main())
