"""Figures for the overview."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.store.counts import read_counts
from taskq_kernel.store.database import Write, current_version
from taskq_kernel.store.dialects import upsert
from taskq_kernel.store.hot import HotStatement
from taskq_kernel.store.rows import Columns
from taskq_kernel.store.tables import minutes, outbox, tasks, workers
from taskq_kernel.store.workers import BUSY, PRESENT, WITH_BUSY

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
    fleet = _fleet(conn)
    waiting = sa.select(sa.func.count()).select_from(outbox)
    if visible_to is not None:
        # Not a join: SQLite would begin with the tasks.
        owner = sa.select(tasks.c.owner).where(tasks.c.number == outbox.c.task).scalar_subquery()
        waiting = waiting.where(owner == visible_to)
    ended = _minutes(conn, now, visible_to)
    return Statistics(
        counts=read_counts(conn, visible_to),
        slots=sum(slots for slots, _ in fleet),
        busy=sum(min(slots, running) for slots, running in fleet),
        workers_online=len(fleet),
        finished_per_minute=_rate(now, ended),
        last_hour=_last_hour(now, ended),
        outbox_length=conn.execute(waiting).scalar_one(),
        version=current_version(conn),
    )


def _fleet(conn: Connection) -> list[tuple[int, int]]:
    """How many slots each worker that is there has, and how many running tasks."""
    query = sa.select(workers.c.slots, BUSY).select_from(WITH_BUSY).where(workers.c.state.in_(PRESENT))
    return [(slots, running) for slots, running in conn.execute(query)]


def _rate(now: float, ended: dict[int, tuple[int, int]]) -> float:
    """How many ended in the last sixty seconds, were those of the minute before evenly spread."""
    this = int(now // 60) * 60
    share = 1 - (now - this) / 60
    return float(sum(ended.get(this, (0, 0))) + round(share * sum(ended.get(this - 60, (0, 0)))))


def _last_hour(now: float, known: dict[int, tuple[int, int]]) -> list[tuple[int, int, int]]:
    last = int(now // 60) * 60
    return [(at, *known.get(at, (0, 0))) for at in range(last - HOUR_S + 60, last + 60, 60)]


def _minutes(conn: Connection, now: float, owner: str | None) -> dict[int, tuple[int, int]]:
    """The last hour, all told or as one owner's tasks tell it."""
    query = (
        sa.select(minutes.c.at, sa.func.sum(minutes.c.finished), sa.func.sum(minutes.c.failed))
        .where(minutes.c.at > now - HOUR_S - 60)
        .group_by(minutes.c.at)
    )
    if owner is not None:
        query = query.where(minutes.c.owner == owner)
    return {at: (int(finished), int(failed)) for at, finished, failed in conn.execute(query)}


def count_minute(write: Write, finished: Sequence[str], failed: Sequence[str]) -> None:
    """Count tasks that ended in the minute of this transaction, given by their owners."""
    good, bad = Counter(finished), Counter(failed)
    at = int(write.now // 60) * 60
    rows: list[Columns] = [
        {"at": at, "owner": owner, "finished": good[owner], "failed": bad[owner]} for owner in sorted({*good, *bad})
    ]
    if rows:
        _COUNT_MINUTE.execute(write.conn, rows)


def _count(conn: Connection) -> sa.Executable:
    statement = upsert(conn, minutes)
    counted: sa.Executable = statement.on_conflict_do_update(
        index_elements=["at", "owner"],
        set_={
            "finished": minutes.c.finished + statement.excluded.finished,
            "failed": minutes.c.failed + statement.excluded.failed,
        },
    )
    return counted


_COUNT_MINUTE = HotStatement(_count)


def forget_minutes(write: Write, before: float) -> None:
    """Drop the counts of minutes before a time."""
    write.conn.execute(sa.delete(minutes).where(minutes.c.at < before))
