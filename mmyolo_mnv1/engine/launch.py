"""Training and testing from the command line: arguments, config, runner."""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmdet.engine.hooks.utils import trigger_visualization_hook
from mmengine.config import Config, ConfigDict, DictAction
from mmengine.device import get_device
from mmengine.evaluator import DumpResults
from mmyolo.registry import RUNNERS
from torch.distributed.elastic.multiprocessing.errors import get_error_handler

from ..config import load_config
from ..errors import InputError
from .checks import is_file
from .runner import resume_last


def add_launch_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of both training and testing, named as MMYOLO's."""
    parser.add_argument("config", help="config file")
    parser.add_argument("--work-dir", help="for logs and checkpoints")
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=DictAction,
        help="K=V: config values",
    )
    launchers = ["none", "pytorch", "slurm", "mpi"]
    parser.add_argument("--launcher", choices=launchers, default="none")
    parser.add_argument(
        "--allow-unsafe-checkpoint",
        action="store_true",
        help="load checkpoints that run code; only from a source you trust",
    )
    # torch.distributed.launch, which MIM calls, gives the rank as an argument.
    parser.add_argument(
        *("--local_rank", "--local-rank"), type=int, default=0, help=argparse.SUPPRESS
    )


@contextmanager
def reported_once() -> Iterator[None]:
    """Let :mod:`mmyolo_mnv1.environment.torchrun` report an InputError once.

    Otherwise each of its processes prints the line. They do so if torchrun restarts
    them, because it does not keep the reason of a failure then.
    """
    try:
        yield
    except InputError as e:
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT")
        if attempt is None or attempt != os.environ.get("TORCHELASTIC_MAX_RESTARTS"):
            raise
        get_error_handler().record_exception(e)
        raise SystemExit(1) from None


def launch_config(args: argparse.Namespace) -> Config:
    """Read the config and apply the options of the command line.

    The work directory is ``--work-dir``, else the config's ``work_dir``, else
    ``work_dirs/NAME`` with the name of the config.

    Args:
        args (argparse.Namespace): See :func:`add_launch_arguments`.

    Raises:
        InputError: See :func:`mmyolo_mnv1.config.load_config`.
    """
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    cfg = load_config(args.config, args.cfg_options)
    cfg.launcher = args.launcher
    if args.allow_unsafe_checkpoint:
        cfg.allow_unsafe_checkpoint = True
    default = str(Path("work_dirs") / Path(args.config).stem)
    cfg.work_dir = args.work_dir or cfg.get("work_dir") or default
    return cfg


def train_detector(cfg: Config, amp: bool = False, resume: str | None = None) -> None:
    """Train a detector.

    Args:
        cfg (Config): See :func:`launch_config`.
        amp (bool): Automatic mixed precision. Defaults to False.
        resume (str, optional): Checkpoint to resume from, or ``auto`` for the newest
            one in the work directory. If none exists, training starts from
            ``load_from``, as without this option. Defaults to None.

    Raises:
        InputError: If the checkpoint is missing, or ``amp`` is used with an optimizer
            wrapper that does not support it.
    """
    if amp:
        _enable_amp(cfg)
    if resume == "auto":
        resume_last(cfg)
    elif resume:
        cfg.resume, cfg.load_from = True, _checkpoint_path(resume)
    RUNNERS.build(cfg).train()


def test_detector(cfg: Config, args: argparse.Namespace) -> None:
    """Test a checkpoint of a detector.

    Args:
        cfg (Config): See :func:`launch_config`.
        args (argparse.Namespace): ``checkpoint``, ``out``, ``json_prefix``, ``tta``,
            ``show``, ``show_dir`` and ``wait_time`` of ``tools/test.py``.

    Raises:
        InputError: If the checkpoint is missing, ``out`` is no pickle file, or the
            config has no test-time augmentation.
    """
    cfg.load_from = _checkpoint_path(args.checkpoint)
    if args.out and not args.out.endswith((".pkl", ".pickle")):
        raise InputError(f"--out {args.out}: give a name that ends in .pkl")
    if args.show or args.show_dir:
        trigger_visualization_hook(cfg, args)
    if args.json_prefix:
        _write_json_only(cfg, args.json_prefix)
    if args.tta:
        _enable_tta(cfg)
    runner = RUNNERS.build(cfg)
    if args.out:
        runner.test_evaluator.metrics.append(DumpResults(args.out))
    runner.test()


def _checkpoint_path(path: str) -> str:
    """Check that a local checkpoint exists; an address is returned unchanged."""
    if "://" not in path and not is_file(path):
        raise InputError(f"checkpoint {path} not found")
    return path


def _enable_amp(cfg: Config) -> None:
    """Enable AMP: float16 with loss scaling on a GPU, bfloat16 on a CPU."""
    amp = "BF16OptimWrapper" if get_device() == "cpu" else "AmpOptimWrapper"
    wrapper = cfg.optim_wrapper.get("type", "OptimWrapper")
    if wrapper == "OptimWrapper":
        cfg.optim_wrapper.type = amp
    elif wrapper != amp:
        raise InputError(
            f"--amp: optim_wrapper.type is {wrapper}: it goes with OptimWrapper"
        )


def _write_json_only(cfg: Config, prefix: str) -> None:
    """Make COCO metrics write the detections and compute nothing.

    The files of a second metric get the suffix ``_2``.

    Raises:
        InputError: If the config has none.
    """
    metrics = cfg.test_evaluator
    metrics = [metrics] if isinstance(metrics, dict) else metrics
    metrics = [m for m in metrics if "Coco" in str(m.get("type"))]
    if not metrics:
        raise InputError("--json-prefix: test_evaluator has no COCO metric: add one")
    for number, metric in enumerate(metrics, 1):
        suffix = f"_{number}" if number > 1 else ""
        metric.update(format_only=True, outfile_prefix=f"{prefix}{suffix}")


def _enable_tta(cfg: Config) -> None:
    if "tta_model" not in cfg or "tta_pipeline" not in cfg:
        raise InputError(
            f"--tta: config {cfg.filename} has no tta_model and tta_pipeline"
        )
    cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)
    # Batch shapes would fix the input size that test-time augmentation varies.
    cfg.test_dataloader.dataset.update(pipeline=cfg.tta_pipeline, batch_shapes_cfg=None)
