"""Convert a YOLO11 detection checkpoint of Ultralytics to MMYOLO.

Ultralytics need not be installed, and no code in the file is run.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmyolo_mnv1.converters.ultralytics import read_ultralytics, ultralytics_to_mmyolo
from mmyolo_mnv1.weights import save_checkpoint


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("src", type=Path, help="yolo11?.pt of ultralytics 8.3 or 8.4")
    parser.add_argument("dst", type=Path, help=".pth to write")
    args = parser.parse_args(argv)
    state_dict, meta = ultralytics_to_mmyolo(read_ultralytics(args.src))
    save_checkpoint(state_dict, meta, args.dst)
    neck = "" if meta["sppf_act"] else ", neck=dict(sppf_act=False)"
    print(
        f"{args.dst}: YOLO11{meta['scale']}, {meta['num_classes']} classes, "
        f"{len(state_dict)} tensors, written by ultralytics "
        f"{meta['ultralytics_version'] or 'of unknown version'}"
        f"{', Conv+BN fused' if meta['fused'] else ''}\n"
        f"In the config:\nmodel = dict(scale={meta['scale']!r}{neck})"
    )
    if classes := meta["dataset_meta"].get("classes"):
        print(f"classes = {classes}")


if __name__ == "__main__":
    sys.exit(main())
