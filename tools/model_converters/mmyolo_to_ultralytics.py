"""Write the weights of our YOLO11 as a state dict for Ultralytics.

There: DetectionModel('yolo11m.yaml', nc=…).load_state_dict(torch.load(DST)).
"""

import argparse
from pathlib import Path

from mmyolo_mnv1.converters.ultralytics import mmyolo_to_ultralytics
from mmyolo_mnv1.weights import load_tensors, save


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("src", type=Path, help="checkpoint of YOLO11, own backbone")
    parser.add_argument("dst", type=Path, help=".pt to write")
    args = parser.parse_args()
    state_dict = mmyolo_to_ultralytics(load_tensors(args.src))
    save(state_dict, args.dst)
    print(f"{args.dst}: {len(state_dict)} tensors")


if __name__ == "__main__":
    main()
