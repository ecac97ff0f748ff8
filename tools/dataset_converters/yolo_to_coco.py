"""Convert an Ultralytics YOLO dataset to COCO: yolo_to_coco.py data.yaml DST."""

import argparse
import sys
from collections.abc import Sequence

from mmyolo_mnv1.annotations.command_line import add_arguments
from mmyolo_mnv1.annotations.splits import parse_splits
from mmyolo_mnv1.annotations.summary import summary
from mmyolo_mnv1.annotations.yolo import yolo_to_coco


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser, "data.yaml", None, "names of SRC (default: all), or ")
    args = parser.parse_args(argv)
    splits = parse_splits(args.splits, args.seed)
    print(summary(yolo_to_coco(args.src, args.dst, splits)))
    print(f"written to {args.dst}")


if __name__ == "__main__":
    sys.exit(main())
