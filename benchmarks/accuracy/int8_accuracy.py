"""Measure the test mAP lost by INT8, and file sizes, for the models of a duel."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.accuracy.duel_folder import (
    checkpoint_path,
    is_finished,
    read_training,
)
from benchmarks.harness.ultralytics_data import write_dataset
from mmyolo_mnv1.analysis.arguments import add_out_argument
from mmyolo_mnv1.analysis.export_report import COLUMNS, limit_drop, report_exports
from mmyolo_mnv1.analysis.tables import Column, Table, check_suffixes
from mmyolo_mnv1.deploy.export.formats import WITH_INT8, ExportPlan, export_detector
from mmyolo_mnv1.errors import InputError

NOTES = ("Calibrated with training photos; seed 0; lost: against PyTorch in float32.",)


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, quantise, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "work_dirs", type=Path, nargs="+", help="of duel.py, one per data set"
    )
    parser.add_argument("--format", nargs="+", default=list(WITH_INT8))
    parser.add_argument("--max-drop", type=float, help="see tools/deploy/export.py")
    add_out_argument(parser)
    args = parser.parse_args(argv)
    check_suffixes(args.out)
    rows = [
        row
        for folder in args.work_dirs
        for row in measure_int8(folder, args.format, args.max_drop)
    ]
    columns = (Column("model", "model"), Column("data", "data"), *COLUMNS)
    table = Table(columns, rows, NOTES, dict(max_drop=args.max_drop, rows=rows))
    print(table.markdown())
    table.write(args.out)


def measure_int8(
    work_dir: Path, formats: Sequence[str], max_drop: float | None = None
) -> Iterator[dict]:
    """Quantise and evaluate our finished trainings of a duel.

    Args:
        work_dir (Path): Folder of the duel; its name is that of the data set.
        formats (Sequence[str]): See :class:`.ExportPlan`.
        max_drop (float, optional): See :func:`.limit_drop`. Defaults to None.

    Yields:
        dict: ``model``, ``data``, and the values of :func:`.report_exports`.

    Raises:
        InputError: If no training of ours has been finished with its weights.
    """
    weights = {}
    for folder in sorted(work_dir.glob("*/seed0")):
        training = read_training(folder)
        path = checkpoint_path(folder, training.epochs()[-1])
        if training.peer_options is None and is_finished(folder) and path.is_file():
            weights[path] = training
    if not weights:
        raise InputError(f"{work_dir}: no finished training of ours with its weights")
    for path, training in weights.items():
        cfg = training.load()
        limit = None if max_drop is None else limit_drop(cfg, max_drop)
        with TemporaryDirectory() as scratch:
            write_dataset(cfg, Path(scratch))
            photos = Path(scratch, "images", "train")
            plan = ExportPlan(formats, calibration=photos)
            files = export_detector(cfg, path, Path(scratch, "out"), plan, limit)
            rows = report_exports(cfg, path, files, plan, True).rows
        model = Path(training.config).stem.removesuffix(f"_{work_dir.name}")
        for row in rows:
            yield dict(
                row, model=model, data=work_dir.name, file=Path(row["file"]).name
            )


if __name__ == "__main__":
    sys.exit(main())
