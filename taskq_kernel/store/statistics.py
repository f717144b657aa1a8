"""Figures for the overview."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import Connection

from taskq_kernel.domain import TaskStatus
from taskq_kernel.store.database import Write, current_version
from taskq_kernel.store.records import RUNNING_NOW
from taskq_kernel.store.tables import minutes, outbox, tasks, workers
from taskq_kernel.store.workers import PRESENT

HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Statistics:
    """Where everything stands. ``last_hour`` is one row per minute, oldest first."""

    counts: dict[str, int]
    slots: int
    busy: int
    workers_online: int
    finished_per_minute: float
    last_hour: list[tuple[int, int, int]]
    outbox_length: int
    version: int


def read_statistics(conn: Connection, now: float, visible_to: str | None = None) -> Statistics:
    """Count tasks, slots and what ended in the last hour.

    Parameters
    ----------
    visible_to : str, optional
        Count this owner's tasks only. Workers and slots are the whole fleet's all the same.
    """
    visible = sa.true() if visible_to is None else tasks.c.owner == visible_to
    counted = sa.select(tasks.c.status, sa.func.count()).where(tasks.c.deleted_at.is_(None), visible)
    counts = {str(status): 0 for status in TaskStatus}
    counts.update({row[0]: row[1] for row in conn.execute(counted.group_by(tasks.c.status)).all()})
    online, slots = conn.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(workers.c.slots), 0))
        .where(workers.c.state.in_(PRESENT))
    ).one()
    ended = conn.execute(
        sa.select(sa.func.count())
        .select_from(tasks)
        .where(
            tasks.c.finished_at >= now - 60, tasks.c.deleted_at.is_(None), visible,
            tasks.c.status.in_((TaskStatus.FINISHED, TaskStatus.FAILED)),
        )
    ).scalar_one()
    waiting = sa.select(sa.func.count()).select_from(outbox)
    if visible_to is not None:
        waiting = waiting.join(tasks, tasks.c.number == outbox.c.task).where(visible)
    return Statistics(
        counts=counts,
        slots=int(slots),
        busy=counts[TaskStatus.RUNNING] if visible_to is None else _busy(conn),
        workers_online=online,
        finished_per_minute=float(ended),
        last_hour=_last_hour(now, _minutes(conn, now) if visible_to is None else _own_minutes(conn, now, visible)),
        outbox_length=conn.execute(waiting).scalar_one(),
        version=current_version(conn),
    )


def _busy(conn: Connection) -> int:
    running = sa.select(sa.func.count()).select_from(tasks).where(RUNNING_NOW)
    return int(conn.execute(running).scalar_one())


def _last_hour(now: float, known: dict[int, tuple[int, int]]) -> list[tuple[int, int, int]]:
    last = int(now // 60) * 60
    return [(at, *known.get(at, (0, 0))) for at in range(last - HOUR_S + 60, last + 60, 60)]


def _minutes(conn: Connection, now: float) -> dict[int, tuple[int, int]]:
    query = sa.select(minutes).where(minutes.c.at > now - HOUR_S - 60)
    return {row.at: (row.finished, row.failed) for row in conn.execute(query)}


def _own_minutes(conn: Connection, now: float, visible: sa.ColumnElement[bool]) -> dict[int, tuple[int, int]]:
    """The last hour as one owner's tasks tell it: those that were deleted since are not in it."""
    found: dict[int, tuple[int, int]] = {}
    query = sa.select(tasks.c.finished_at, tasks.c.status).where(
        tasks.c.finished_at > now - HOUR_S - 60, tasks.c.deleted_at.is_(None), visible,
        tasks.c.status.in_((TaskStatus.FINISHED, TaskStatus.FAILED)),
    )
    for row in conn.execute(query):
        at = int(row.finished_at // 60) * 60
        finished, failed = found.get(at, (0, 0))
        good = row.status == TaskStatus.FINISHED
        found[at] = (finished + good, failed + (not good))
    return found


def count_minute(write: Write, *, finished: int = 0, failed: int = 0) -> None:
    """Count tasks that ended in the minute of this transaction."""
    if not finished and not failed:
        return
    insert: Any = sqlite_insert if write.conn.dialect.name == "sqlite" else postgresql_insert
    row = {"at": int(write.now // 60) * 60, "finished": finished, "failed": failed}
    write.conn.execute(
        insert(minutes).values(**row).on_conflict_do_update(
            index_elements=["at"],
            set_={"finished": minutes.c.finished + finished, "failed": minutes.c.failed + failed},
        )
    )


def forget_minutes(write: Write, before: float) -> None:
    """Drop the counts of minutes before a time."""
    write.conn.execute(sa.delete(minutes).where(minutes.c.at < before))
