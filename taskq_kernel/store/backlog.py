"""What stands before a waiting task: the tasks that are handed out before it, and the slots that they wait for.

Both are read for all tasks at once, and passed on for a moment: a list whose tasks all say why they
wait costs no more than one of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.domain import TaskStatus
from taskq_kernel.store.outbox import urgency
from taskq_kernel.store.records import RUNNING_NOW
from taskq_kernel.store.rows import TaskRow, WaitingRow, rows_of
from taskq_kernel.store.tables import held_back, tasks, workers
from taskq_kernel.store.workers import ONLINE

#: How many waiting tasks are looked at; who has more before it is told of at least as many.
MOST = 5_000

#: Where a task stands in its queue: less comes first.
Place = tuple[int, float, int]


@dataclass(frozen=True, slots=True)
class Slots:
    """The slots that serve a queue.

    Attributes
    ----------
    total : int
        How many there are.
    free : int
        How many of them have no task.
    full_since : float or None
        When the last of them got the task that it has; None where one is free.
    """

    total: int
    free: int
    full_since: float | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """Tasks that can start and have not, and what they start in.

    Attributes
    ----------
    places : mapping
        The places of the first `MOST` waiting tasks, by queue, in order.
    whole : bool
        Whether no more are waiting.
    slots : mapping
        What serves each queue; a queue that nobody serves is not there.
    """

    places: Mapping[str, Sequence[Place]]
    whole: bool
    slots: Mapping[str, Slots]

    def ahead(self, task: TaskRow) -> int:
        """How many tasks are handed out before this one, as far as they were looked at."""
        return bisect_left(self.places.get(task.queue, ()), place(task))


def place(task: TaskRow) -> Place:
    """Where a task stands in its queue: by its priority, then as it was handed to the broker."""
    return -urgency(task), float("inf") if task.published_at is None else task.published_at, task.number


def read_backlog(conn: Connection, now: float) -> Backlog:
    """Look at what waits and at what serves it."""
    waiting = rows_of(WaitingRow, conn.execute(_WAITING))
    places: dict[str, list[Place]] = {}
    for task in waiting:
        if task.held is None and task.available_at <= now:
            places.setdefault(task.queue, []).append(place(task))
    for queue in places.values():
        queue.sort()
    return Backlog(places, len(waiting) < MOST, _slots(conn))


_FIRST = (
    sa.select(
        tasks.c.number, tasks.c.queue, tasks.c.priority, tasks.c.lost, tasks.c.published_at, tasks.c.available_at
    )
    .where(tasks.c.status == TaskStatus.QUEUEING, tasks.c.deleted_at.is_(None))
    .order_by(tasks.c.number).limit(MOST)
    .subquery()
)  # fmt: skip
_WAITING = sa.select(_FIRST, held_back.c.task.label("held")).select_from(
    _FIRST.outerjoin(held_back, held_back.c.task == _FIRST.c.number)
)


def _slots(conn: Connection) -> dict[str, Slots]:
    starts: dict[str, list[float]] = {}
    for worker, started_at in conn.execute(sa.select(tasks.c.worker_id, tasks.c.started_at).where(RUNNING_NOW)):
        starts.setdefault(worker, []).append(started_at or 0.0)
    found: dict[str, Slots] = {}
    online = sa.select(workers.c.id, workers.c.slots, workers.c.queues).where(workers.c.state == ONLINE)
    for worker, total, queues in conn.execute(online):
        one = _slots_of(total, sorted(starts.get(worker, ())))
        for queue in msgspec.json.decode(queues):
            found[queue] = _together(found[queue], one) if queue in found else one
    return found


def _slots_of(total: int, starts: Sequence[float]) -> Slots:
    """One worker's: it runs its tasks in the order in which it claimed them, and may have more than slots."""
    free = max(0, total - len(starts))
    return Slots(total, free, None if free else starts[total - 1])


def _together(one: Slots, other: Slots) -> Slots:
    free = one.free + other.free
    since = None if free else max(one.full_since or 0.0, other.full_since or 0.0)
    return Slots(one.total + other.total, free, since)
