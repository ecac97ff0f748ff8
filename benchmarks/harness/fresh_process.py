"""Processes in a new interpreter, which imports only what a user's process imports.

Processes of :class:`mmyolo_mnv1.analysis.worker.Worker`, the default harness, are
forked from one that has imported PyTorch and OpenMMLab.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from mmyolo_mnv1.analysis.worker import GRACE, Task, Worker, serve

ROOT = Path(__file__).resolve().parents[2]


class FreshWorker(Worker):
    """Measuring process in a new interpreter.

    Args:
        task (Task): Its task; the process imports the task's module.
    """

    def __init__(self, task: Task) -> None:
        self._connection, other = Pipe()
        descriptor = other.fileno()
        self._process = start_module(
            __name__,
            str(descriptor),
            pass_fds=[descriptor],
            stdout=subprocess.DEVNULL,
        )
        other.close()
        self._connection.send(task)
        self.facts = {}

    def close(self) -> None:
        """See the parent."""
        self._connection.close()
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _exit_status(self) -> int:
        return self._process.wait()


def start_module(
    module: str,
    *arguments: str,
    threads: int | None = None,
    path: Sequence[Path] = (),
    **options: Any,
) -> subprocess.Popen:
    """Start ``python -m MODULE ARGUMENT …`` with this repository on its path.

    Args:
        module (str): Dotted name of the module.
        arguments (str): Its arguments.
        threads (int, optional): Value of OMP_NUM_THREADS. Defaults to None, inherited.
        path (Sequence[Path]): Folders of packages that precede installed ones.
        options (Any): See :class:`subprocess.Popen`.
    """
    folders = [*map(str, (*path, ROOT)), os.environ.get("PYTHONPATH")]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, folders))}
    variables["PYTHONUNBUFFERED"] = "1"  # so that an error is the last line of a log
    if threads:
        variables["OMP_NUM_THREADS"] = str(threads)
    command = [sys.executable, "-W", "ignore", "-m", module, *arguments]
    return subprocess.Popen(command, env=variables, **options)


def last_line(output: str) -> str:
    """Last line of a process's output, which names its error."""
    return (output.strip().splitlines() or ["no message"])[-1]


if __name__ == "__main__":
    channel = Connection(int(sys.argv[1]))
    serve(channel.recv(), channel)
