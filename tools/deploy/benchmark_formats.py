"""Size, mAP and latency of a detector in every export format, and a recommendation."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmyolo_mnv1.analysis.arguments import (
    add_config_arguments,
    add_out_argument,
    add_round_arguments,
    parse_cpu_plan,
)
from mmyolo_mnv1.analysis.benchmark_formats import benchmark_formats
from mmyolo_mnv1.analysis.compare_figure import draw_formats
from mmyolo_mnv1.analysis.tables import check_suffixes


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="config file of a detector with a test set")
    parser.add_argument("checkpoint", type=Path, help="its weights")
    parser.add_argument(
        "--models",
        type=Path,
        default=Path("work_dirs/deploy"),
        metavar="DIR",
        help="folder for the exported files; default: work_dirs/deploy",
    )
    parser.add_argument(
        "--calib", type=Path, metavar="DIR", help="for INT8; default: training images"
    )
    parser.add_argument(
        "--max-loss",
        type=float,
        default=1.0,
        help="points of mAP that the recommended file may lose; default: 1",
    )
    add_round_arguments(parser)
    add_config_arguments(parser)
    add_out_argument(parser, picture=True)
    args = parser.parse_args(argv)
    check_suffixes(args.out, with_picture=True)
    plan = parse_cpu_plan(args)
    table = benchmark_formats(
        args.config,
        args.checkpoint,
        plan,
        args.models,
        args.cfg_options,
        args.calib,
        args.max_loss,
    )
    print(table.markdown())
    table.write(args.out, lambda: draw_formats(table))
    return int(all("problem" in row for row in table.rows[1:]))


if __name__ == "__main__":
    sys.exit(main())
