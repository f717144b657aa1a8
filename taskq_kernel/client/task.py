"""One task, as Python sees it."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from taskq_kernel.client import operations
from taskq_kernel.client.awaiting import Awaited
from taskq_kernel.client.operations import Row
from taskq_kernel.client.pickling import Missing
from taskq_kernel.client.session import Session
from taskq_kernel.client.task_cache import Entry
from taskq_kernel.client.task_exports import TaskExports
from taskq_kernel.client.task_facts import TaskError
from taskq_kernel.client.why import FIELDS as WHY
from taskq_kernel.client.why import Why, why_of
from taskq_kernel.comparison import RTOL
from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import ClientClosed, TaskCancelled, TaskDeleted, TaskFailed, TaskqError
from taskq_kernel.task_fields import TASK_FIELDS

if TYPE_CHECKING:
    import pandas as pd

    from taskq_kernel.client.caching import CacheExplanation
    from taskq_kernel.client.log_text import LogText
    from taskq_kernel.client.reproduction import Reproduction
    from taskq_kernel.client.task_files import TaskFiles
    from taskq_kernel.client.timing import Timing

__all__ = ["LogChunk", "Task", "TaskError", "read_task", "task_from", "task_of"]

#: What a pickled task takes along: enough to name it, and to know how old that is.
_TRAVELS = ("id", "number", "name", "status", "version")
#: What the submission of a task like this one has: not the id and the batch, which are its own.
_GIVEN = tuple(
    field.graphql for field in TASK_FIELDS
    if field.given is not None and (field.name == "seed" or not field.given.own)
)


@dataclass(frozen=True)
class LogChunk:
    """Some of what a task printed."""

    seq: int
    attempt: int
    stream: str
    text: str


class Task(TaskExports, Awaited[Any]):
    """A piece of Julia work, wherever it runs.

    Tasks come from `Client.submit`, `Client.task` and `Client.tasks`, one object for each
    task. Its attributes are as the service has them now: the live feed keeps them current,
    and where it cannot, they are read again. ``await task`` is `result` without blocking, and
    so is ``asyncio.create_task(task)``, whose cancellation ends the waiting and not the task.

    Attributes
    ----------
    entry : Entry
        What was last heard of it; looking there asks nobody.
    """

    # -- what is asked of the service each time -------------------------------------------

    @property
    def files(self) -> TaskFiles:
        """The files of its folder that were kept, by their names: ``task.files["x.csv"].read_bytes()``.

        They are those that its `outputs` mean, of its last attempt that ended, whichever way; of one
        that was cancelled while it ran there are none. They are asked for each time.
        """
        from taskq_kernel.client.task_files import read_files

        return read_files(self._client.transport, self.id)

    @property
    def waits_for(self) -> str | None:
        """What keeps it from starting besides its turn, and what to do; None where nothing does."""
        return operations.waits_for(self._client.transport, self.id)

    def why(self) -> Why:
        """Why it waits, since when and where it runs, or how it ended; ``print(task.why())`` says it in a sentence.

        Returns
        -------
        Why
            A sentence, with its ``kind``, and where they matter ``since``, ``until``, ``ahead`` and ``needs``.

        Raises
        ------
        NotFound
            If it was deleted.
        """
        return why_of(operations.get(self._client.transport, self.id, WHY)["why"])

    # -- waiting -------------------------------------------------------------------------

    def wait(self, timeout: float | None = None) -> Task:
        """Wait until it is done, whichever way it ends.

        Parameters
        ----------
        timeout : float, optional
            How long to wait, in seconds. Default: as long as it takes, also while the
            service is away.

        Returns
        -------
        Task
            The task itself.

        Raises
        ------
        TaskTimeout
            If it is not done by then. The task goes on.
        """
        woken = threading.Event()
        stop = self._client.cache.wait_for([self.entry], lambda _: woken.set())
        try:
            if not woken.wait(timeout):
                stands = f"task {self} is {self.entry.row['status']}"
                raise self._client.timed_out(stands, timeout or 0.0, [self.entry])
        finally:
            stop()
        self.check_followed()
        return self

    def result(self, timeout: float | None = None) -> Any:
        """Wait for its value.

        Parameters
        ----------
        timeout : float, optional
            How long to wait, in seconds. Default: as long as it takes.

        Returns
        -------
        Any
            The value, see `taskq_kernel.values`.

        Raises
        ------
        TaskFailed
            If it failed. It carries Julia's error and stack trace.
        TaskCancelled, TaskDeleted
            If it was cancelled or deleted.
        TaskTimeout
            If it is not done within ``timeout``. The task goes on.
        """
        self.wait(timeout)
        return self.outcome()

    async def _result(self) -> Any:
        import asyncio

        await self._client.ended([self.entry])
        return await asyncio.to_thread(self.outcome) if self.entry.row.get("valueRef") else self.outcome()

    def check_followed(self) -> None:
        """Raise why nothing more is heard of it, where it is not done."""
        if self.entry.done:
            return
        stands = f"task {self} was {self.entry.row['status']} when it was last heard of"
        if self._client.closed:
            raise ClientClosed(f"{stands}, and its client is closed: connect() makes another")
        if self._client.feed.error is not None:
            raise self._client.feed.error
        raise TaskqError(f"{stands}, and nothing is heard of it any longer: wait again")

    def outcome(self) -> Any:
        """The value of a task that is done, or the exception for how it ended; as `result` without waiting."""
        if self.entry.deleted:
            raise TaskDeleted(f"task {self} was deleted or pruned; its result cannot be had")
        self.field("valueKind")
        self.check_followed()
        row = self.entry.row
        if row["status"] == TaskStatus.CANCELLED:
            raise TaskCancelled(f"task {self} was cancelled; retry() runs it again")
        if row["status"] == TaskStatus.FAILED:
            error = row.get("error") or {}
            raise TaskFailed(
                self,
                error.get("name") or "Failed",
                error.get("message") or "no reason was recorded",
                error.get("stacktrace") or "",
            )
        return self._decoded()

    # -- acting on it --------------------------------------------------------------------

    def cancel(self) -> bool:
        """Cancel it; whether that changed anything (not if it was done already)."""
        return self._client.bulk_action("cancel", [self.id])[1] > 0

    def retry(self) -> Task:
        """Run it again; the task that runs.

        What failed or was cancelled runs in a new attempt, and is returned itself. What
        finished keeps its value: a new task repeats it, names it in `repeats`, and is
        returned. A task that is not done stays as it is, and is returned itself.
        """
        for row in self._client.bulk_action("retry", [self.id])[0]:
            if row["id"] != self.id:
                return read_task(self._client, row["id"])
        return self

    def delete(self) -> None:
        """Delete it, its value and its log. A running one is cancelled first."""
        self._client.bulk_action("delete", [self.id])

    def logs(self, level: str | None = None) -> LogText:
        """What its latest attempt printed, standard output and standard error in order, as a terminal shows it.

        A progress meter that writes over its own line is one line. The text is without
        colours; a notebook shows it with them, and ``print(task.logs().coloured)`` a
        terminal. What was printed, character by character, is in `log_chunks`.

        Parameters
        ----------
        level : {"debug", "info", "warn", "error"}, optional
            Only the records of Julia's loggers (``@info``, ``@warn``, ...) from this level on.

        Raises
        ------
        InvalidTask
            If there is no such level.
        """
        from taskq_kernel.client.log_text import log_text

        _task, chunks = operations.logs(self._client.transport, self.id)
        return log_text(chunks, level)

    def log_chunks(self, after: int | None = None, *, displays: bool = False) -> list[LogChunk]:
        """What its latest attempt printed, piece by piece.

        Parameters
        ----------
        after : int, optional
            Only pieces with a `LogChunk.seq` above this one.
        displays : bool, optional
            Whether what a cell displayed comes as pieces of the stream ``display``, whose text is JSON: what there
            is to show, by MIME type. By default it is text among what was printed.
        """
        _task, chunks = operations.logs(self._client.transport, self.id, after, displays=displays)
        return [LogChunk(**chunk) for chunk in chunks]

    def series(self, name: str | None = None) -> pd.DataFrame | pd.Series[float]:
        """What its latest attempt has reported with ``report``, also while it runs.

        Of a long series, the points are there that its curve is made of, every peak among them.

        Parameters
        ----------
        name : str, optional
            Of one series. Default: all of them.

        Returns
        -------
        pandas.DataFrame or pandas.Series
            Without a name, a row for each point: ``series``, ``step``, ``value``. With one, its
            values by step, ready for ``.plot()``.

        Raises
        ------
        KeyError
            If it has no series of this name.
        """
        from taskq_kernel.client.series import series_frame

        frame = series_frame(operations.get(self._client.transport, self.id, "series")["series"])
        if name is None:
            return frame
        if name not in frame["series"].cat.categories:
            known = ", ".join(frame["series"].cat.categories) or "none"
            raise KeyError(f"task {self} has no series {name!r}; it has {known}")
        return frame[frame["series"] == name].set_index("step")["value"].rename(name)

    def timing(self) -> Timing | None:
        """Where the time of its latest attempt went; None where that is not known (yet)."""
        from taskq_kernel.client.timing import FIELDS, timing_of

        return timing_of(operations.get(self._client.transport, self.id, FIELDS))

    def reproduce(self, *, elsewhere: bool = False, rtol: float = RTOL) -> Reproduction:
        """Run it again with everything the same: code, arguments, seed, project, threads; and compare the values.

        Parameters
        ----------
        elsewhere : bool
            Whether another worker is to run it, where one serves its queue. Default: whichever is free.
        rtol : float
            Up to which relative difference numbers count as equal. Default: 1.5e-8.

        Returns
        -------
        Reproduction
            ``.wait(timeout).verdict`` says *same bits*, *equal within x* or *different: first at ...*;
            ``.surroundings`` what differed in what the two ran in; ``.task`` is the task that runs.

        Raises
        ------
        InvalidTask
            If it has no value.
        """
        from taskq_kernel.client.reproduction import reproduce

        return reproduce(self._client, [self], task_from, elsewhere=elsewhere, rtol=rtol)[0]

    def explain_cache(self) -> CacheExplanation:
        """Whether a task like this one, submitted now with ``cache=True``, would have its value at once; why not."""
        from taskq_kernel.client.caching import explained

        said = {"code", "entry"} if self.definition is not None else {"definition"}  # by the definition, or not at all
        return explained(self._client, {name: self.field(name) for name in _GIVEN if name not in said})

    def history(self) -> list[dict[str, Any]]:
        """Its changes of status: ``status``, ``attempt``, ``worker``, ``at``, ``reason``."""
        data = operations.get(self._client.transport, self.id, "history { status attempt worker at reason }")
        return [event | {"at": datetime.fromisoformat(event["at"])} for event in data["history"]]

    # -- showing -------------------------------------------------------------------------

    def __reduce__(self) -> tuple[Any, ...]:
        return task_of, (self._client, {name: self.entry.row[name] for name in _TRAVELS})

    def __repr__(self) -> str:
        from taskq_kernel.client.display import task_line

        return f"<Task {task_line(self._shown())}>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from taskq_kernel.client.display import task_card

        data = self._shown()
        return {"text/plain": repr(self), "text/html": task_card(data)}

    def _repr_html_(self) -> str:
        return self._repr_mimebundle_()["text/html"]

    def _ipython_display_(self) -> None:
        from taskq_kernel.client.live import show_live

        show_live(self)

    @property
    def live(self) -> tuple[Session, list[Entry]]:
        """What shows it live, see `taskq_kernel.client.live.Shown`."""
        return self._client, [self.entry]

    def live_bundle(self, left: str) -> dict[str, str]:
        """How it looks now, from what was last heard of it; see `taskq_kernel.client.live.Shown`."""
        from taskq_kernel.client.display import task_card, task_line

        data = self.entry.shown | {"left": left}
        return {"text/plain": f"<Task {task_line(data)}>", "text/html": task_card(data)}

    # -- inside --------------------------------------------------------------------------

    def join(self, client: Session) -> None:
        """Belong to a client that was not there when it was unpickled.

        The client may have the task already, under another object: both show the same entry.
        """
        self._client, self.entry = client, client.cache.track(self.entry.row)
        client.views.setdefault(self.id, self)

    def _shown(self) -> Row:
        """What there is to show, as current as it can be had without an error."""
        with suppress(TaskqError):
            self._now("status")
        return self.entry.shown


def task_from(client: Session, row: Row) -> Task:
    """The task that a row is about: the one object that there is for it."""
    entry = client.cache.track(row)
    with client.cache.lock:
        task: Task = client.views.setdefault(entry.id, Task(client, entry))
    return task


def read_task(client: Session, task_id: str) -> Task:
    """A task by its number or UUID, read from the service."""
    with client.cache.reading():
        return task_from(client, operations.get(client.transport, task_id))


def task_of(client: Any, row: Row) -> Task:
    """The task of an unpickled row: its client's, or one that joins its client when that is there."""
    if not isinstance(client, Missing):
        return task_from(client, row)
    stand_in: Any = client
    task = Task(stand_in, Entry(row))
    client.waiting.add(task)
    return task
