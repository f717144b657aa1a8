"""Tasks that the worker which got their message can never run: they ask for more than it has, or for another Julia.

Whoever finds that out declines the task: its message is gone, and it stands in the outbox again. Where
another worker has enough, it is handed over again soon, and comes to that one sooner or later; where none
has, it waits there until one joins (`offers.offer_declined`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from taskq_kernel.domain import TaskStatus
from taskq_kernel.store.database import Write
from taskq_kernel.store.ids import chunks, parse_ids
from taskq_kernel.store.index_choice import without_index
from taskq_kernel.store.offers import NEEDED, WITH_PROJECTS, needs_of, offers_of
from taskq_kernel.store.rows import TaskRow, WorkerRow
from taskq_kernel.store.tables import outbox, tasks
from taskq_kernel.store.transitions import enqueue
from taskq_kernel.store.workers import present_worker

#: After how long a task is handed over again, in seconds: where a worker has enough for it, and where none has.
SOON_S = 0.3
LATER_S = 60.0
#: For how long a task avoids a worker while another serves its queue, in seconds from its submission.
AVOID_S = 60.0

_NAMED = sa.select(tasks.c.number, tasks.c.queue, *NEEDED).select_from(WITH_PROJECTS).where(
    tasks.c.id.in_(sa.bindparam("ids", expanding=True)), tasks.c.deleted_at.is_(None)
)
_WAITS = tasks.c.status == TaskStatus.QUEUEING


def decline_tasks(write: Write, worker_id: str, ids: Sequence[str]) -> int:
    """Take back what a worker can never run; how many of the tasks still wait."""
    present_worker(write, worker_id)
    uuids, _numbers, _neither = parse_ids(dict.fromkeys(ids))
    waiting: list[sa.Row[Any]] = []
    for chunk in chunks(uuids):
        waiting += write.conn.execute(_NAMED.where(without_index(write.conn, _WAITS)), {"ids": chunk})
    _take_back(write, [row.number for row in waiting])
    due: dict[float, list[int]] = {SOON_S: [], LATER_S: []}
    offers = {queue: offers_of(write.conn, queue) for queue in {row.queue for row in waiting}}
    for row in waiting:
        able = any(one.holds(needs_of(row)) for one in offers[row.queue])
        due[SOON_S if able else LATER_S].append(row.number)
    for delay_s, numbers in due.items():
        enqueue(write, numbers, write.now + delay_s)
    return len(waiting)


def keep_off(write: Write, worker: WorkerRow, waiting: Sequence[TaskRow]) -> list[TaskRow]:
    """Those of some waiting tasks that a worker may have: not those that avoid it, where another one would take them.

    These go back into the outbox, and come to the other one sooner or later. One that has avoided a worker for
    `AVOID_S` runs there rather than wait on.
    """
    since = write.now - AVOID_S
    avoiding = [row for row in waiting if row.avoid == worker.name and row.created_at > since]
    if not avoiding:
        return list(waiting)
    others = {queue: offers_of(write.conn, queue, without=worker.name) for queue in {row.queue for row in avoiding}}
    asked = sa.select(tasks.c.number, tasks.c.queue, *NEEDED).select_from(WITH_PROJECTS).where(
        tasks.c.number.in_([row.number for row in avoiding])
    )
    kept = {
        row.number for row in write.conn.execute(asked)
        if any(one.holds(needs_of(row)) for one in others[row.queue])
    }
    _take_back(write, sorted(kept))
    enqueue(write, sorted(kept), write.now + SOON_S)
    return [row for row in waiting if row.number not in kept]


def _take_back(write: Write, numbers: Sequence[int]) -> None:
    """Have tasks stand as if they had not been handed over: the broker does not have them."""
    for chunk in chunks(numbers):
        write.conn.execute(sa.delete(outbox).where(outbox.c.task.in_(chunk)))
        write.conn.execute(sa.update(tasks).where(tasks.c.number.in_(chunk)).values(published_at=None))
