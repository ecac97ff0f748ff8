"""Classes and box sizes of a dataset: dataset_analysis.py CONFIG, or ANN.json ..."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import DictAction

from mmyolo_mnv1.analysis.dataset_analysis import config_stats, file_stats, stats_table
from mmyolo_mnv1.analysis.dataset_figures import draw_stats
from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.errors import InputError


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("src", nargs="+", help="a config, or COCO annotation files")
    parser.add_argument(
        "--split", nargs="+", choices=["train", "val", "test"], default=()
    )
    parser.add_argument("--out", type=Path, default=Path("work_dirs/dataset"))
    parser.add_argument("--cfg-options", nargs="+", action=DictAction)
    args = parser.parse_args(argv)
    if all(src.endswith(".json") for src in args.src):
        if args.split or args.cfg_options:
            raise InputError(
                "--split and --cfg-options go with a config: leave them out"
            )
        stats = file_stats([Path(src) for src in args.src])
    elif len(args.src) == 1:
        stats = config_stats(load_config(args.src[0], args.cfg_options), args.split)
    else:
        raise InputError(f"{args.src}: give one config, or only .json files")
    print(stats_table(stats).markdown())
    draw_stats(stats, args.out)


if __name__ == "__main__":
    sys.exit(main())
