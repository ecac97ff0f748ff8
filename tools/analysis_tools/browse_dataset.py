"""Draw network inputs after augmentation: browse_dataset.py CONFIG."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import DictAction

from mmyolo_mnv1.analysis.browse_dataset import browse_dataset
from mmyolo_mnv1.config import load_config


def parse_grid(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text}: give ROWSxCOLUMNS, as in 3x4")
    return int(match[1]), int(match[2])


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config")
    parser.add_argument("--split", choices=["train", "val", "test"], default="train")
    parser.add_argument("--stage2", action="store_true", help="after mosaic is off")
    parser.add_argument("--number", type=int, help="of images; default: one grid full")
    parser.add_argument(
        "--grid", type=parse_grid, default="3x4", metavar="ROWSxCOLUMNS"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("work_dirs/browse"))
    parser.add_argument("--cfg-options", nargs="+", action=DictAction)
    args = parser.parse_args(argv)
    cfg = load_config(args.config, args.cfg_options)
    for path in browse_dataset(
        cfg, args.out, args.split, args.stage2, args.number, args.grid, args.seed
    ):
        print(f"wrote {path}")


if __name__ == "__main__":
    sys.exit(main())
