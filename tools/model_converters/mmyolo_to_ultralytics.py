"""Convert a YOLO11 checkpoint to a state dict of Ultralytics.

Load it by DetectionModel('yolo11m.yaml', nc=…).load_state_dict(torch.load(DST)).
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmyolo_mnv1.converters.ultralytics import mmyolo_to_ultralytics
from mmyolo_mnv1.weights import load_tensors, save


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("src", type=Path, help="YOLO11 checkpoint, own backbone")
    parser.add_argument("dst", type=Path, help=".pt to write")
    args = parser.parse_args(argv)
    state_dict = mmyolo_to_ultralytics(load_tensors(args.src))
    save(state_dict, args.dst)
    print(f"{args.dst}: {len(state_dict)} tensors")


if __name__ == "__main__":
    sys.exit(main())
