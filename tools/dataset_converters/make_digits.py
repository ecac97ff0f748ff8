"""Make the embedded default dataset: handwritten digits on photos, no network."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmyolo_mnv1.annotations.digits import make_digits


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("data/digits"))
    parser.add_argument("--train", type=int, default=400, help="training images")
    parser.add_argument("--val", type=int, default=100, help="validation images")
    parser.add_argument("--size", type=int, default=320, help="image side in pixels")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    made = make_digits(args.out, args.train, args.val, args.size, args.seed)
    print(f"{args.out}: {'written' if made else 'already there'}")


if __name__ == "__main__":
    sys.exit(main())
