"""Convert labelme annotations to COCO: labelme_to_coco.py SRC DST."""

import argparse
import sys
from collections.abc import Sequence

from mmyolo_mnv1.annotations.command_line import add_arguments
from mmyolo_mnv1.annotations.labelme import labelme_to_coco
from mmyolo_mnv1.annotations.splits import parse_splits
from mmyolo_mnv1.annotations.summary import summary


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser, "folder with labelme's *.json", ["train=0.8", "val=0.2"])
    parser.add_argument("--classes", nargs="+", help="names in order; default: sorted")
    args = parser.parse_args(argv)
    splits = parse_splits(args.splits, args.seed)
    print(summary(labelme_to_coco(args.src, args.dst, splits, args.classes)))
    print(f"written to {args.dst}")


if __name__ == "__main__":
    sys.exit(main())
