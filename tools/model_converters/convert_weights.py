"""Download weights and convert them to MMYOLO; print the lines of a config.

SRC is a name (timm://…, ultralytics://…), a web address, or a file: YOLO11 of
Ultralytics (.pt), MobileNetV1 of timm (.safetensors, .pth), TF-slim or Zehaos/MobileNet
(.npz, model.ckpt). No code in a file is run.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmyolo_mnv1.converters.loading import describe, load_converted
from mmyolo_mnv1.weights import save_checkpoint


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("src", metavar="SRC", help="name, address or file")
    parser.add_argument(
        "dst",
        metavar="DST",
        nargs="?",
        type=Path,
        help=".pth to write; default: none, a download stays in PyTorch's hub folder",
    )
    args = parser.parse_args(argv)
    checkpoint = load_converted(args.src)
    if args.dst:
        save_checkpoint(checkpoint["state_dict"], checkpoint["meta"], args.dst)
    print(describe(checkpoint, args.dst.as_posix() if args.dst else args.src))


if __name__ == "__main__":
    sys.exit(main())
