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
    _take_back(write, [row.number for row in waiting])
    due: dict[float, list[int]] = {SOON_S: [], LATER_S: []}
    offers = {queue: offers_of(write.conn, queue) for queue in {row.queue for row in waiting}}
    for row in waiting:
        able = any(one.holds(row.threads or 1, row.gpus or 0) for one in offers[row.queue])
        due[SOON_S if able else LATER_S].append(row.number)
    for delay_s, numbers in due.items():
        enqueue(write, numbers, write.now + delay_s)
    return len(waiting)


def _take_back(write: Write, numbers: Sequence[int]) -> None:
    """Have tasks stand as if they had not been handed over: the broker does not have them."""
    for chunk in chunks(numbers):
        write.conn.execute(sa.delete(outbox).where(outbox.c.task.in_(chunk)))
        write.conn.execute(sa.update(tasks).where(tasks.c.number.in_(chunk)).values(published_at=None))
