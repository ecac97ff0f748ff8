"""Arguments that the measuring tools share."""

import argparse
from pathlib import Path

from mmengine.config import DictAction

from .backends import BACKENDS, DTYPES, Setting
from .machine import available_threads
from .timing import Plan


def add_plan_arguments(parser: argparse.ArgumentParser) -> None:
    """Add how to time: backends, device, precision, threads, batch, rounds."""
    parser.add_argument(
        *("--backend", "--backends"),
        nargs="+",
        default=["eager"],
        help=f"of {', '.join(BACKENDS)}; default: eager",
    )
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument("--batch", type=int, default=1, help="images at once")
    parser.add_argument(
        "--precision", default="fp32", help=f"of {', '.join(DTYPES)}; default: fp32"
    )
    parser.add_argument(
        "--threads", type=int, default=available_threads(), help="default: all cores"
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--warmup", type=int, default=3, help="rounds not counted")


def parse_plan(args: argparse.Namespace) -> Plan:
    """What :func:`add_plan_arguments` added."""
    setting = Setting(args.device, args.precision, args.threads)
    return Plan(args.backend, setting, args.batch, args.rounds, args.warmup)


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--cfg-options``."""
    parser.add_argument(
        "--cfg-options", nargs="+", action=DictAction, metavar="KEY=VALUE"
    )


def add_out_argument(
    parser: argparse.ArgumentParser, picture: bool = False, default: list | None = None
) -> None:
    """Add ``--out``: files whose suffixes name their form."""
    parser.add_argument(
        "--out",
        type=Path,
        nargs="+",
        default=default or [],
        metavar="FILE",
        help="ending in .json, .csv or .md" + (" or .png" if picture else ""),
    )
