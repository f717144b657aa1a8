"""How far batches are: counts, pace, and why points failed."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.domain import TaskStatus
from taskq_kernel.store.batches import count_unmade
from taskq_kernel.store.database import current_version
from taskq_kernel.store.rows import BatchRow
from taskq_kernel.store.tables import tasks

#: Of how many points that ended last the pace is taken.
LAST = 200
#: Kinds of failures that are told apart.
MAX_CAUSES = 100


@dataclass(frozen=True, slots=True)
class Figures:
    """How far a batch is.

    Attributes
    ----------
    counts : dict
        How many points have each status. Those without a task wait, or are cancelled with the batch.
    unmade : int
        How many have no task yet.
    done : int
        How many nothing more will happen to; those whose task was deleted included.
    seconds_left : float or None
        How long the rest takes at the pace of the last points; None where there is no pace yet.
    version : int
        The version of the database that this is true of.
    """

    counts: dict[str, int]
    unmade: int
    done: int
    seconds_left: float | None
    version: int


def read_figures(conn: Connection, row: BatchRow, now: float) -> Figures:
    """Count the points of a batch."""
    query = sa.select(tasks.c.status, sa.func.count()).where(tasks.c.batch == row.id, tasks.c.point.isnot(None))
    counts = dict.fromkeys(TaskStatus, 0) | {
        TaskStatus(status): count for status, count in conn.execute(query.group_by(tasks.c.status))
    }
    unmade = count_unmade(conn, row)
    counts[TaskStatus.QUEUEING if row.cancelled_at is None else TaskStatus.CANCELLED] += unmade
    left = counts[TaskStatus.QUEUEING] + counts[TaskStatus.RUNNING]
    return Figures(
        counts={str(status): count for status, count in counts.items()},
        unmade=unmade,
        done=row.total - left,
        seconds_left=_seconds_left(conn, row.id, left, now) if left else None,
        version=current_version(conn),
    )


def _seconds_left(conn: Connection, batch: str, left: int, now: float) -> float | None:
    last = (
        sa.select(tasks.c.finished_at, tasks.c.worker)
        .where(tasks.c.batch == batch, tasks.c.status == TaskStatus.FINISHED, tasks.c.point.isnot(None))
        .order_by(tasks.c.finished_at.desc()).limit(LAST).subquery()
    )
    # What has its value from the cache says nothing of the pace: it was at no worker.
    ran = sa.select(sa.func.count(), sa.func.min(last.c.finished_at)).where(last.c.worker.isnot(None))
    count, first = conn.execute(ran).one()
    if count < 2 or first is None or now <= first:
        return None
    return float(left * (now - first) / count)


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Points that failed for one cause: an exception's name, and the line of the user's code."""

    name: str
    line: int | None
    count: int
    #: The number of the first task of the group, its point, and what its error says.
    example: int
    point: int
    message: str


def read_failures(conn: Connection, batch: str) -> list[FailureGroup]:
    """Why points of a batch failed, the most frequent cause first."""
    failed = sa.and_(tasks.c.batch == batch, tasks.c.status == TaskStatus.FAILED, tasks.c.point.isnot(None))
    groups = (
        sa.select(
            tasks.c.error_name, tasks.c.error_line, sa.func.count().label("size"),
            sa.func.min(tasks.c.number).label("example"),
        )
        .where(failed).group_by(tasks.c.error_name, tasks.c.error_line)
        .order_by(sa.desc("size"), sa.asc("example")).limit(MAX_CAUSES).subquery()
    )
    query = sa.select(groups, tasks.c.point, tasks.c.error_message).join(tasks, tasks.c.number == groups.c.example)
    return [
        FailureGroup(
            row.error_name or "", row.error_line, row.size, row.example, row.point, row.error_message or ""
        )
        for row in conn.execute(query.order_by(groups.c.size.desc(), groups.c.example))
    ]
