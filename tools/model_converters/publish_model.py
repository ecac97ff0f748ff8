"""Write the averaged weights of a checkpoint alone, with a hash in the name."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmyolo_mnv1.weights.publish import publish_checkpoint


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("src", type=Path, help="checkpoint of a training")
    parser.add_argument("dst", type=Path, help="NAME.pth: writes NAME-xxxxxxxx.pth")
    parser.add_argument("--half", action="store_true", help="half precision")
    args = parser.parse_args(argv)
    print(publish_checkpoint(args.src, args.dst, args.half))


if __name__ == "__main__":
    sys.exit(main())
