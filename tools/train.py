"""Train a model: train.py CONFIG."""

import argparse
from collections.abc import Sequence

from mmyolo_mnv1.engine import launch


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    launch.add_launch_arguments(parser)
    parser.add_argument("--amp", action="store_true", help="automatic mixed precision")
    parser.add_argument(
        "--resume",
        nargs="?",
        const="auto",
        metavar="CHECKPOINT",
        help="go on from it; without a value, from the newest in the work directory",
    )
    args = parser.parse_args(argv)
    with launch.reported_once():
        launch.train_detector(launch.launch_config(args), args.amp, args.resume)


if __name__ == "__main__":
    main()
