"""What keeps tasks from starting: queues that no worker serves, and what stands with one task alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.broker.names import session_of
from taskq_kernel.domain import TaskStatus
from taskq_kernel.store.dependencies import Unmet, unmet_of
from taskq_kernel.store.offers import NEEDED, WITH_PROJECTS, Needs, needs_of
from taskq_kernel.store.rows import TaskRow, one_of
from taskq_kernel.store.tables import task_events, tasks, workers
from taskq_kernel.store.workers import ONLINE


@dataclass(frozen=True, slots=True)
class Standing:
    """What the task database knows of one waiting task that no list shows.

    Attributes
    ----------
    row : TaskRow
        What its place in its queue depends on, and from when on it may be handed to the broker.
    unmet : Unmet or None
        What it needs that is not finished.
    needs : Needs
        What it asks of a worker.
    """

    row: TaskRow
    unmet: Unmet | None
    needs: Needs


def standing_of(conn: Connection, number: int) -> Standing:
    """How a waiting task stands."""
    row = one_of(TaskRow, conn.execute(_STANDING, {"number": number}))
    return Standing(row, unmet_of(conn, number), needs_of(row))


_STANDING = sa.select(
    tasks.c.number, tasks.c.queue, tasks.c.priority, tasks.c.lost, tasks.c.published_at, tasks.c.available_at,
    *NEEDED,
).select_from(WITH_PROJECTS).where(tasks.c.number == sa.bindparam("number"))


def last_reason(conn: Connection, number: int) -> str:
    """What brought about the latest change of a task's status."""
    query = sa.select(task_events.c.reason).where(task_events.c.task == number)
    return conn.execute(query.order_by(task_events.c.id.desc()).limit(1)).scalar_one_or_none() or ""


def served_queues(conn: Connection) -> frozenset[str]:
    """The queues that workers take tasks from now."""
    found = conn.execute(sa.select(workers.c.queues).where(workers.c.state == ONLINE)).scalars()
    return frozenset(queue for text in found for queue in msgspec.json.decode(text))


def unserved_queues(conn: Connection, visible_to: str | None = None) -> list[str]:
    """The queues in which tasks wait, though no worker serves them; in the order of their names.

    Parameters
    ----------
    visible_to : str, optional
        Look at this owner's tasks only.
    """
    served = served_queues(conn)
    visible = sa.true() if visible_to is None else tasks.c.owner == visible_to
    unserved = (queue for queue in _queues(conn) if queue not in served)
    # A session's is served once its worker has said so, and its cells end with it.
    unserved = (queue for queue in unserved if session_of(queue) is None)
    return [queue for queue in unserved if conn.execute(_waits(queue, visible)).scalar_one()]


def _queues(conn: Connection) -> Iterable[str]:
    """Every queue that a task has, each found by one step in the index: there are few, and many tasks."""
    present = tasks.c.deleted_at.is_(None)
    first = sa.select(sa.func.min(tasks.c.queue).label("queue")).where(present).cte("queues", recursive=True)
    following = sa.select(sa.func.min(tasks.c.queue)).where(present, tasks.c.queue > first.c.queue).scalar_subquery()
    every = first.union_all(sa.select(following).where(first.c.queue.isnot(None)))
    return conn.execute(sa.select(every.c.queue).where(every.c.queue.isnot(None))).scalars().all()


def _waits(queue: str, visible: sa.ColumnElement[bool]) -> sa.Select[tuple[bool]]:
    waiting = sa.select(tasks.c.number).where(
        tasks.c.queue == queue, tasks.c.status == TaskStatus.QUEUEING, tasks.c.deleted_at.is_(None), visible
    )
    return sa.select(waiting.exists())
