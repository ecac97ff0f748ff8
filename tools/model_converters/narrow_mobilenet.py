"""Prune a converted MobileNetV1 to a smaller width: narrow_mobilenet.py SRC DST."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmyolo_mnv1.converters.mobilenet_v1 import describe_classifier
from mmyolo_mnv1.converters.narrow import load_classifier, narrow
from mmyolo_mnv1.weights import save_checkpoint


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("src", type=Path, help=".pth of tf_slim_ or timm_to_mmyolo.py")
    parser.add_argument("dst", type=Path, help=".pth to write")
    parser.add_argument("--alpha", type=float, required=True, help="0.75, 0.5 or 0.25")
    args = parser.parse_args(argv)
    state_dict, meta = narrow(*load_classifier(args.src), args.alpha)
    save_checkpoint(state_dict, meta, args.dst)
    print(describe_classifier(meta, args.dst))


if __name__ == "__main__":
    sys.exit(main())
