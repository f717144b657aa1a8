"""Cells of sessions (see `sessions`): which of them are of sessions that have ended, and what the others wait for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.broker.names import session_of, session_queue
from taskq_kernel.domain import FINAL, TaskStatus
from taskq_kernel.store.hot import HotQuery, among
from taskq_kernel.store.ids import chunks
from taskq_kernel.store.rows import TaskRow, one_or_none
from taskq_kernel.store.tables import IS_SESSION, tasks

SESSION_OVER = "SessionOver"
#: That a running task has a slot: a cell runs in that of its session.
IN_SLOT = ~tasks.c.queue.startswith(session_queue(""))


@dataclass(frozen=True, slots=True)
class Turn:
    """What stands before the cells of a session.

    Attributes
    ----------
    session : TaskRow or None
        The session, with its number and status; None where it has ended.
    running : int or None
        The number of the cell that runs.
    """

    session: TaskRow | None
    running: int | None


def open_sessions(conn: Connection, sessions: Iterable[str], owner: str | None = None) -> set[str]:
    """Those of these sessions that have not ended; with ``owner`` only this one's."""
    found: set[str] = set()
    for chunk in chunks(sorted(sessions)):
        query = sa.select(tasks.c.id).where(
            tasks.c.id.in_(chunk), IS_SESSION, tasks.c.status.not_in(FINAL), tasks.c.deleted_at.is_(None)
        )
        found.update(conn.execute(query if owner is None else query.where(tasks.c.owner == owner)).scalars())
    return found


def of_ended_sessions(conn: Connection, rows: Iterable[TaskRow]) -> list[TaskRow]:
    """Those of some tasks that are cells of sessions which have ended, or are gone."""
    cells = [(row, session) for row in rows if (session := session_of(row.queue)) is not None]
    open_ones = open_sessions(conn, {session for _row, session in cells}) if cells else set()
    return [row for row, session in cells if session not in open_ones]


def over_among(conn: Connection, numbers: Iterable[int]) -> list[TaskRow]:
    """Those of some tasks, by number, that are cells of sessions which have ended."""
    found: list[TaskRow] = []
    for chunk in chunks(list(numbers)):
        found += _QUEUES.all(conn, of=chunk)
    return of_ended_sessions(conn, found)


_QUEUES = HotQuery(
    TaskRow,
    lambda conn: sa.select(
        tasks.c.number, tasks.c.owner, tasks.c.attempt, tasks.c.status, tasks.c.queue
    ).where(among(conn, tasks.c.number, "of")),
)


def turn_in(conn: Connection, queue: str) -> Turn:
    """What stands before the cells in the queue of a session."""
    session = one_or_none(TaskRow, conn.execute(_SESSION, {"id": session_of(queue)}))
    running = conn.execute(_RUNNING, {"queue": queue}).scalar_one_or_none()
    return Turn(session, running)


_SESSION = sa.select(tasks.c.number, tasks.c.status).where(
    tasks.c.id == sa.bindparam("id"), IS_SESSION, tasks.c.status.not_in(FINAL), tasks.c.deleted_at.is_(None)
)
#: One that runs there: the worker may have claimed the next ones, too.
_RUNNING = sa.select(sa.func.min(tasks.c.number)).where(
    tasks.c.queue == sa.bindparam("queue"), tasks.c.status == TaskStatus.RUNNING, tasks.c.deleted_at.is_(None)
)
