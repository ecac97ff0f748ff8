"""Measure the latency of exported networks in INT8 and in single precision."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness.fresh_process import FreshWorker
from benchmarks.predict.models import export_both, write_photos
from benchmarks.predict.predict_job import NetworkJob
from mmyolo_mnv1.analysis.arguments import (
    add_out_argument,
    add_round_arguments,
    parse_cpu_plan,
)
from mmyolo_mnv1.analysis.machine import describe_machine, machine_notes
from mmyolo_mnv1.analysis.tables import Column, Table, check_suffixes
from mmyolo_mnv1.analysis.timing import LatencyPlan, compare_times
from mmyolo_mnv1.analysis.worker import workers
from mmyolo_mnv1.deploy.export.formats import WITH_INT8, disk_size

COLUMNS = (
    Column("model", "model"),
    Column("format", "format"),
    Column("precision", "precision"),
    Column("megabytes", "file, MB", "{:.2f}".format),
    Column("network_ms", "ms", "{:.1f}".format),
    Column("network_ms_low", "25 %", "{:.1f}".format),
    Column("network_ms_high", "75 %", "{:.1f}".format),
    Column("single", "fp32 / this", "{:.2f}".format),
    Column("ratio", "first / this", "{:.2f}".format),
    Column("ratio_low", "ratio 25 %", "{:.2f}".format),
    Column("ratio_high", "ratio 75 %", "{:.2f}".format),
)
NOTES = (
    "Median and quartiles of interleaved rounds (A B A B …), one process per row.",
    "fp32 / this: time of the same model in single precision over this time; first / "
    "this: of the first row of the format; median of the rounds.",
    "Network with decoding, one image; untrained weights, BN statistics of a photo.",
)


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", nargs="+", help="ratios are to the first")
    parser.add_argument("--format", nargs="+", default=list(WITH_INT8))
    add_round_arguments(parser)
    add_out_argument(parser)
    args = parser.parse_args(argv)
    check_suffixes(args.out)
    plan = parse_cpu_plan(args)
    table = benchmark_int8(args.config, args.format, plan)
    print(table.markdown())
    table.write(args.out)


def benchmark_int8(
    configs: Sequence[str], formats: Sequence[str], plan: LatencyPlan
) -> Table:
    """Export detectors in FP32 and INT8, and compare latency in interleaved rounds.

    Args:
        configs (Sequence[str]): Config files; ratios are to the first.
        formats (Sequence[str]): Formats that have INT8, see :data:`.WITH_INT8`.
        plan (LatencyPlan): Rounds and threads; its backends are not used.

    Returns:
        Table: One row per format, model and precision.

    Raises:
        InputError: If a config is invalid or a package is not installed.
    """
    plan.check()
    threads = plan.run_options.threads
    machine = describe_machine("cpu", threads)
    rows = []
    with TemporaryDirectory() as folder:
        images = write_photos(Path(folder, "photos"))
        files = export_both(configs, formats, images, Path(folder))
        for name in formats:
            jobs = {
                key: NetworkJob(paths[name], threads) for key, paths in files.items()
            }
            with workers(jobs, FreshWorker) as ready:
                times = plan.time({key: each.time for key, each in ready.items()})
            first = next(iter(times.values()))
            for (model, precision), values in times.items():
                summary = compare_times(values, first)
                single = compare_times(values, times[model, "fp32"])
                row = dict(model=model, format=name, precision=precision, **summary)
                row["single"] = single["ratio"]
                row["megabytes"] = disk_size(files[model, precision][name]) / 1e6
                rows.append(row)
    notes = [*NOTES, plan.rounds_note(), *machine_notes(machine)]
    document = dict(machine=machine, plan=plan.as_dict(), rows=rows)
    return Table(COLUMNS, rows, notes, document)


if __name__ == "__main__":
    sys.exit(main())
