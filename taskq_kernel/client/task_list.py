"""Tasks in an order, waited for as one: what a `Batch` and a `Sweep` have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Self

from taskq_kernel.client.awaiting import Awaited
from taskq_kernel.client.task import Task


class TaskList(Sequence[Task], Awaited[list[Any]]):
    """A list of tasks; awaited, it gives the list of their values."""

    @abstractmethod
    def as_completed(self, timeout: float | None = None, *, progress: bool = True) -> Iterator[Task]:
        """The tasks in the order in which they end, however they end.

        Parameters
        ----------
        timeout : float, optional
            How long to wait for all of them, in seconds. Default: as long as it takes.
        progress : bool
            Show a progress bar, in a notebook or a terminal.

        Raises
        ------
        TaskTimeout
            If some are not done within ``timeout``. They go on.
        """

    def wait(self, timeout: float | None = None, *, progress: bool = True) -> Self:
        """Wait until all are done, whichever way they end. The parameters are `as_completed`'s."""
        for _ in self.as_completed(timeout, progress=progress):
            pass
        return self

    def results(self, timeout: float | None = None) -> list[Any]:
        """The values, in the order of the tasks.

        Raises
        ------
        TaskFailed, TaskCancelled, TaskDeleted
            For the first task, in this order, that has no value.
        TaskTimeout
            If some are not done within ``timeout`` seconds. They go on.
        """
        self.wait(timeout)
        return self._outcomes()

    def _outcomes(self) -> list[Any]:
        return [task.outcome() for task in self]

    def as_argument(self) -> list[dict[str, str]]:
        """What stands for the list of its values among the arguments of a task."""
        return [task.as_argument() for task in self]
