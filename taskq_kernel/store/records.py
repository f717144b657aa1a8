"""Reading tasks: which columns a question needs, and nothing more."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel import displays
from taskq_kernel.domain import TaskStatus
from taskq_kernel.store.hot import HotQuery, among
from taskq_kernel.store.ids import chunks, find
from taskq_kernel.store.rows import EventRow, LogRow, TaskRow, one_of, rows_of
from taskq_kernel.store.sight import Sight
from taskq_kernel.store.tables import sources, stored_columns, task_events, task_logs, tasks
from taskq_kernel.task_fields import TASK_FIELDS

#: Columns that may be long, by the GraphQL fields that need them.
_LONG = {
    one.graphql: tuple(stored_columns(one))
    for field in TASK_FIELDS for one in (field.parts or (field,)) if one.long
}

#: Short columns that stand behind the long ones, likewise.
_LATE = {field.graphql: tuple(stored_columns(field)) for field in TASK_FIELDS if field.late}

#: Every GraphQL field that has columns of its own, read only where it is asked for.
LONG_FIELDS = frozenset(_LONG | _LATE)

#: What is the store's own business.
_INTERNAL = frozenset({"failures", "source", "published_at", "available_at", "log_bytes", "trimmed_at"})
_ON_REQUEST = frozenset(column.name for columns in (_LONG | _LATE).values() for column in columns)

_SHORT = tuple(column for column in tasks.c if column.name not in _INTERNAL | _ON_REQUEST)

#: Tasks that run now. Only in this form do both databases take the index by status: it holds no
#: deleted tasks, and a condition on the status alone would read the whole table.
RUNNING_NOW = sa.and_(tasks.c.status == TaskStatus.RUNNING, tasks.c.deleted_at.is_(None))


@lru_cache(maxsize=64)
def columns_for(long_fields: frozenset[str]) -> tuple[sa.Column[Any], ...]:
    """The columns for a question that asks for these of the `LONG_FIELDS`."""
    return (*_SHORT, *(column for field in sorted(long_fields) for column in (_LONG | _LATE)[field]))


def long_columns(wants: frozenset[str]) -> list[str]:
    """The names of the columns that may be long and that the GraphQL fields ``wants`` need."""
    return [column.key for field in sorted(wants & _LONG.keys()) for column in _LONG[field]]


@lru_cache(maxsize=64)
def _select(long_fields: frozenset[str]) -> sa.Select[Any]:
    query = sa.select(*columns_for(long_fields))
    if "code" in long_fields:
        query = query.select_from(tasks.outerjoin(sources, tasks.c.source == sources.c.sha256))
    return query


def select_tasks(wants: frozenset[str]) -> sa.Select[Any]:
    """A SELECT of tasks that has what the GraphQL fields ``wants`` need."""
    return _select(wants & LONG_FIELDS)


def get_task(conn: Connection, task_id: str, wants: frozenset[str], visible_to: Sight | None = None) -> TaskRow:
    """One task, by UUID or number.

    Raises
    ------
    NotFound
        If there is none, it was deleted, or it is not among what ``visible_to`` sees.
    """
    number = find(conn, [task_id], [tasks.c.id, tasks.c.number], visible_to)[0].number
    return one_of(TaskRow, conn.execute(select_tasks(wants).where(tasks.c.number == number)))


def tasks_by_number(conn: Connection, numbers: Sequence[int], wants: frozenset[str]) -> list[TaskRow]:
    """The tasks with these numbers, in this order; those that are gone are left out."""
    query = _numbered(wants & LONG_FIELDS)
    found = {row.number: row for chunk in chunks(numbers) for row in query.all(conn, of=chunk)}
    return [found[number] for number in numbers if number in found]


@lru_cache(maxsize=64)
def _numbered(long_fields: frozenset[str]) -> HotQuery[TaskRow]:
    return HotQuery(TaskRow, lambda conn: _select(long_fields).where(among(conn, tasks.c.number, "of")))


def histories(conn: Connection, numbers: Sequence[int]) -> dict[int, list[EventRow]]:
    """The history of each task, oldest first."""
    found: dict[int, list[EventRow]] = {number: [] for number in numbers}
    query = sa.select(task_events).where(task_events.c.task.in_(list(numbers))).order_by(task_events.c.id)
    for row in rows_of(EventRow, conn.execute(query)):
        found[row.task].append(row)
    return found


def logs_after(
    conn: Connection, number: int, after: int | None, with_displays: bool = False
) -> list[LogRow]:
    """What the latest attempt of a task printed, the chunks with a ``seq`` above ``after``.

    What it displayed is text among that; ``with_displays``, all that there was to show (`taskq_kernel.displays`).
    """
    attempt = sa.select(tasks.c.attempt).where(tasks.c.number == number).scalar_subquery()
    query = (
        sa.select(task_logs)
        .where(task_logs.c.task == number, task_logs.c.attempt == attempt)
        .order_by(task_logs.c.seq)
    )
    if after is not None:
        query = query.where(task_logs.c.seq > after)
    rows = rows_of(LogRow, conn.execute(query))
    return rows if with_displays else [_as_text(row) for row in rows]


def _as_text(row: LogRow) -> LogRow:
    if row.stream != displays.STREAM:
        return row
    return cast("LogRow", SimpleNamespace(
        task=row.task, attempt=row.attempt, seq=row.seq, stream="stdout", text=displays.text_of(row.text)
    ))
