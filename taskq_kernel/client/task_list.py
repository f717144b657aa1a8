"""Tasks in an order, waited for as one: what a `Batch` and a `Sweep` have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

from taskq_kernel.client import operations
from taskq_kernel.client.awaiting import Awaited
from taskq_kernel.client.session import Session
from taskq_kernel.client.task import Task, task_from
from taskq_kernel.comparison import RTOL

if TYPE_CHECKING:
    from pathlib import Path

    from taskq_kernel.client.reproduction import Verification
    from taskq_kernel.export.citation import Citation


class TaskList(Sequence[Task], Awaited[list[Any]]):
    """A list of tasks; awaited, it gives the list of their values."""

    _client: Session

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

    @abstractmethod
    def finished(self) -> list[Task]:
        """Those of its tasks that have a value, in their order."""

    def verify(
        self, sample: int = 5, *, elsewhere: bool = True, rtol: float = RTOL, seed: int | None = None
    ) -> Verification:
        """Run a sample of its finished tasks again, and compare the values.

        Parameters
        ----------
        sample : int
            How many, drawn at random.
        elsewhere : bool
            Whether another worker is to run each, where one serves its queue; where there is only one, that one
            does, and what is returned says so.
        rtol : float
            Up to which relative difference numbers count as equal. Default: 1.5e-8.
        seed : int, optional
            What the draw of the sample starts from.

        Returns
        -------
        Verification
            ``print(b.verify().wait())`` says how many have the same bits, and what differs.

        Raises
        ------
        InvalidTask
            If none of its tasks is finished.
        """
        from taskq_kernel.client.reproduction import Verification, reproduce, sampled

        chosen = sampled(self.finished(), sample, seed)
        return Verification(self._client, reproduce(self._client, chosen, task_from, elsewhere=elsewhere, rtol=rtol))

    def export_crate(self, path: str | Path, *, license: str = "") -> Path:
        """Write its finished tasks as an RO-Crate: a zip with data, code, project and how each was made; its path.

        Parameters
        ----------
        path : str or Path
            A file that ends in ``.zip``.
        license : str, optional
            The address of the licence that the crate is given under, as archives ask for.

        Raises
        ------
        InvalidTask
            If none of its tasks is finished.
        """
        from taskq_kernel.client.exports import cite_batch, export_crate
        from taskq_kernel.export.source import EXPORTED

        rows = self._read(EXPORTED)
        citation = cite_batch(rows, self._title(), getattr(self, "id", None))
        return export_crate(self._client, rows, self._title(), citation, path, license)

    def cite(self) -> Citation:
        """How its values are cited: ``.text`` and ``.bibtex``; ``print`` writes both."""
        from taskq_kernel.client.exports import cite_batch
        from taskq_kernel.export.source import CITED

        return cite_batch(self._read(CITED), self._title(), getattr(self, "id", None))

    def _read(self, fields: str) -> list[operations.Row]:
        """Its finished tasks with these fields, their ids among them, in their order."""
        ids = [task.id for task in self.finished()]
        found = {row["id"]: row for row in operations.get_many(self._client.transport, ids, fields)}
        return [found[task_id] for task_id in ids if task_id in found]

    def _title(self) -> str:
        return str(getattr(self, "name", None) or f"{len(self)} tasks")

    def as_argument(self) -> list[dict[str, str]]:
        """What stands for the list of its values among the arguments of a task."""
        return [task.as_argument() for task in self]
