"""Grants: a lone task is given to a worker with room when it is submitted, in the same transaction.

Otherwise the worker would get its message, ask for it, and wait for a transaction of its own. To all others
the task is one that this worker has claimed: it runs, as an attempt with this worker's lease. Its message goes
into the worker's own queue (`broker.names.Names.worker`), and it starts only once the service has said
that it is still the worker's (`still_held`); so what was cancelled meanwhile never starts. What never comes
there goes back when the worker's heartbeats do not name it, as where the answer to a claim is lost.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.domain import TaskStatus
from taskq_kernel.messages import encode
from taskq_kernel.store.bundling import is_plain
from taskq_kernel.store.cells import IN_SLOT
from taskq_kernel.store.claims import give, is_overdue
from taskq_kernel.store.database import Write
from taskq_kernel.store.hot import HotQuery, among
from taskq_kernel.store.ids import parse_ids
from taskq_kernel.store.made import Grant
from taskq_kernel.store.outbox import message_of, task_told
from taskq_kernel.store.records import RUNNING_NOW
from taskq_kernel.store.rows import DueRow, TaskRow, WorkerRow
from taskq_kernel.store.tables import task_counts, tasks, workers
from taskq_kernel.store.workers import ONLINE, release

#: Above so many running tasks nothing is granted: to count them by workers takes longer than a claim.
MOST_RUNNING = 500
#: How many workers are looked at.
MOST_WORKERS = 20


def grant(write: Write, number: int, out_of_reach: Collection[str] = ()) -> bool:
    """Give a task that has just been submitted to a worker with room, where it overtakes nobody; whether it was.

    Parameters
    ----------
    out_of_reach : collection of str
        The ids of workers to which no message gets now.
    """
    counts = {row.status: row.count for row in _COUNTS.all(write.conn)}
    # That of this one is not written yet.
    if counts.get(_QUEUEING, 0) > 0 or counts.get(_RUNNING, 0) > MOST_RUNNING:
        return False
    row = task_told(write.conn, number)
    if row is None or not is_plain(row) or row.project is not None:
        return False
    worker = _worker_for(write, row, out_of_reach)
    if worker is None:
        return False
    give(write, worker, [row], f"given to worker {worker.name} as it was submitted")
    message = msgspec.structs.replace(message_of(row), attempt=row.attempt + 1)
    write.granted = Grant(row.id, row.number, row.attempt + 1, worker.id, encode(message))
    return True


def _worker_for(write: Write, row: DueRow, out_of_reach: Collection[str]) -> WorkerRow | None:
    """The worker that has least to do of those with room for a plain task of a queue."""
    found = (worker for worker in _WITH_ROOM.all(write.conn, now=write.now) if worker.id not in out_of_reach)
    return next((worker for worker in found if row.queue in msgspec.json.decode(worker.queues)), None)


def still_held(
    conn: Connection, worker_id: str, given: Sequence[tuple[str, int]], now: float, lease_s: float
) -> list[tuple[str, int]]:
    """Those of some attempts, (id, attempt), that run at a worker: it may start them.

    Not those that it was given longer ago than a lease: the next heartbeat, which does not name them yet, takes them
    back, and they would run at two workers.
    """
    uuids, _numbers, _neither = parse_ids(task_id for task_id, _ in given)
    asked = set(given)
    held = [row for row in _HELD.all(conn, ids=uuids, worker=worker_id) if not is_overdue(row, now, lease_s)]
    return [(row.id, row.attempt) for row in held if (row.id, row.attempt) in asked]


def take_back(write: Write, granted: Grant) -> None:
    """Have a task wait like any other that did not come to its worker: its queue is not there."""
    rows = _HELD.all(write.conn, ids=[granted.task], worker=granted.worker)
    release(write, [row for row in rows if row.attempt == granted.attempt], "it could not be brought to its worker")


_QUEUEING, _RUNNING = str(TaskStatus.QUEUEING), str(TaskStatus.RUNNING)


class _CountRow:
    """How many tasks are in a status."""

    status: str
    count: int


_COUNTS = HotQuery(
    _CountRow,
    lambda _: sa.select(task_counts.c.status, sa.func.sum(task_counts.c.count).label("count"))
    .where(task_counts.c.status.in_([sa.literal_column(f"'{_QUEUEING}'"), sa.literal_column(f"'{_RUNNING}'")]))
    .group_by(task_counts.c.status),
)
_taken = (
    sa.select(
        tasks.c.worker_id, sa.func.count().label("count"),
        sa.func.sum(sa.func.coalesce(tasks.c.threads, sa.literal_column("1"))).label("cores"),
    )
    .where(RUNNING_NOW, IN_SLOT).group_by(tasks.c.worker_id).subquery()
)
_none: sa.ColumnClause[int] = sa.literal_column("0")
_WITH_ROOM = HotQuery(
    WorkerRow,
    lambda _: sa.select(workers)
    .select_from(workers.outerjoin(_taken, _taken.c.worker_id == workers.c.id))
    .where(
        workers.c.state == sa.literal_column(f"'{ONLINE}'"), workers.c.drain.is_(False),
        # NULL for a worker of an earlier release; and where it has lost RabbitMQ, or drains, 0.
        workers.c.grants > sa.func.coalesce(_taken.c.count, _none),
        # It has been heard of lately: more than half of its lease is left.
        workers.c.lease_until - sa.bindparam("now", type_=workers.c.seen_at.type)
        > sa.bindparam("now", type_=workers.c.seen_at.type) - workers.c.seen_at,
        sa.func.coalesce(workers.c.cores, workers.c.slots) > sa.func.coalesce(_taken.c.cores, _none),
    )
    .order_by(sa.func.coalesce(_taken.c.count, _none), workers.c.id)
    .limit(sa.literal_column(str(MOST_WORKERS))),
)
_HELD = HotQuery(
    TaskRow,
    lambda conn: sa.select(
        tasks.c.number, tasks.c.id, tasks.c.owner, tasks.c.status, tasks.c.attempt, tasks.c.worker, tasks.c.started_at
    ).where(among(conn, tasks.c.id, "ids"), RUNNING_NOW, tasks.c.worker_id == sa.bindparam("worker")),
)
