"""Convert Pascal VOC annotations to COCO: voc_to_coco.py SRC DST --splits train val."""

import argparse
from pathlib import Path

from mmyolo_mnv1.annotations.splits import add_split_arguments, parse_splits
from mmyolo_mnv1.annotations.summary import summary
from mmyolo_mnv1.annotations.voc import voc_to_coco


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("src", type=Path, help="folder with Annotations, ImageSets, …")
    parser.add_argument("dst", type=Path, help="gets annotations/*.json and images/")
    add_split_arguments(parser, ["train", "val"], own="names are those of ImageSets; ")
    parser.add_argument("--classes", nargs="+", help="names in order; default: sorted")
    args = parser.parse_args()
    splits = parse_splits(args.splits, args.seed)
    print(summary(voc_to_coco(args.src, args.dst, splits, args.classes)))
    print(f"written to {args.dst}")


if __name__ == "__main__":
    main()
