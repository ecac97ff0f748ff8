"""torchrun with OpenMMLab's environment variables: ``tools/dist_*.sh``, ``slurm_*.sh``.

``python -m mmyolo_mnv1.torchrun GPUS SCRIPT [ARGUMENT …]``

Of the variables, NNODES (1), NODE_RANK (0), MASTER_ADDR and PORT say who meets where;
one machine takes a free port. RDZV_TIMEOUT (50) are the seconds that nodes wait for
each other. MAX_RESTARTS (0) is how often all processes are started again when one dies;
the runner then goes on from the last checkpoint.
"""

import argparse
import logging
import os
import socket
import sys
import uuid

import torch
from torch.distributed import run
from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.elastic.rendezvous import RendezvousError

from ..errors import InputError

LOOPBACK = "127.0.0.1"
PORT = 29500


def torchrun_arguments(gpus: str, script: str, arguments: list[str]) -> list[str]:
    """What torchrun is to be called with.

    Args:
        gpus (str): Processes on this machine: one a GPU, or one a core without GPUs.
        script (str): Python file, or module, that each process runs.
        arguments (list[str]): Its arguments.

    Raises:
        InputError: If a variable is wrong or missing, the port is in use, or there are
            fewer GPUs, or cores, than processes.
    """
    check_gpus(gpus)
    nodes = _number("NNODES", 1, at_least=1)
    rank = _number("NODE_RANK", 0)
    if rank >= nodes:
        raise InputError(
            f"NODE_RANK is {rank} and NNODES is {nodes}: number the nodes from 0 to "
            f"{nodes - 1}"
        )
    if nodes > 1 and "MASTER_ADDR" not in os.environ:
        raise InputError(
            "MASTER_ADDR is not set: set it on every node to the address of the node "
            "with NODE_RANK 0"
        )
    host = os.environ.get("MASTER_ADDR", LOOPBACK) if nodes > 1 else LOOPBACK
    port = _number("PORT", PORT if nodes > 1 else 0)
    if rank == 0:
        _check_free(port)
    timeout = _number("RDZV_TIMEOUT", 50, at_least=1)
    waits = f"join_timeout={timeout},read_timeout={timeout},is_host={rank == 0}"
    return [
        f"--nnodes={nodes}",
        f"--nproc-per-node={gpus}",
        f"--max-restarts={_number('MAX_RESTARTS', 0)}",
        "--rdzv-backend=c10d",
        f"--rdzv-endpoint={host}:{port}",
        f"--rdzv-id={f'{host}:{port}' if port else uuid.uuid4()}",
        f"--rdzv-conf={waits}",
        f"--local-addr={_own_address(host, port)}",
        *([] if script.endswith(".py") else ["--module"]),
        script,
        *arguments,
    ]


def check_gpus(gpus: str) -> None:
    """Refuse more processes than there are GPUs, or cores where there is no GPU.

    Raises:
        InputError: If so, or if it is no number.
    """
    if not gpus.isdigit() or int(gpus) < 1:
        raise InputError(f"GPUS is {gpus!r}: give the number of processes, 1 or more")
    if torch.cuda.is_available():
        count, what = torch.cuda.device_count(), "GPUs"
    else:
        count, what = len(os.sched_getaffinity(0)), "CPU cores and no GPU"
    if int(gpus) > count:
        raise InputError(f"GPUS is {gpus} and there are {count} {what}: give fewer")


def _number(name: str, default: int, at_least: int = 0) -> int:
    text = os.environ.get(name, str(default))
    if not text.isdigit() or int(text) < at_least:
        raise InputError(f"{name} is {text!r}: give a whole number from {at_least}")
    return int(text)


def _check_free(port: int) -> None:
    """Refuse a port that another program has; 0 stands for any that is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError as e:
            raise InputError(
                f"PORT {port} cannot be used ({e.strerror}): set another one, or leave "
                "it out on a single machine"
            ) from None


def _own_address(host: str, port: int) -> str:
    """The address under which this machine reaches the host; nothing is sent.

    Host names often lead nowhere, or to another network.
    """
    try:
        family, kind, *_, address = socket.getaddrinfo(
            host, port or PORT, type=socket.SOCK_DGRAM
        )[0]
        with socket.socket(family, kind) as probe:
            probe.connect(address)
            return probe.getsockname()[0]
    except OSError as e:
        raise InputError(
            f"MASTER_ADDR {host} cannot be reached ({e.strerror}): give the address of "
            "the node with NODE_RANK 0"
        ) from None


def main() -> None:
    """Run torchrun; a failure is told in one line, with the status of what failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gpus", help="processes on this machine")
    parser.add_argument("script", help="Python file, or module, that each of them runs")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    arguments = torchrun_arguments(args.gpus, args.script, args.arguments)
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    # Otherwise processes that are started again may meet under the addresses of those
    # that died: PyTorch 2.12 keeps one store for all attempts.
    os.environ.setdefault("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    if args.gpus != "1":  # torchrun would do the same, with a banner
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        run.run(run.parse_args(arguments))
    except ChildFailedError as e:
        rank, failure = e.get_first_failure()
        _tell(rank, failure)
        status = failure.exitcode
        sys.exit(status if status > 0 else 128 - status)
    except SignalException as e:
        sys.exit(128 + e.sigval)
    except RendezvousError as e:
        raise InputError(
            f"the nodes did not meet ({e}): is each started with the same NNODES, "
            "MASTER_ADDR and PORT, and its own NODE_RANK?"
        ) from None


def _tell(rank: int, failure) -> None:
    """Say in one line which process failed first, and why if it said so."""
    message = failure.message
    if isinstance(message, dict):
        line = message["message"].partition(": ")[2]  # after the type
        print(line, file=sys.stderr)
    else:
        why = message if failure.exitcode < 0 else f"exit status {failure.exitcode}"
        print(f"mmyolo-mnv1: process {rank} failed: {why}", file=sys.stderr)


if __name__ == "__main__":
    main()
