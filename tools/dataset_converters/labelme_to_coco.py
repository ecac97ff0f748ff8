"""Convert labelme annotations to COCO: labelme_to_coco.py SRC DST."""

import argparse
from pathlib import Path

from mmyolo_mnv1.annotations.labelme import labelme_to_coco
from mmyolo_mnv1.annotations.splits import add_split_arguments, parse_splits
from mmyolo_mnv1.annotations.summary import summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("src", type=Path, help="folder with labelme's *.json")
    parser.add_argument("dst", type=Path, help="gets annotations/*.json and images/")
    add_split_arguments(parser, ["train=0.8", "val=0.2"])
    parser.add_argument("--classes", nargs="+", help="names in order; default: sorted")
    args = parser.parse_args()
    splits = parse_splits(args.splits, args.seed)
    print(summary(labelme_to_coco(args.src, args.dst, splits, args.classes)))
    print(f"written to {args.dst}")


if __name__ == "__main__":
    main()
