"""Command line arguments of the converters in ``tools/dataset_converters``."""

import argparse
from collections.abc import Sequence
from pathlib import Path


def add_arguments(
    parser: argparse.ArgumentParser,
    src: str,
    splits: Sequence[str] | None,
    names: str = "",
) -> None:
    """Add ``src``, ``dst``, ``--splits`` and ``--seed``.

    Args:
        parser (argparse.ArgumentParser): Changed.
        src (str): Help of ``src``.
        splits (Sequence[str], optional): Default of ``--splits``.
        names (str): Help of split names, if the format has them. Defaults to "".
    """
    parser.add_argument("src", type=Path, help=src)
    parser.add_argument("dst", type=Path, help="gets annotations/*.json and images/")
    parser.add_argument(
        "--splits",
        "--split",
        nargs="+",
        default=splits,
        metavar="SPLIT",
        help=f"{names}shares, as in train=0.8 val=0.1 test=0.1, of all images",
    )
    parser.add_argument("--seed", type=int, default=0, help="of a split by shares")
