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
from taskq_kernel.store.cells import IN_SLOT
from taskq_kernel.store.offers import NEEDED, OFFERED, WITH_PROJECTS, Needs, Offer, needs_of, offer_of
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
    offers : mapping
        What each worker of a queue has, and of that, what none of its tasks has.
    """

    places: Mapping[str, Sequence[Place]]
    whole: bool
    slots: Mapping[str, Slots]
    offers: Mapping[str, Sequence[tuple[Offer, Offer]]]

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
    return Backlog(places, len(waiting) < MOST, *_slots(conn))


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


def _slots(conn: Connection) -> tuple[dict[str, Slots], dict[str, list[tuple[Offer, Offer]]]]:
    running = _running(conn)
    found: dict[str, Slots] = {}
    offers: dict[str, list[tuple[Offer, Offer]]] = {}
    for worker in conn.execute(_ONLINE):
        tasks_of, total = running.get(worker.id, []), offer_of(worker)
        free = total.without([one for _, one in tasks_of])
        slots = _slots_of(worker.slots, free.cores, sorted(at for at, _ in tasks_of))
        for queue in msgspec.json.decode(worker.queues):
            found[queue] = _together(found[queue], slots) if queue in found else slots
            offers.setdefault(queue, []).append((total, free))
    return found, offers


_ONLINE = sa.select(workers.c.id, workers.c.slots, workers.c.queues, *OFFERED).where(workers.c.state == ONLINE)


def _running(conn: Connection) -> dict[str, list[tuple[float, Needs]]]:
    """Of each worker, since when its tasks run, and what each takes; a cell takes nothing beside its session."""
    found: dict[str, list[tuple[float, Needs]]] = {}
    query = sa.select(tasks.c.worker_id, tasks.c.started_at, *NEEDED).select_from(WITH_PROJECTS)
    for row in conn.execute(query.where(RUNNING_NOW, IN_SLOT)):
        found.setdefault(row.worker_id, []).append((row.started_at or 0.0, needs_of(row)))
    return found


def _slots_of(total: int, cores: int, starts: Sequence[float]) -> Slots:
    """One worker's: it runs its tasks in the order in which it claimed them, and may have more than slots."""
    free = max(0, min(total - len(starts), cores))
    return Slots(total, free, starts[min(total, len(starts)) - 1] if starts and not free else None)


def _together(one: Slots, other: Slots) -> Slots:
    free = one.free + other.free
    since = None if free else max(one.full_since or 0.0, other.full_since or 0.0)
    return Slots(one.total + other.total, free, since)
