"""Measuring processes, each for one thing that is measured.

In one process they would disturb each other: what one leaves in the allocator and in
the thread pools decides how fast the next is.
"""

import multiprocessing
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Protocol, TypeVar

from tqdm import tqdm

from ..errors import PREFIX, InputError

NETWORK = "network"
GRACE = 10  # seconds that a process has to end by itself

Key = TypeVar("Key", bound=Hashable)
#: What a process can measure, by name; each call gives a result.
Runs = Mapping[str, Callable[[], Any]]


class Task(Protocol):
    """What a process does; it is pickled on its way there."""

    def prepare(self) -> tuple[Runs, dict]:
        """Get ready, in the process.

        Returns:
            tuple[Runs, dict]: What can be measured, and facts known beforehand.

        Raises:
            InputError: If it cannot be done.
        """


class Worker:
    """A process that does a task, run by run.

    Args:
        task (Task): The task.
    """

    def __init__(self, task: Task) -> None:
        # A process that has imported all of this once, and nothing more, is forked.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([type(task).__module__])
        self._connection, other = context.Pipe()
        # Not a daemon: it may have data loaders. It ends when the connection does.
        self._process = context.Process(target=_work, args=(task, other))
        self._process.start()
        other.close()
        #: What is known of the task once it is ready.
        self.facts: dict[str, Any] = {}

    def wait(self) -> None:
        """Wait until it is ready.

        Raises:
            InputError: If it refused the task.
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
        """End the process, by itself if it can: data loaders want to be shut down."""
        self._connection.close()
        self._process.join(GRACE)
        self._process.kill()

    def _receive(self) -> Any:
        try:
            answer = self._connection.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(
                f"a measuring process ended with status {self._process.exitcode}"
            ) from None
        if isinstance(answer, str):
            raise InputError(answer)
        return answer


@contextmanager
def workers(tasks: Mapping[Key, Task]) -> Iterator[dict[Key, Worker]]:
    """Processes for tasks, ready; they end with the context.

    Args:
        tasks (Mapping): Tasks by name.

    Raises:
        InputError: If one refuses its task.
    """
    started = {name: Worker(task) for name, task in tasks.items()}
    try:
        for worker in tqdm(started.values(), "preparing", disable=None):
            worker.wait()
        yield started
    finally:
        for worker in started.values():
            worker.close()


def _work(task: Task, connection: Connection) -> None:
    """The process: prepare, tell the facts, then measure for each message."""
    try:
        runs, facts = task.prepare()
        connection.send(facts)
        while True:
            connection.send(runs[connection.recv()]())
    except InputError as e:
        connection.send(str(e).removeprefix(PREFIX))
    except EOFError:
        return
