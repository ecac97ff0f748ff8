"""Convert timm's MobileNetV1 ImageNet weights: timm_to_mmyolo.py SRC DST."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmyolo_mnv1.converters.mobilenet_v1 import describe_classifier
from mmyolo_mnv1.converters.timm import timm_to_mmyolo
from mmyolo_mnv1.weights import save_checkpoint


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("src", type=Path, help="model.safetensors, or .pth")
    parser.add_argument("dst", type=Path, help=".pth to write")
    args = parser.parse_args(argv)
    state_dict, meta = timm_to_mmyolo(args.src)
    save_checkpoint(state_dict, meta, args.dst)
    print(describe_classifier(meta, args.dst))


if __name__ == "__main__":
    sys.exit(main())
