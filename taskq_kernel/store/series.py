"""What tasks report as series of numbers: the latest state of each, as JSON that is not looked into."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.store.database import Write
from taskq_kernel.store.dialects import upsert
from taskq_kernel.store.tables import task_series, tasks

#: What a worker sends is far below; longer ones are nobody's series.
MAX_SERIES_CHARACTERS = 4 << 20

#: A task's number, its attempt, and the JSON.
Reported = tuple[int, int, str]


def store_series(write: Write, reported: Iterable[Reported]) -> list[int]:
    """Keep series in the place of what was there of their tasks.

    Returns
    -------
    list of int
        The tasks whose series were kept.
    """
    rows: list[dict[str, Any]] = [
        {"task": task, "attempt": attempt, "series": series}
        for task, attempt, series in reported if len(series) <= MAX_SERIES_CHARACTERS
    ]
    if rows:
        statement = upsert(write.conn, task_series)
        new = {name: statement.excluded[name] for name in ("attempt", "series")}
        write.conn.execute(statement.on_conflict_do_update(index_elements=["task"], set_=new), rows)
    return [row["task"] for row in rows]


def series_of(conn: Connection, numbers: Sequence[int]) -> dict[int, str | None]:
    """The series of tasks, those of their latest attempt only; None where there are none."""
    found: dict[int, str | None] = dict.fromkeys(numbers)
    query = (
        sa.select(task_series.c.task, task_series.c.series)
        .join(tasks, sa.and_(tasks.c.number == task_series.c.task, tasks.c.attempt == task_series.c.attempt))
        .where(task_series.c.task.in_(list(numbers)))
    )
    for row in conn.execute(query):
        found[row.task] = row.series
    return found
