"""Plot parameters, MACs and latency over width α, resolution ρ and scale.

Results are kept in --data: an interrupted sweep continues from there.
"""

import argparse
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from mmyolo_mnv1.analysis.arguments import (
    add_config_arguments,
    add_out_argument,
    add_plan_arguments,
    parse_plan,
)
from mmyolo_mnv1.analysis.plot_tradeoff import sweep
from mmyolo_mnv1.analysis.tables import check_suffixes
from mmyolo_mnv1.analysis.tradeoff_figure import draw_tradeoff
from mmyolo_mnv1.analysis.tradeoff_variants import (
    ALPHAS,
    BASELINE,
    CONFIG,
    RHOS,
    SCALES,
    read_results,
    variants,
)


def number(text: str) -> float:
    return float(Fraction(text))


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scales", nargs="+", default=SCALES)
    parser.add_argument("--alphas", type=number, nargs="+", default=ALPHAS)
    parser.add_argument("--rhos", type=number, nargs="+", default=RHOS, help="as 6/7")
    parser.add_argument("--config", default=CONFIG, help="with MobileNetV1")
    parser.add_argument("--baseline", default=BASELINE, help="with YOLO11's backbone")
    parser.add_argument("--latency", action="store_true", help="measure it too")
    parser.add_argument("--results", type=Path, help="JSON of mAP by variant")
    parser.add_argument("--data", type=Path, default=Path("work_dirs/tradeoff.json"))
    add_plan_arguments(parser)
    add_config_arguments(parser)
    add_out_argument(parser, picture=True, default=[Path("work_dirs/tradeoff.png")])
    args = parser.parse_args(argv)
    check_suffixes(args.out, with_picture=True)
    points = variants(args.scales, args.alphas, args.rhos, args.config, args.baseline)
    results = read_results(args.results, points)
    plan = parse_plan(args) if args.latency else None
    table = sweep(points, args.data, plan, args.cfg_options, results)
    print(table.markdown())
    table.write(args.out, lambda: draw_tradeoff(table))


if __name__ == "__main__":
    sys.exit(main())
