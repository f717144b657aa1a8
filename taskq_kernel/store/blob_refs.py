"""Which uploaded values are in use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.store.database import Write
from taskq_kernel.store.dialects import insert_new
from taskq_kernel.store.ids import chunks
from taskq_kernel.store.records import RUNNING_NOW
from taskq_kernel.store.tables import given_values, tasks


def referenced(conn: Connection, refs: Sequence[str]) -> set[str]:
    """Those of ``refs`` that are the value of a task, or given to one."""
    values = sa.select(tasks.c.value_ref).where(tasks.c.value_ref.in_(refs))
    given = sa.select(given_values.c.ref).where(given_values.c.ref.in_(refs))
    return {*conn.execute(values).scalars(), *conn.execute(given).scalars()}


def note_given(write: Write, given: Iterable[tuple[int, str]]) -> None:
    """Note values that are given to tasks, each a task's number and the value's SHA-256."""
    rows = [{"task": task, "ref": ref} for task, ref in given]
    if rows:
        write.conn.execute(insert_new(write.conn, given_values), rows)


def give_again(write: Write, made: Mapping[int, int]) -> None:
    """Note for new tasks that they are given what those were that they repeat, by the number of each."""
    found: list[tuple[int, str]] = []
    for chunk in chunks(list(made)):
        rows = write.conn.execute(sa.select(given_values).where(given_values.c.task.in_(chunk)))
        found += [(made[task], ref) for task, ref in rows]
    note_given(write, found)


def forget_given(write: Write, numbers: Sequence[int]) -> None:
    """Drop what was noted of tasks that are gone."""
    write.conn.execute(sa.delete(given_values).where(given_values.c.task.in_(numbers)))


def has_value(conn: Connection, owner: str, ref: str) -> bool:
    """Whether ``ref`` is the value of a task of this owner."""
    mine = sa.select(tasks.c.number).where(tasks.c.value_ref == ref, tasks.c.owner == owner)
    return conn.execute(mine.limit(1)).first() is not None


def oldest_running_start(conn: Connection) -> float | None:
    """When the oldest running task started.

    A value that was uploaded later may be its value: its outcome can wait in the broker
    for as long as the sink is away.
    """
    query = sa.select(sa.func.min(tasks.c.started_at)).where(RUNNING_NOW)
    started: float | None = conn.execute(query).scalar_one()
    return started
