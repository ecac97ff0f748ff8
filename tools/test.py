"""Test a model, measure or show what it predicts: test.py CONFIG CHECKPOINT."""

import argparse
from collections.abc import Sequence

from mmyolo_mnv1.engine import launch


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    launch.add_launch_arguments(parser)
    parser.add_argument("checkpoint", help="file or web address")
    parser.add_argument("--out", help="pickle the predictions to this .pkl file")
    parser.add_argument(
        "--json-prefix", help="write COCO JSON, PREFIX.bbox.json, and do not measure"
    )
    parser.add_argument("--tta", action="store_true", help="test-time augmentation")
    parser.add_argument("--show", action="store_true", help="in a window")
    parser.add_argument("--show-dir", help="for pictures, under WORK_DIR/TIMESTAMP")
    parser.add_argument(
        "--wait-time", type=float, default=2, help="of --show, in seconds"
    )
    args = parser.parse_args(argv)
    with launch.reported_once():
        launch.test_detector(launch.launch_config(args), args)


if __name__ == "__main__":
    main()
