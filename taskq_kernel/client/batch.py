"""Several tasks, treated as one."""

from __future__ import annotations

import queue
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, overload

from taskq_kernel.client import operations
from taskq_kernel.client.task import Task
from taskq_kernel.client.task_list import TaskList
from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import InvalidTask

if TYPE_CHECKING:
    import pandas as pd

    from taskq_kernel.client.session import Session
    from taskq_kernel.client.sharing import Share
    from taskq_kernel.client.task_cache import Entry


class Batch(TaskList):
    """A list of tasks that can be waited for, cancelled and looked at together.

    Batches come from `Client.submit_many` and `Client.tasks`; a slice of one is one. Its
    tasks are in the order of submission; `as_completed` gives them as they end.

    Attributes
    ----------
    id : str or None
        The UUID that its tasks were submitted with, for ``q.frame(batch=...)``.
    """

    def __init__(self, client: Session, tasks: Iterable[Task], batch_id: str | None = None) -> None:
        self._client = client
        self._tasks = list(tasks)
        self.id = batch_id

    # -- a list --------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._tasks)

    @overload
    def __getitem__(self, index: int) -> Task: ...
    @overload
    def __getitem__(self, index: slice) -> Batch: ...
    def __getitem__(self, index: int | slice) -> Task | Batch:
        if isinstance(index, slice):
            return Batch(self._client, self._tasks[index], self.id)
        return self._tasks[index]

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks)

    # -- waiting -------------------------------------------------------------------------

    def as_completed(self, timeout: float | None = None, *, progress: bool = True) -> Iterator[Task]:
        from taskq_kernel.client.progress import ProgressBar

        deadline = None if timeout is None else time.monotonic() + timeout
        ended: queue.SimpleQueue[Entry] = queue.SimpleQueue()
        bar = ProgressBar(len(self._tasks), sum(task.entry.done for task in self._tasks)) if progress else None
        tasks = {task.id: task for task in self._tasks}
        stop = self._client.cache.wait_for(self._entries(), ended.put)
        try:
            for count in range(1, len(tasks) + 1):
                task = tasks[self._next(ended, deadline, timeout, len(self._tasks) - count + 1).id]
                task.check_followed()
                if bar is not None:
                    bar.advance(task.entry.row["status"])
                yield task
        finally:
            stop()
            if bar is not None:
                bar.close()

    def _next(self, ended: queue.SimpleQueue[Entry], deadline: float | None, timeout: float | None, left: int) -> Entry:
        try:
            return ended.get(timeout=None if deadline is None else max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            said = f"{left} of {len(self._tasks)} tasks are not done"
            raise self._client.timed_out(said, timeout or 0.0, self._entries()) from None

    def _entries(self) -> list[Entry]:
        """The tasks' entries, each once."""
        return list({task.id: task.entry for task in self._tasks}.values())

    async def _result(self) -> list[Any]:
        import asyncio

        await self._client.ended(self._entries())
        return await asyncio.to_thread(self._outcomes)

    def finished(self) -> list[Task]:
        self._freshen()
        return [task for task in self._tasks if task.entry.row["status"] == TaskStatus.FINISHED]

    # -- acting and looking --------------------------------------------------------------

    def cancel(self) -> int:
        """Cancel those that are not done; how many that were."""
        return self._bulk_action("cancel")

    def retry(self) -> int:
        """Run those again that are done; how many that were.

        As `Client.retry`: a new task repeats what finished, and is not in this batch.
        """
        return self._bulk_action("retry")

    def delete(self) -> int:
        """Delete them all; how many there were."""
        return self._bulk_action("delete")

    def _bulk_action(self, verb: str) -> int:
        return self._client.bulk_action(verb, [entry.id for entry in self._entries()])[1]

    def share(self, days: float | None = 30) -> Share:
        """Make a link by which others see these tasks, as `Task.share` does for one.

        Raises
        ------
        InvalidTask
            If they are not all that were submitted together: a link would show the others, too.
        """
        from taskq_kernel.client.sharing import create_share

        whole = 0 if self.id is None else operations.counts(self._client.transport, {"batch": self.id}).total
        if self.id is None or whole != len({entry.id for entry in self._entries()}):
            raise InvalidTask(
                f"the {len(self)} tasks here are not one batch: share single tasks, or all that were submitted together"
            )
        return create_share(self._client.transport, self.id, days)

    def counts(self) -> dict[TaskStatus, int]:
        """How many tasks have each status."""
        self._freshen()
        found = Counter(task.entry.row["status"] for task in self._tasks)
        return {status: found[status] for status in TaskStatus}

    def frame(self, *, values: bool = True) -> pd.DataFrame:
        """The tasks as a DataFrame, as `Client.frame`."""
        from taskq_kernel.client.frame import make_frame, with_arguments

        # Read as `Client.frame` does: the cache need not have all that a frame shows.
        fields = f"{operations.FRAME if values else operations.FRAME_WITHOUT_VALUES} arguments"
        ids = [entry.id for entry in self._entries()]
        found = {row["id"]: row for row in operations.get_many(self._client.transport, ids, fields)}
        rows = [found[task.id] for task in self._tasks if task.id in found]
        return with_arguments(make_frame(rows, values=values), rows)

    def _freshen(self) -> None:
        self._client.cache.freshen(self._entries())

    # -- showing -------------------------------------------------------------------------

    def __reduce__(self) -> tuple[Any, ...]:
        return Batch, (self._client, self._tasks, self.id)

    def __repr__(self) -> str:
        counts = Counter(str(task.entry.row["status"]) for task in self._tasks)
        shown = ", ".join(f"{count} {status}" for status, count in counts.items()) or "no tasks"
        return f"<Batch of {len(self._tasks)}: {shown}>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from taskq_kernel.client.display import batch_table
        from taskq_kernel.errors import TaskqError

        with suppress(TaskqError):
            self._freshen()
        return {"text/plain": repr(self), "text/html": batch_table([task.entry.shown for task in self._tasks])}

    def _repr_html_(self) -> str:
        return self._repr_mimebundle_()["text/html"]

    def _ipython_display_(self) -> None:
        from taskq_kernel.client.live import show_live

        show_live(self)

    @property
    def live(self) -> tuple[Session, list[Entry]]:
        """What shows it live, see `taskq_kernel.client.live.Shown`."""
        return self._client, self._entries()

    def live_bundle(self, left: str) -> dict[str, str]:
        """How it looks now, from what was last heard of its tasks; see `taskq_kernel.client.live.Shown`."""
        from taskq_kernel.client.display import batch_table

        rows = [task.entry.shown for task in self._tasks]
        said = f", {left}" if left else ""
        return {"text/plain": f"{repr(self)[:-1]}{said}>", "text/html": batch_table(rows, left)}
