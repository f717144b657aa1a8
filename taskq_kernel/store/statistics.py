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


def read_statistics(conn: Connection, now: float) -> Statistics:
    """Count tasks, slots and what ended in the last hour."""
    counted = sa.select(tasks.c.status, sa.func.count()).where(tasks.c.deleted_at.is_(None))
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
            tasks.c.finished_at >= now - 60, tasks.c.deleted_at.is_(None),
            tasks.c.status.in_((TaskStatus.FINISHED, TaskStatus.FAILED)),
        )
    ).scalar_one()
    return Statistics(
        counts=counts,
        slots=int(slots),
        busy=counts[TaskStatus.RUNNING],
        workers_online=online,
        finished_per_minute=float(ended),
        last_hour=_last_hour(conn, now),
        outbox_length=conn.execute(sa.select(sa.func.count()).select_from(outbox)).scalar_one(),
        version=current_version(conn),
    )


def _last_hour(conn: Connection, now: float) -> list[tuple[int, int, int]]:
    last = int(now // 60) * 60
    known = {row.at: row for row in conn.execute(sa.select(minutes).where(minutes.c.at > last - HOUR_S))}
    return [
        (at, known[at].finished, known[at].failed) if at in known else (at, 0, 0)
        for at in range(last - HOUR_S + 60, last + 60, 60)
    ]


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
