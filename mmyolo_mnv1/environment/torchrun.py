"""torchrun by OpenMMLab's environment variables, for ``tools/{dist,slurm}_*.sh``.

``python -m mmyolo_mnv1.environment.torchrun GPUS SCRIPT [ARGUMENT …]``

Variables, with their defaults:

- NNODES (1), NODE_RANK (0), MASTER_ADDR, PORT (29500; a free one on a single machine):
  the nodes and their rendezvous.
- RDZV_TIMEOUT (50): seconds that nodes wait for each other.
- MAX_RESTARTS (0): restarts of all processes after a failure; training then resumes
  from the last checkpoint.
"""

import argparse
import logging
import os
import socket
import sys
import uuid
from collections.abc import Sequence

import torch
from torch.distributed import run
from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.elastic.rendezvous import RendezvousError

from ..errors import PREFIX, InputError

LOOPBACK = "127.0.0.1"
PORT = 29500


def torchrun_arguments(gpus: str, script: str, arguments: list[str]) -> list[str]:
    """Command line of torchrun.

    Args:
        gpus (str): Number of processes on this machine, at most one per GPU, or per
            core without GPUs.
        script (str): Python file or module that each process runs.
        arguments (list[str]): Arguments of the script.

    Raises:
        InputError: If a variable is invalid or missing, the port is in use, or there
            are more processes than GPUs or cores.
    """
    check_gpus(gpus)
    nodes = _read_number("NNODES", 1, at_least=1)
    rank = _read_number("NODE_RANK", 0)
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
    port = _read_number("PORT", PORT if nodes > 1 else 0)
    if rank == 0:
        _check_free(port)
    timeout = _read_number("RDZV_TIMEOUT", 50, at_least=1)
    waits = f"join_timeout={timeout},read_timeout={timeout},is_host={rank == 0}"
    return [
        f"--nnodes={nodes}",
        f"--nproc-per-node={gpus}",
        f"--max-restarts={_read_number('MAX_RESTARTS', 0)}",
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
    """Check the number of processes against the GPUs, or the cores without GPUs.

    Raises:
        InputError: If it is too large or not a positive number.
    """
    if not gpus.isdigit() or int(gpus) < 1:
        raise InputError(f"GPUS is {gpus!r}: give the number of processes, 1 or more")
    if torch.cuda.is_available():
        count, what = torch.cuda.device_count(), "GPUs"
    else:
        count, what = len(os.sched_getaffinity(0)), "CPU cores and no GPU"
    if int(gpus) > count:
        raise InputError(f"GPUS is {gpus} and there are {count} {what}: give fewer")


def _read_number(name: str, default: int, at_least: int = 0) -> int:
    text = os.environ.get(name, str(default))
    if not text.isdigit() or int(text) < at_least:
        raise InputError(f"{name} is {text!r}: give a whole number from {at_least}")
    return int(text)


def _check_free(port: int) -> None:
    """Refuse a port that is in use; 0 is any free port."""
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
    """Address of this machine in the network of ``host``; no packet is sent.

    This machine's host name may not resolve, or resolve to another network.
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


def main(argv: Sequence[str] | None = None) -> None:
    """Run torchrun; report a failure in one line and exit with the process's status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gpus", help="processes on this machine")
    parser.add_argument("script", help="Python file, or module, that each of them runs")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    args = parser.parse_args(argv)
    arguments = torchrun_arguments(args.gpus, args.script, args.arguments)
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    # PyTorch 2.12 keeps one store for all attempts: restarted processes may otherwise
    # use the rendezvous addresses of the failed ones.
    os.environ.setdefault("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    if args.gpus != "1":  # torchrun's default, without its warning
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        run.run(run.parse_args(arguments))
    except ChildFailedError as e:
        sys.exit(_report_failure(e))
    except SignalException as e:
        sys.exit(128 + e.sigval)
    except RendezvousError as e:
        raise InputError(
            f"the nodes did not meet ({e}): is each started with the same NNODES, "
            "MASTER_ADDR and PORT, and its own NODE_RANK?"
        ) from None


def _report_failure(error: ChildFailedError) -> int:
    """Print one line about the process that failed first; return its exit status."""
    rank, failure = error.get_first_failure()
    status, message = failure.exitcode, failure.message
    if isinstance(message, dict):  # of an exception: its type, then its text
        print(message["message"].partition(": ")[2], file=sys.stderr)
    else:
        cause = message if status < 0 else f"exit status {status}"
        print(f"{PREFIX}process {rank} failed: {cause}", file=sys.stderr)
    return status if status > 0 else 128 - status


if __name__ == "__main__":
    main()
