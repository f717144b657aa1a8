"""A notebook's session: a task that holds a slot, and the tasks that are its cells.

The first cell begins it. Once it has ended, with its worker, its process, or because it was idle for too long, the
next cell begins another one, and says so: what the cells before defined is gone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from taskq_kernel import displays
from taskq_kernel.broker.names import session_queue
from taskq_kernel.client.client import Client
from taskq_kernel.client.task import LogChunk, Task
from taskq_kernel.domain import TaskKind, TaskStatus, WhyKind
from taskq_kernel.errors import InvalidTask, ServiceError, TaskqError
from taskq_kernel.jupyter.options import session_input

#: How often a running cell's output is asked for, in seconds: at first, and where none comes.
SOON_S, SELDOM_S = 0.1, 0.5
#: After how long a cell that does not start says why, in seconds.
PATIENCE_S = 2.0
#: How long an interrupted cell may take to count as cancelled, in seconds.
CANCEL_S = 10.0
#: Of cells that were not run: their session had gone before.
_NOT_RUN = frozenset({"SessionOver", "SessionLost"})

_STREAMS = frozenset({"stderr", displays.STREAM})

_SESSION = {
    "code": "# The cells of a notebook run here.", "kind": str(TaskKind.SESSION), "name": "Julia session",
}  # fmt: skip

#: Takes a stream's name and a text; what is displayed is a piece of the stream `displays.STREAM`.
Output = Callable[[str, str], None]


class NotebookSession:
    """Runs cells, one after another, in one module somewhere in the fleet.

    Parameters
    ----------
    connect : callable
        Makes the client; called when the first cell comes.
    options : dict, optional
        What its sessions are asked for; see `taskq_kernel.jupyter.options`.
    """

    def __init__(self, connect: Callable[[], Client], options: Mapping[str, Any] | None = None) -> None:
        self._connect = connect
        self._options = dict(options or {})
        self._client: Client | None = None
        self._task: Task | None = None

    def run(self, code: str, name: str, output: Output) -> Task:
        """Run a cell; return its task, which is done.

        Parameters
        ----------
        code : str
            The cell.
        name : str
            What to call it; what it begins with stands in stack traces: ``In[3]``.
        output : callable
            Takes what the cell prints as it does, and what there is to say about the session.

        Raises
        ------
        KeyboardInterrupt
            The cell was interrupted, and is cancelled.
        TaskqError
            If it cannot be run at all.
        """
        task = self._follow(self._submit(code, name, output), output)
        error = task.entry.row.get("error") or {}
        if error.get("name") in _NOT_RUN and (error["name"] == "SessionLost" or not task.entry.row["attempt"]):
            # The session ended when this cell was on its way: it has not run, so it may in the next one.
            if self._task is not None:
                self._task.wait(CANCEL_S)
            task = self._follow(self._submit(code, name, output), output)
        return task

    def ask(self, code: str, timeout_s: float) -> Any:
        """What code is in the session, for the kernel's own purposes; None where that cannot be told now.

        It is a task as well, and leaves no trace. A notebook that has run no cell yet begins its session with it.
        """
        try:
            if self._task is None:
                session = self._begin()
            elif not _has_ended(self._task) and self._task.entry.row["status"] == TaskStatus.RUNNING:
                session = self._task
            else:  # it waits for a slot, or has ended, which the next cell is to say
                return None
            task = self._connected().submit(code, "completion", queue=session_queue(session.id))
            try:
                return task.result(timeout_s)
            finally:
                task.delete()
        except TaskqError:
            return None

    def ask_for(self, options: Mapping[str, Any]) -> None:
        """End the session, and have the next one be of this kind.

        Raises
        ------
        InvalidTask
            If that cannot be asked for; everything stays as it is then.
        """
        session_input(self._connected(), options)
        self.end()
        self._options = dict(options)

    def end(self) -> None:
        """End the session, where there is one: its slot is free then."""
        task, self._task = self._task, None
        if task is not None:
            with suppress(TaskqError):
                task.cancel()

    def close(self) -> None:
        """End the session, and the connection."""
        self.end()
        if self._client is not None:
            self._client.close()

    # -- inside --------------------------------------------------------------------------

    def _submit(self, code: str, name: str, output: Output) -> Task:
        client, before = self._connected(), self._task
        if before is not None:
            if not _has_ended(before):
                try:
                    return client.submit(code, name, queue=session_queue(before.id))
                except InvalidTask as error:
                    if error.field != "queue":
                        raise
                    _has_ended(before)  # in this moment: how, is read
            self._task = None
            output("stderr", f"{_why_it_ended(before)} This cell begins with a fresh module.\n")
        return client.submit(code, name, queue=session_queue(self._begin().id))

    def _begin(self) -> Task:
        client = self._connected()
        self._task = client.create([_SESSION | session_input(client, self._options)])[0]
        return self._task

    def _connected(self) -> Client:
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _follow(self, task: Task, output: Output) -> Task:
        """Hand on what a cell prints until it is done; a Ctrl-C cancels it."""
        log = _Log(task, output)
        try:
            with _woken_when_done(self._connected(), task) as woken:
                self._wait(task, log, woken, output)
        except KeyboardInterrupt:
            with suppress(TaskqError):
                task.cancel()
                task.wait(CANCEL_S)
                log.read()
            raise
        task.check_followed()
        task.field("valueKind")  # with it all that came of it, where the feed has not told that yet
        log.read()
        return task

    def _wait(self, task: Task, log: _Log, woken: threading.Event, output: Output) -> None:
        began, said = time.monotonic(), False
        while not woken.wait(log.pause_s):
            if task.entry.row["status"] == TaskStatus.RUNNING:
                log.read()
            elif not said and time.monotonic() - began > PATIENCE_S:
                said = self._say_why_it_waits(output)

    def _say_why_it_waits(self, output: Output) -> bool:
        """Say why the session has no slot yet, and whether that was said: not of one that is about to have it."""
        if self._task is not None and self._task.entry.row["status"] == TaskStatus.QUEUEING:
            with suppress(TaskqError):
                why = self._task.why()
                if why.kind.is_obstacle or why.kind is WhyKind.BUSY:  # else it has one by now, or is about to
                    output("stderr", f"The session waits for a slot: {why.sentence}.\n")
                    return True
        return False


class _Log:
    """A cell's output on its way into the notebook."""

    def __init__(self, task: Task, output: Output) -> None:
        self._task = task
        self._output = output
        self._seq: int | None = None
        self._displays = True
        self.pause_s = SOON_S

    def read(self) -> None:
        """Hand on what has come since."""
        try:
            chunks = self._chunks()
        except TaskqError:  # the service is away: later
            chunks = []
        for chunk in chunks:
            self._output(chunk.stream if chunk.stream in _STREAMS else "stdout", chunk.text)
            self._seq = chunk.seq
        self.pause_s = SOON_S if chunks else min(1.5 * self.pause_s, SELDOM_S)

    def _chunks(self) -> list[LogChunk]:
        if self._displays:
            try:
                return self._task.log_chunks(self._seq, displays=True)
            except ServiceError as error:
                if error.code != "GRAPHQL_VALIDATION_FAILED":
                    raise
                self._displays = False  # a service of an earlier release: what is displayed is text
        return self._task.log_chunks(self._seq)


@contextmanager
def _woken_when_done(client: Client, task: Task) -> Iterator[threading.Event]:
    woken = threading.Event()
    stop = client.cache.wait_for([task.entry], lambda _: woken.set())
    try:
        yield woken
    finally:
        stop()


def _has_ended(session: Task) -> bool:
    """Whether a session has ended, as the service has it now."""
    with suppress(TaskqError):
        session.refresh()
    return session.entry.done


def _why_it_ended(session: Task) -> str:
    """Why a session has ended, and what that means, in a sentence or two."""
    row = session.entry.row
    gone = "what the cells before defined is gone."
    if session.entry.deleted or row["status"] == TaskStatus.CANCELLED:
        return f"The session was ended, and {gone}"
    if row["status"] == TaskStatus.FINISHED:
        return f"The session has ended: {row.get('valueText') or 'it was idle'}; {gone}"
    said = (row.get("error") or {}).get("message") or "it was lost"
    return f"The session has ended: {said}."
