"""Latency of detectors side by side, by stage: benchmark.py A.py B.py ..."""

import argparse
import sys
from collections.abc import Sequence

from mmyolo_mnv1.analysis.arguments import (
    add_config_arguments,
    add_out_argument,
    add_plan_arguments,
    parse_plan,
)
from mmyolo_mnv1.analysis.benchmark import benchmark
from mmyolo_mnv1.analysis.tables import check_suffixes


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", nargs="+", help="ratios are to the first")
    parser.add_argument("--checkpoints", nargs="+", default=[], help="one a config")
    add_plan_arguments(parser)
    add_config_arguments(parser)
    add_out_argument(parser)
    args = parser.parse_args(argv)
    check_suffixes(args.out)
    table = benchmark(args.config, parse_plan(args), args.cfg_options, args.checkpoints)
    print(table.markdown())
    table.write(args.out)


if __name__ == "__main__":
    sys.exit(main())
