"""The headline table: YOLO11m against MobileNetV1-YOLO11m, or any configs.

Without CONFIG it is the article's: those two, with one class.
"""

import argparse
from pathlib import Path

from benchmarks.harness.peers import PEERS
from mmyolo_mnv1.analysis.arguments import (
    add_config_arguments,
    add_out_argument,
    add_plan_arguments,
    parse_plan,
)
from mmyolo_mnv1.analysis.compare import HEADLINE, HEADLINE_OPTIONS, compare
from mmyolo_mnv1.analysis.compare_figure import draw_comparison
from mmyolo_mnv1.analysis.tables import check_suffixes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", nargs="*", help="ratios are to the first")
    parser.add_argument(
        "--checkpoints", type=Path, nargs="+", default=[], help="one a config"
    )
    parser.add_argument(
        "--map",
        nargs="+",
        default=[],
        help="mAP of each config: a number, test.py's JSON of metrics, or none",
    )
    parser.add_argument(
        "--peer", nargs="+", default=[], help=f"of {', '.join(PEERS)}; same weights"
    )
    add_plan_arguments(parser)
    add_config_arguments(parser)
    add_out_argument(parser, picture=True)
    args = parser.parse_args()
    check_suffixes(args.out, with_picture=True)
    configs, options = args.config, args.cfg_options or {}
    if not configs:
        configs, options = HEADLINE, {**HEADLINE_OPTIONS, **options}
    plan = parse_plan(args)
    table = compare(configs, plan, options, args.checkpoints, args.map, args.peer)
    print(table.markdown())
    table.write(args.out, lambda: draw_comparison(table))


if __name__ == "__main__":
    main()
