"""Which uploaded values are in use."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.store.records import RUNNING_NOW
from taskq_kernel.store.tables import tasks


def referenced(conn: Connection, refs: Sequence[str]) -> set[str]:
    """Those of ``refs`` that are the value of a task."""
    return set(conn.execute(sa.select(tasks.c.value_ref).where(tasks.c.value_ref.in_(refs))).scalars())


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
