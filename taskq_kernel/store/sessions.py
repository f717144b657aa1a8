"""Sessions: tasks that hold a slot for cells, which are tasks in a queue of their own and share a module there.

A session is its module: when the process that has it is lost, the session has FAILED, and is not tried again
elsewhere. Its cells that wait then fail as well: they would find nothing of what they build upon.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.broker.names import session_of, session_queue
from taskq_kernel.domain import FINAL, TaskKind, TaskStatus
from taskq_kernel.errors import InvalidTask
from taskq_kernel.store import transitions
from taskq_kernel.store.cells import of_ended_sessions, open_sessions
from taskq_kernel.store.database import Write
from taskq_kernel.store.ids import chunks
from taskq_kernel.store.index_choice import without_index
from taskq_kernel.store.rows import TaskRow, rows_of
from taskq_kernel.store.submission import NewTask
from taskq_kernel.store.tables import IS_SESSION, Cause, tasks
from taskq_kernel.store.transitions import Transition, transition

SESSION_LOST = "SessionLost"


@dataclass(frozen=True, slots=True)
class Ended:
    """Sessions that have ended, and the version up to which was looked."""

    queues: Sequence[str]
    version: int


def check_cells(conn: Connection, new: Sequence[NewTask], owner: str, stored: Container[str | None]) -> None:
    """Refuse tasks for sessions that take them no longer, or that belong to somebody else.

    Parameters
    ----------
    stored : container of str
        The ids of those that are there already, and so are not looked at.

    Raises
    ------
    InvalidTask
        It names the place and the queue.
    """
    cells = {
        index: session for index, task in enumerate(new)
        if task.id not in stored and (session := session_of(task.queue)) is not None
    }
    open_ones = open_sessions(conn, set(cells.values()), owner) if cells else set()
    for index, session in cells.items():
        if new[index].kind != TaskKind.SCRIPT:
            raise InvalidTask(
                f"is {new[index].kind}: cells are of kind SCRIPT", "kind", index, place=f"inputs[{index}].kind"
            )
        if new[index].outputs:
            raise InvalidTask(
                "is given, and a cell keeps no files: its folder goes on to the next one", "outputs", index,
                place=f"inputs[{index}].outputs",
            )  # fmt: skip
        if new[index].cache:
            raise InvalidTask(
                "is given, and what a cell computes depends on the cells before it", "cache", index,
                place=f"inputs[{index}].cache",
            )
        if session not in open_ones:
            raise InvalidTask(
                f"is {new[index].queue!r}, and you have no session of that name which has not ended: begin another one",
                "queue", index, place=f"inputs[{index}].queue",
            )


def not_to_be_retried(conn: Connection, rows: Sequence[TaskRow]) -> set[int]:
    """Which of these tasks, by number, make no sense once more: sessions, and cells of those that have ended."""
    own = {row.number for row in rows if row.kind == TaskKind.SESSION}
    return own | {row.number for row in of_ended_sessions(conn, rows)}


def ended_since(conn: Connection, version: int) -> Ended:
    """The sessions that changed after a version and have ended, deleted ones as well."""
    changed = conn.execute(
        sa.select(tasks.c.id, tasks.c.status, tasks.c.version).where(IS_SESSION, tasks.c.version > version)
    ).all()
    ended = [session_queue(row.id) for row in changed if row.status in FINAL]
    return Ended(ended, max((row.version for row in changed), default=version))


def end_cells(write: Write, queues: Sequence[str]) -> int:
    """Fail the cells that wait for sessions which have ended; how many those were."""
    waiting: list[TaskRow] = []
    for chunk in chunks(list(queues)):
        waiting += rows_of(TaskRow, write.conn.execute(
            sa.select(tasks.c.number, tasks.c.owner, tasks.c.attempt, tasks.c.status).where(
                tasks.c.queue.in_(chunk), tasks.c.deleted_at.is_(None),
                without_index(write.conn, tasks.c.status == TaskStatus.QUEUEING),
            )
        ))
    transition(write, *transitions.cells_over(write, waiting))
    return len(waiting)


def fail_lost(write: Write, rows: Iterable[TaskRow], reason: str) -> list[TaskRow]:
    """Fail the sessions among running tasks whose worker is gone; return the other tasks.

    Parameters
    ----------
    rows : iterable of TaskRow
        With their kind.
    reason : str
        What became of the worker, in words.
    """
    every = list(rows)
    lost = [row for row in every if row.kind == TaskKind.SESSION]
    transition(write, TaskStatus.FAILED, Cause.LOST, [
        Transition(row.number, row.owner, row.attempt, row.worker, reason, row.status, {
            "finished_at": write.now, "error_name": SESSION_LOST, "error_stacktrace": "", "error_line": None,
            "error_message": f"{reason}, and with it all that the cells of this session had defined; run them again",
        })
        for row in lost
    ])
    return [row for row in every if row.kind != TaskKind.SESSION]
