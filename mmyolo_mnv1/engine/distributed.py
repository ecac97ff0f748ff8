"""Distributed training on GPUs and CPUs."""

import datetime
import os
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import all_gather_object, all_reduce, get_world_size
from torch import distributed

from ..errors import InputError

#: Environment variables of other launchers, by torchrun's name.
LAUNCHER_VARIABLES = {
    "slurm": dict(
        RANK="SLURM_PROCID", WORLD_SIZE="SLURM_NTASKS", LOCAL_RANK="SLURM_LOCALID"
    ),
    "mpi": dict(
        RANK="OMPI_COMM_WORLD_RANK",
        WORLD_SIZE="OMPI_COMM_WORLD_SIZE",
        LOCAL_RANK="OMPI_COMM_WORLD_LOCAL_RANK",
    ),
}


def start_process_group(launcher: str, timeout: float | None = None) -> None:
    """Check the launcher's variables; on a CPU, initialise a gloo process group.

    MMEngine's own launcher calls ``torch.cuda.set_device``, which fails without a GPU
    unless a process group exists.

    Args:
        launcher (str): pytorch, slurm or mpi.
        timeout (float, optional): Seconds until a collective operation fails.
            Defaults to PyTorch's.

    Raises:
        InputError: If a variable of the launcher is not set, or a machine has fewer
            GPUs than processes.
    """
    on_cpu = get_device() == "cpu"
    if on_cpu:
        for name, source in LAUNCHER_VARIABLES.get(launcher, {}).items():
            os.environ[name] = _variable(source, launcher)
    if on_cpu or launcher == "pytorch":
        for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
            _variable(name, launcher)
    if on_cpu:
        distributed.init_process_group(
            backend="gloo", timeout=timeout and datetime.timedelta(seconds=timeout)
        )
    elif torch.cuda.is_available():
        count, rank = torch.cuda.device_count(), int(os.environ.get("LOCAL_RANK", 0))
        if rank >= count:
            raise InputError(
                f"process {rank} of this machine finds no GPU: there are {count}: "
                "start fewer processes"
            )


def _variable(name: str, launcher: str) -> str:
    if name not in os.environ:
        raise InputError(
            f"--launcher {launcher}: {name} is not set: start by tools/dist_train.sh "
            "or torchrun"
        )
    return os.environ[name]


def any_rank(flag: bool) -> bool:
    """Whether a flag is set in any process. A collective: all processes call it."""
    if get_world_size() == 1:
        return flag
    vote = torch.tensor(float(flag), device=get_device())
    all_reduce(vote, op="max")
    return bool(vote)


def check_same_config(cfg: Config) -> None:
    """Refuse to train when the configs of the processes differ.

    Args:
        cfg (Config): Config of this process.

    Raises:
        InputError: In every process, if they differ.
    """
    if get_world_size() == 1:
        return
    values = _flatten(cfg._cfg_dict.to_dict())
    first, *others = all_gather_object(values)
    for rank, other in enumerate(others, 1):
        names = sorted(
            name for name in {*first, *other} if first.get(name) != other.get(name)
        )
        if names:
            name = names[0]
            raise InputError(
                f"the configs of process 0 and process {rank} differ in {len(names)} "
                f"values: {name} is {first.get(name)} and {other.get(name)}: give "
                "every node the same config and options"
            )


def _flatten(node: Any, name: str = "") -> dict[str, str]:
    """Text of each value by its dotted name."""
    if isinstance(node, dict):
        items = node.items()
    elif isinstance(node, (list, tuple)):
        items = enumerate(node)
    else:
        return {name: getattr(node, "__qualname__", repr(node))}
    values = {}
    for key, value in items:
        values |= _flatten(value, f"{name}.{key}" if name else str(key))
    return values
