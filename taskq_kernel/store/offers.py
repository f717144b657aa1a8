"""What the workers of a queue offer, beside what its tasks ask for: cores and devices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.domain import TaskStatus
from taskq_kernel.store.database import Write
from taskq_kernel.store.tables import outbox, tasks, workers


@dataclass(frozen=True, slots=True)
class Offer:
    """The cores and devices of a worker."""

    cores: int
    gpus: int

    def holds(self, cores: int, gpus: int) -> bool:
        """Whether there are so many of each."""
        return self.cores >= cores and self.gpus >= gpus


def offers_of(conn: Connection, queue: str) -> list[Offer]:
    """What each worker offers that takes tasks of a queue now."""
    online = conn.execute(_OFFERS).all()
    return [Offer(row.cores, row.gpus) for row in online if queue in msgspec.json.decode(row.queues)]


#: A worker of a release that did not say has a core for each slot.
_OFFERS = sa.select(
    workers.c.queues, sa.func.coalesce(workers.c.cores, workers.c.slots).label("cores"),
    sa.func.coalesce(workers.c.gpus, 0).label("gpus"),
).where(workers.c.state == "ONLINE")


def offer_declined(write: Write, queues: Sequence[str]) -> None:
    """Hand over again what waits for a worker with enough (see `declined`): one has joined that serves these queues."""
    # From the outbox on, in which few rows are not due yet: the tasks that wait may be a million.
    waits = sa.exists().where(
        tasks.c.number == outbox.c.task, tasks.c.queue.in_(list(queues)), tasks.c.status == TaskStatus.QUEUEING,
        tasks.c.available_at <= write.now, sa.or_(tasks.c.threads > 1, tasks.c.gpus > 0),
    )
    moved = write.conn.execute(
        sa.update(outbox).where(outbox.c.available_at > write.now, waits).values(available_at=write.now)
    )
    if moved.rowcount:
        write.published = True
