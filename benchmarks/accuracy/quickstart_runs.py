"""Time and mAP of tools/quickstart.py, from scratch and from weights.

quickstart_runs.py NAME=DATA ... --weights FILE. Each run is a call in a process of its
own; one that has finished is not repeated.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from mmyolo_mnv1.analysis.arguments import add_out_argument
from mmyolo_mnv1.analysis.machine import describe_machine, machine_notes
from mmyolo_mnv1.analysis.tables import Column, Table, check_suffixes
from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.files import write_json

#: File in a work directory with what a whole call took.
WHOLE = "whole.json"


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, run what is missing, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+", metavar="NAME=DATA")
    parser.add_argument("--weights", required=True, help="of --pretrained")
    parser.add_argument("--threads", type=int, default=1, help="default: 1")
    parser.add_argument("--options", nargs="*", default=[], help="of the command")
    add_out_argument(parser)
    args = parser.parse_args(argv)
    check_suffixes(args.out)
    rows = []
    for text in args.data:
        name, _, data = text.partition("=")
        for kind, weights in (("scratch", "none"), ("in1k", args.weights)):
            options = ["--pretrained", weights, *args.options]
            row = run(f"{name}_{kind}", data, options, args.threads)
            rows.append(dict(row, data=name, weights=kind))
    machine = describe_machine("cpu", args.threads)
    table = results_table(rows, machine)
    print(table.markdown())
    table.write(args.out)


def run(name: str, data: str, options: Sequence[str], threads: int) -> dict:
    """Run tools/quickstart.py if its results do not exist yet; return the results.

    Returns:
        dict: ``summary.json`` of the command, ``wall`` and ``cpu`` seconds.

    Raises:
        InputError: If the command fails.
    """
    folder = Path("work_dirs") / name
    if not (folder / WHOLE).is_file():
        command = [sys.executable, "tools/quickstart.py", data, "--name", name]
        before, start = _cpu_seconds(), time.perf_counter()
        done = subprocess.run(
            [*command, *options], env=dict(os.environ, OMP_NUM_THREADS=str(threads))
        )
        if done.returncode:
            raise InputError(f"{name}: the command ended with {done.returncode}")
        wall, cpu = time.perf_counter() - start, _cpu_seconds() - before
        write_json(dict(wall=wall, cpu=cpu), folder / WHOLE)
    summary = json.loads((folder / "summary.json").read_text())
    return summary | json.loads((folder / WHOLE).read_text())


def results_table(rows: Sequence[dict], machine: dict) -> Table:
    """Table of the runs, one row each."""
    columns = [
        Column("data", "data"),
        Column("weights", "from"),
        Column("photos", "test photos"),
        Column("mAP", "mAP", "{:.3f}".format),
        Column("mAP_50", "mAP@50", "{:.3f}".format),
        Column("wall", "minutes", lambda seconds: f"{seconds / 60:.1f}"),
        Column("cpu", "CPU minutes", lambda seconds: f"{seconds / 60:.1f}"),
    ]
    notes = ["one seed; minutes of the whole command", *machine_notes(machine)]
    return Table(columns, rows, notes, dict(runs=list(rows), machine=machine))


def _cpu_seconds() -> float:
    """CPU seconds of all processes that this one has waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
