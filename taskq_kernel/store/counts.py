"""How many tasks are in which status, kept while they change."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.domain import TaskStatus
from taskq_kernel.store.dialects import upsert
from taskq_kernel.store.hot import HotStatement
from taskq_kernel.store.rows import Columns
from taskq_kernel.store.tables import task_counts


def add_counts(conn: Connection, changes: Mapping[tuple[str, str], int]) -> None:
    """Add to the counts, by owner and status; the last but one statement of a transaction."""
    rows: list[Columns] = [
        {"owner": owner, "status": status, "count": change}
        for (owner, status), change in sorted(changes.items()) if change
    ]
    if rows:
        _ADD.execute(conn, rows)


def _add(conn: Connection) -> sa.Executable:
    statement = upsert(conn, task_counts)
    added: sa.Executable = statement.on_conflict_do_update(
        index_elements=["owner", "status"], set_={"count": task_counts.c.count + statement.excluded.count},
    )
    return added


_ADD = HotStatement(_add)


def read_counts(conn: Connection, owner: str | None = None) -> dict[str, int]:
    """How many tasks are in each status: all, or one owner's. Deleted ones do not count."""
    query = sa.select(task_counts.c.status, sa.func.sum(task_counts.c.count)).group_by(task_counts.c.status)
    if owner is not None:
        query = query.where(task_counts.c.owner == owner)
    counts = {str(status): 0 for status in TaskStatus}
    counts.update({row[0]: int(row[1]) for row in conn.execute(query)})
    return counts
