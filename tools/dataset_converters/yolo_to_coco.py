"""Convert an Ultralytics YOLO dataset to COCO: yolo_to_coco.py data.yaml DST."""

import argparse
from pathlib import Path

from mmyolo_mnv1.annotations.splits import add_split_arguments, parse_splits
from mmyolo_mnv1.annotations.summary import summary
from mmyolo_mnv1.annotations.yolo import yolo_to_coco


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("src", type=Path, help="data.yaml")
    parser.add_argument("dst", type=Path, help="gets annotations/*.json and images/")
    add_split_arguments(parser, None, own="names are those of SRC, by default all; ")
    args = parser.parse_args()
    splits = parse_splits(args.splits, args.seed)
    print(summary(yolo_to_coco(args.src, args.dst, splits)))
    print(f"written to {args.dst}")


if __name__ == "__main__":
    main()
