"""What pages need of the task database: a task with all that is shown of it, or some points of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.domain import TaskStatus, ValueKind
from taskq_kernel.errors import NotFound
from taskq_kernel.grid import names_of
from taskq_kernel.store.access_path import PRESENT
from taskq_kernel.store.batch_figures import FailureGroup, read_failures, read_figures
from taskq_kernel.store.batches import get_batch, read_grids
from taskq_kernel.store.definitions import get_definition
from taskq_kernel.store.index_choice import without_index
from taskq_kernel.store.records import LONG_FIELDS, get_task, logs_after
from taskq_kernel.store.rows import BatchRow, DefinitionRow, FileRow, LogRow, TaskRow, rows_of
from taskq_kernel.store.series import series_of
from taskq_kernel.store.sight import Sight
from taskq_kernel.store.tables import tasks
from taskq_kernel.store.task_files import files_of

#: Points that stand on one page.
PAGE = 100
#: Points of which a batch's picture is made.
DRAWN = 20_000
#: A point's value of more bytes is none that is drawn, or stands in a table; see `large_values` for one that is a file.
_VALUE_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class TaskRead:
    """A task, what it printed, its files, and what it reported as series of numbers, as JSON."""

    task: TaskRow
    logs: Sequence[LogRow]
    files: Sequence[FileRow]
    series: str | None = None


@dataclass(frozen=True, slots=True)
class BatchRead:
    """A batch, or tasks that were submitted together.

    Attributes
    ----------
    sight : Sight
        What of it is shown.
    row, definition
        What is kept of it; None where it is tasks that were submitted together.
    counts : dict
        How many points have each status.
    points : sequence of TaskRow
        Those of one page.
    total : int
        How many points have a task: what the pages are made of.
    names : tuple of str
        Its arguments in the order in which they were given, as far as that is known; tasks have them by the alphabet.
    """

    id: str
    sight: Sight
    row: BatchRow | None
    definition: DefinitionRow | None
    counts: dict[str, int]
    points: Sequence[TaskRow]
    total: int
    failures: Sequence[FailureGroup] = ()
    names: tuple[str, ...] = ()


def read_task(conn: Connection, number: int, *, whole: bool = True) -> TaskRead:
    """A task with all that its page shows; unless it is ``whole``, without what it printed, its files and its series.

    Raises
    ------
    NotFound
        If it is not there.
    """
    task = get_task(conn, str(number), LONG_FIELDS)
    if not whole:
        return TaskRead(task, (), ())
    files, series = files_of(conn, [number])[number], series_of(conn, [number])[number]
    return TaskRead(task, logs_after(conn, number, None), files, series)


def read_batch(conn: Connection, batch: str, sight: Sight, page: int, now: float) -> BatchRead:
    """A batch with the points of a page, from 1, as far as they are in sight.

    Raises
    ------
    NotFound
        If nothing of it is there.
    """
    try:
        row: BatchRow | None = get_batch(conn, batch, sight)
    except NotFound:
        row = None
    its = _its(conn, batch, sight, kept=row is not None)
    figures = None if row is None else read_figures(conn, row, now)
    counts, unmade = (_counts(conn, its), 0) if figures is None else (figures.counts, figures.unmade)
    total = sum(counts.values()) - unmade
    if row is None and not total:
        raise NotFound(f"nothing is there of the batch {batch}", "NOT_FOUND")
    order = tasks.c.number if row is None else tasks.c.point
    query = sa.select(*_POINT).where(its).order_by(order).limit(PAGE).offset((page - 1) * PAGE)
    return BatchRead(
        batch, sight, row, None if row is None else get_definition(conn, row.definition),
        dict.fromkeys(map(str, TaskStatus), 0) | counts, rows_of(TaskRow, conn.execute(query)), total,
        () if row is None else read_failures(conn, batch), () if row is None else _names(conn, batch),
    )


def _counts(conn: Connection, its: sa.ColumnElement[bool]) -> dict[str, int]:
    counted = conn.execute(sa.select(tasks.c.status, sa.func.count()).where(its).group_by(tasks.c.status))
    return {str(status): int(count) for status, count in counted}


def _names(conn: Connection, batch: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for grid in read_grids(conn, batch) for name in names_of(grid.design)))


def read_points(conn: Connection, read: BatchRead, after: int, limit: int) -> list[TaskRow]:
    """The next points of a batch with their values, in their order.

    Parameters
    ----------
    after : int
        The place of the last one that was read, or the number of the last one of tasks that were submitted together;
        -1 before the first.
    """
    kept = read.row is not None
    order = tasks.c.point if kept else tasks.c.number
    its = _its(conn, read.id, read.sight, kept=kept)
    return rows_of(TaskRow, conn.execute(sa.select(*_POINT).where(its, order > after).order_by(order).limit(limit)))


def _its(conn: Connection, batch: str, sight: Sight, *, kept: bool) -> sa.ColumnElement[bool]:
    """The tasks of a batch: the points of one that is kept, or those that were submitted together."""
    # By the batch, and not by the owner, who may have a million others.
    its = sa.and_(tasks.c.batch == batch, PRESENT, without_index(conn, sight.of(tasks)))
    return sa.and_(its, tasks.c.point.isnot(None)) if kept else its


#: A value that is drawn, or stands in a table: short, and JSON.
_SHORT_VALUE: sa.ColumnElement[Any] = sa.case(
    (sa.and_(tasks.c.value_kind == ValueKind.JSON.value, tasks.c.value_size <= _VALUE_BYTES), tasks.c.value_json),
).label("value_json")
_POINT = (
    tasks.c.number, tasks.c.name, tasks.c.point, tasks.c.status, tasks.c.seconds, tasks.c.seed, tasks.c.progress,
    tasks.c.arguments, tasks.c.value_text, tasks.c.error_name, tasks.c.error_message, tasks.c.worker,
    tasks.c.attempt, tasks.c.value_kind, tasks.c.value_type, tasks.c.value_ref, tasks.c.value_size, _SHORT_VALUE,
)
