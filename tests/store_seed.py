"""Task databases with very many tasks, as they are after months of use, written without the service."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.domain import TaskStatus
from taskq_kernel.store import Store
from taskq_kernel.store.counts import add_counts
from taskq_kernel.store.tables import counters, sources, task_counts, tasks

#: Out of a hundred tasks, how many are in which status.
SHARES = {
    TaskStatus.FINISHED: 88, TaskStatus.FAILED: 5, TaskStatus.CANCELLED: 2, TaskStatus.QUEUEING: 5,
}
RUNNING = 8
BATCH = 1000
START = 1_690_000_000.0


def seed(store: Store, count: int) -> None:
    """Fill an empty database with ``count`` tasks; the same ones each time."""
    with store.writer.begin() as conn:
        conn.execute(sa.insert(sources), [{"sha256": f"{n:064x}", "code": f"model({n})"} for n in range(100)])
        rows: list[dict[str, Any]] = []
        for row in _tasks(count):
            rows.append(row)
            if len(rows) == 10_000:
                conn.execute(sa.insert(tasks), rows)
                rows = []
        if rows:
            conn.execute(sa.insert(tasks), rows)
        conn.execute(sa.update(counters).values(version=count, number=count))
        if sa.inspect(conn).has_table(task_counts.name):  # a database of an earlier release has none
            _count(conn)
    with store.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        if conn.dialect.name == "postgresql":
            conn.exec_driver_sql("VACUUM ANALYZE tasks")


def _count(conn: Connection) -> None:
    """Keep the counts that every change keeps."""
    query = sa.select(tasks.c.owner, tasks.c.status, sa.func.count()).group_by(tasks.c.owner, tasks.c.status)
    add_counts(conn, {(owner, status): number for owner, status, number in conn.execute(query)})


def _tasks(count: int) -> Iterator[dict[str, Any]]:
    draw = random.Random(7)
    statuses = draw.choices(list(SHARES), list(SHARES.values()), k=count)
    for number, status in enumerate(statuses, 1):
        if number > count - RUNNING:
            status = TaskStatus.RUNNING
        created = START + number * 10
        started = None if status is TaskStatus.QUEUEING else created + draw.random() * 5000
        ended = started is not None and status is not TaskStatus.RUNNING
        seconds = draw.expovariate(0.1) if ended else None
        yield {
            "number": number, "id": str(UUID(int=number)), "version": number, "status": status,
            "attempt": 0 if started is None else 1, "failures": 0, "lost": 0, "max_attempts": 1, "kind": "SCRIPT",
            "queue": "gpu" if number % 20 == 0 else "default", "priority": number % 3,
            "owner": "admin" if number % 10 < 7 else f"user{number % 21}",
            "batch": str(UUID(int=number // BATCH + 1)), "worker": None if started is None else "w1",
            "worker_id": "w1" if status is TaskStatus.RUNNING else None,
            "created_at": created, "started_at": started,
            "finished_at": started + seconds if started is not None and seconds is not None else None,
            "seconds": seconds, "available_at": created, "log_bytes": 0, "source": f"{number % 100:064x}",
            "name": f"gap n={number % 997} beta={number % 13}",
            "value_text": "0.49985" if status is TaskStatus.FINISHED else None,
            "value_json": "0.49985" if status is TaskStatus.FINISHED else None,
            "arguments": f'{{"n":{number % 997},"beta":{number % 13 / 10}}}',
        }
