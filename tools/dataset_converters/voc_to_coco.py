"""Convert Pascal VOC annotations to COCO: voc_to_coco.py SRC DST --splits train val."""

import argparse
import sys
from collections.abc import Sequence

from mmyolo_mnv1.annotations.command_line import add_arguments
from mmyolo_mnv1.annotations.splits import parse_splits
from mmyolo_mnv1.annotations.summary import summary
from mmyolo_mnv1.annotations.voc import voc_to_coco


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    src, names = "folder with Annotations, ImageSets, …", "names of ImageSets, or "
    add_arguments(parser, src, ["train", "val"], names)
    parser.add_argument("--classes", nargs="+", help="names in order; default: sorted")
    args = parser.parse_args(argv)
    splits = parse_splits(args.splits, args.seed)
    print(summary(voc_to_coco(args.src, args.dst, splits, args.classes)))
    print(f"written to {args.dst}")


if __name__ == "__main__":
    sys.exit(main())
