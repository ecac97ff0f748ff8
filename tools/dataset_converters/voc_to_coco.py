"""Convert Pascal VOC annotations to COCO: voc_to_coco.py SRC DST --splits train val."""

import argparse
from pathlib import Path

from mmyolo_mnv1.annotations.coco import count_boxes
from mmyolo_mnv1.annotations.voc import voc_to_coco


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("src", type=Path, help="folder with Annotations, ImageSets, …")
    parser.add_argument("dst", type=Path, help="gets annotations/*.json and images/")
    parser.add_argument("--splits", nargs="+", default=["train", "val"])
    parser.add_argument("--classes", nargs="+", help="names in order; default: sorted")
    args = parser.parse_args()
    results = voc_to_coco(args.src, args.dst, args.splits, args.classes)
    for split, result in results.items():
        per_class = ", ".join(f"{k} {v}" for k, v in count_boxes(result.coco).items())
        print(
            f"{split}: {len(result.coco['images'])} images, "
            f"{len(result.coco['annotations'])} boxes ({per_class}), "
            f"{result.clipped} clipped, {len(result.dropped)} without area dropped"
        )
        for line in result.dropped[:3]:
            print(f"  dropped {line}")
    print(f"written to {args.dst}")


if __name__ == "__main__":
    main()
