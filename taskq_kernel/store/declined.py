"""Tasks that the worker which got their message can never run: they need more cores or devices than it has.

Whoever finds that out declines the task: its message is gone, and it stands in the outbox again. Where
another worker has enough, it is handed over again soon, and comes to that one sooner or later; where none
has, it waits there until one joins (`offers.offer_declined`).
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from taskq_kernel.domain import TaskStatus
from taskq_kernel.store.database import Write
from taskq_kernel.store.ids import chunks, parse_ids
from taskq_kernel.store.offers import offers_of
from taskq_kernel.store.rows import TaskRow, rows_of
from taskq_kernel.store.tables import outbox, tasks
from taskq_kernel.store.transitions import enqueue
from taskq_kernel.store.workers import present_worker

#: After how long a task is handed over again, in seconds: where a worker has enough for it, and where none has.
SOON_S = 0.3
LATER_S = 60.0

_WAITING = sa.select(tasks.c.number, tasks.c.queue, tasks.c.threads, tasks.c.gpus).where(
    tasks.c.id.in_(sa.bindparam("ids", expanding=True)),
    tasks.c.status == TaskStatus.QUEUEING, tasks.c.deleted_at.is_(None),
)


def decline_tasks(write: Write, worker_id: str, ids: Sequence[str]) -> int:
    """Take back what a worker can never run; how many of the tasks still wait."""
    present_worker(write, worker_id)
    uuids, _numbers, _neither = parse_ids(dict.fromkeys(ids))
    waiting: list[TaskRow] = []
    for chunk in chunks(uuids):
        waiting += rows_of(TaskRow, write.conn.execute(_WAITING, {"ids": chunk}))
    for row in waiting:
        write.conn.execute(sa.delete(outbox).where(outbox.c.task == row.number))
        # As if it had not been handed over: the broker does not have it.
        write.conn.execute(sa.update(tasks).where(tasks.c.number == row.number).values(published_at=None))
        able = any(one.holds(row.threads or 1, row.gpus or 0) for one in offers_of(write.conn, row.queue))
        enqueue(write, [row.number], write.now + (SOON_S if able else LATER_S))
    return len(waiting)
