"""What changed since a version: the source of every live view."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.errors import ServiceError
from taskq_kernel.store.database import database_id
from taskq_kernel.store.filters import TaskFilter
from taskq_kernel.store.hot import HotQuery
from taskq_kernel.store.made import Changes
from taskq_kernel.store.records import LONG_FIELDS, long_columns, select_tasks
from taskq_kernel.store.rows import CountersRow, TaskRow, each_of
from taskq_kernel.store.sight import visible
from taskq_kernel.store.tables import counters, tasks

#: How many tasks one event carries at most, and how long their texts may be, in characters: the
#: task that goes beyond is the last.
MAX_CHANGES = 500
MAX_CHARACTERS = 4 << 20


def read_changes(
    conn: Connection, since: int, task_filter: TaskFilter | None, wants: frozenset[str]
) -> Changes:
    """Read the changes after the version ``since``, oldest first.

    A task that changed several times comes once, as it is now. Versions become visible in
    order, so nothing can appear later at or below the version returned.

    Raises
    ------
    ServiceError
        ``CURSOR_TOO_NEW`` if there is no such version yet: the database was replaced.
    """
    (stands,) = _WHERE_IT_STANDS.all(conn)
    version, database = stands.version, stands.database
    if since > version:
        raise ServiceError(
            f"version {since} is ahead of this service's {version}: its database was replaced, start afresh",
            "CURSOR_TOO_NEW", {"version": version},
        )
    if since == version:
        return Changes(version, [], [], more=False, database=database)
    rows: list[TaskRow] = []
    size, more = 0, False
    long = long_columns(wants)
    with _found(conn, since, task_filter, wants & LONG_FIELDS) as found:
        for row in found:
            if len(rows) == MAX_CHANGES or size > MAX_CHARACTERS:
                more = True
                break
            rows.append(row)
            size += sum(len(getattr(row, name) or "") for name in long)
    return Changes(
        version=rows[-1].version if more else version,
        tasks=[row for row in rows if row.deleted_at is None],
        deleted=[row.id for row in rows if row.deleted_at is not None],
        more=more,
        database=database,
    )


#: So many at a time: all that have changed may be many times as long as one event.
_AT_ONCE = 50


@contextmanager
def _found(
    conn: Connection, since: int, task_filter: TaskFilter | None, wants: frozenset[str]
) -> Iterator[Iterable[TaskRow]]:
    """The tasks that have changed, one by one."""
    if task_filter is None:
        with _every(wants).each(conn, _AT_ONCE, since=since) as rows:
            yield rows
        return
    clauses = task_filter.clauses(conn.dialect.name)
    query = _after(wants).where(sa.or_(tasks.c.deleted_at.isnot(None), sa.and_(sa.true(), *clauses)))
    query = query.where(visible(task_filter.visible_to, tasks))  # of deleted ones too
    with conn.execute(query, {"since": since}, execution_options={"yield_per": _AT_ONCE}) as found:
        yield each_of(TaskRow, found)


@lru_cache(maxsize=64)
def _every(wants: frozenset[str]) -> HotQuery[TaskRow]:
    return HotQuery(TaskRow, lambda _: _after(wants))


def _after(wants: frozenset[str]) -> sa.Select[Any]:
    return (
        select_tasks(wants)
        .where(tasks.c.version > sa.bindparam("since"))
        .order_by(tasks.c.version)
        .limit(MAX_CHANGES + 1)
    )


_WHERE_IT_STANDS = HotQuery(CountersRow, lambda _: sa.select(counters.c.version, counters.c.database))


def check_database(conn: Connection, database: str) -> None:
    """Make sure that a cursor is one of this database.

    Raises
    ------
    ServiceError
        ``OTHER_DATABASE`` if it is one of another: a version may be there all the same, and
        mean something else.
    """
    here = database_id(conn)
    if database != here:
        raise ServiceError(
            "the version is one of another database: this service's was replaced, start afresh",
            "OTHER_DATABASE", {"database": here},
        )
