"""Command-line arguments shared by the measuring tools."""

import argparse
from pathlib import Path

from mmengine.config import DictAction

from ..deploy.runtime.engines import RunOptions
from .backends import BACKENDS, PRECISIONS
from .compare import HEADLINE, HEADLINE_OPTIONS, ComparedModel, load_models
from .machine import available_threads
from .tables import check_suffixes
from .timing import LatencyPlan


def add_plan_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of a latency plan: backends, device, precision, rounds, …."""
    parser.add_argument(
        *("--backend", "--backends"),
        nargs="+",
        default=["eager"],
        help=f"of {', '.join(BACKENDS)}; default: eager",
    )
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument("--batch", type=int, default=1, help="images per batch")
    parser.add_argument(
        "--precision",
        default="fp32",
        help=f"of {', '.join(PRECISIONS)}; default: fp32",
    )
    add_round_arguments(parser)


def parse_plan(args: argparse.Namespace) -> LatencyPlan:
    """Build the plan from the arguments of :func:`add_plan_arguments`."""
    options = RunOptions(args.device, args.precision, args.threads)
    return LatencyPlan(args.backend, options, args.batch, args.rounds, args.warmup)


def add_round_arguments(
    parser: argparse.ArgumentParser, rounds: int = 20, warmup: int = 3
) -> None:
    """Add the options ``--threads``, ``--rounds`` and ``--warmup`` to a parser.

    Args:
        parser (argparse.ArgumentParser): Parser to extend.
        rounds (int): Default of measured rounds. Defaults to 20.
        warmup (int): Default of rounds before them. Defaults to 3.
    """
    parser.add_argument(
        "--threads", type=int, default=available_threads(), help="default: all cores"
    )
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--warmup", type=int, default=warmup, help="rounds not counted")


def parse_cpu_plan(args: argparse.Namespace) -> LatencyPlan:
    """Build a plan for the CPU from the arguments of :func:`add_round_arguments`."""
    options = RunOptions("cpu", threads=args.threads)
    return LatencyPlan(run_options=options, rounds=args.rounds, warmup=args.warmup)


def add_comparison_arguments(parser: argparse.ArgumentParser) -> None:
    """Add models, latency plan and output files of a comparison."""
    parser.add_argument("config", nargs="*", help="ratios are to the first")
    parser.add_argument("--checkpoints", nargs="+", default=[], help="one a config")
    parser.add_argument(
        "--map",
        nargs="+",
        default=[],
        help="mAP of each config: a number, test.py's JSON of metrics, or none",
    )
    add_plan_arguments(parser)
    add_config_arguments(parser)
    add_out_argument(parser, picture=True)


def load_comparison(
    args: argparse.Namespace,
) -> tuple[list[ComparedModel], LatencyPlan]:
    """Check the arguments of :func:`add_comparison_arguments` and load the models."""
    check_suffixes(args.out, with_picture=True)
    configs, options = args.config, args.cfg_options or {}
    if not configs:
        configs, options = HEADLINE, {**HEADLINE_OPTIONS, **options}
    plan = parse_plan(args)
    return load_models(configs, plan, options, args.checkpoints, args.map), plan


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--cfg-options``."""
    parser.add_argument(
        "--cfg-options", nargs="+", action=DictAction, metavar="KEY=VALUE"
    )


def add_out_argument(
    parser: argparse.ArgumentParser, picture: bool = False, default: list | None = None
) -> None:
    """Add ``--out``: output files, whose suffixes select the format.

    Args:
        parser (argparse.ArgumentParser): Parser to extend.
        picture (bool): Whether ``.png`` is a format. Defaults to False.
        default (list, optional): Default files. Defaults to None, no file.
    """
    parser.add_argument(
        "--out",
        type=Path,
        nargs="+",
        default=default or [],
        metavar="FILE",
        help="ending in .json, .csv or .md" + (" or .png" if picture else ""),
    )
