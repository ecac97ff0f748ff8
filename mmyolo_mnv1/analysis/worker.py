"""Measuring processes, one per measurement.

In one process measurements would affect each other, through the state of the allocator
and of the thread pools.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Protocol, TypeVar

from tqdm import tqdm

from ..errors import PREFIX, InputError

NETWORK = "network"
GRACE = 10  # seconds for a process to end by itself

Key = TypeVar("Key", bound=Hashable)
#: Measurements by name; each call returns a result.
Runs = Mapping[str, Callable[[], Any]]


class Task(Protocol):
    """Work of a measuring process; it is pickled."""

    def prepare(self) -> tuple[Runs, dict]:
        """Prepare the measurements, in the measuring process.

        Returns:
            tuple[Runs, dict]: Measurements, and facts known before the first one.

        Raises:
            InputError: If the task cannot be done.
        """


class Worker:
    """A measuring process.

    Args:
        task (Task): Its task.
    """

    def __init__(self, task: Task) -> None:
        # Forked from a server that has imported these modules, and nothing else. A
        # measuring process has too, until its task is prepared.
        nested = multiprocessing.parent_process() is not None
        context = multiprocessing.get_context("fork" if nested else "forkserver")
        if not nested:
            modules = ["mmyolo_mnv1.registration", type(task).__module__]
            context.set_forkserver_preload(modules)
        self._connection, other = context.Pipe()
        # Not a daemon, so that it may start data loaders; closing the pipe ends it.
        self._process = context.Process(target=serve, args=(task, other))
        self._process.start()
        other.close()
        #: Facts that the task reported, after :meth:`wait`.
        self.facts: dict[str, Any] = {}

    def wait(self) -> None:
        """Wait until the task is prepared.

        Raises:
            InputError: If it cannot be done.
        """
        self.facts = self._receive()

    def time(self, name: str = NETWORK) -> Any:
        """Measure once.

        Raises:
            InputError: If the input turns out to be bad.
        """
        self._connection.send(name)
        return self._receive()

    def close(self) -> None:
        """End the process; its data loaders get :data:`GRACE` seconds to shut down."""
        self._connection.close()
        self._process.join(GRACE)
        self._process.kill()

    def _receive(self) -> Any:
        try:
            answer = self._connection.recv()
        except EOFError:
            raise RuntimeError(
                f"a measuring process ended with status {self._exit_status()}"
            ) from None
        if isinstance(answer, str):
            raise InputError(answer)
        return answer

    def _exit_status(self) -> int:
        self._process.join()
        return self._process.exitcode


@contextmanager
def workers(
    tasks: Mapping[Key, Task], kind: type[Worker] = Worker
) -> Iterator[dict[Key, Worker]]:
    """Prepared measuring processes; they end with the block.

    As many as there are cores are prepared at a time, which bounds the memory.

    Args:
        tasks (Mapping): Tasks by name.
        kind (type[Worker]): Class of the processes. Defaults to :class:`Worker`.

    Raises:
        InputError: If a task cannot be done.
    """
    started: dict[Key, Worker] = {}
    names, cores = list(tasks), os.cpu_count() or 1
    try:
        for index, name in enumerate(tqdm(names, "preparing", disable=None)):
            for each in names[len(started) : index + cores]:
                started[each] = kind(tasks[each])
            started[name].wait()
        yield started
    finally:
        for worker in started.values():
            worker.close()


def timed(run: Callable[[], object], device: str = "cpu") -> Callable[[], float]:
    """Make a function that calls ``run`` twice and returns the second time in ms.

    Args:
        run (Callable): Function to measure.
        device (str): ``cpu``, or ``cuda`` to wait for its kernels. Defaults to "cpu".
    """
    if device == "cuda":
        import torch  # not needed to measure other runtimes

        synchronise = torch.cuda.synchronize
    else:

        def synchronise() -> None:
            """Do nothing: functions on the CPU return when they are done."""

    def time_once() -> float:
        run()  # wakes the cores, idle during the turns of other processes
        synchronise()
        start = time.perf_counter()
        run()
        synchronise()
        return 1000 * (time.perf_counter() - start)

    return time_once


def serve(task: Task, connection: Connection) -> None:
    """Run in the measuring process: prepare, send the facts, measure on request."""
    try:
        runs, facts = task.prepare()
        connection.send(facts)
        while True:
            connection.send(runs[connection.recv()]())
    except InputError as e:
        connection.send(str(e).removeprefix(PREFIX))
    except EOFError:
        return
