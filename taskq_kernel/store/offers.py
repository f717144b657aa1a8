"""What the workers of a queue offer, beside what its tasks ask for: cores, devices, memory, and versions of Julia."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import InvalidTask
from taskq_kernel.julia_manifest import fits, version_numbers
from taskq_kernel.store.database import Write
from taskq_kernel.store.tables import outbox, projects, tasks, workers

#: More versions of Julia than any project or worker has.
MAX_JULIAS = 20
_VERSION = re.compile(r"\d+\.\d+[0-9A-Za-z.+-]{0,40}")


@dataclass(frozen=True, slots=True)
class Needs:
    """What a task asks of a worker.

    Attributes
    ----------
    cores, gpus : int
        Of each, so many.
    memory : int
        In bytes; 0 where it does not say.
    julia : tuple of str
        The versions of Julia that its project takes; none: any.
    """

    cores: int = 1
    gpus: int = 0
    memory: int = 0
    julia: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """What a worker has, or what of it is free.

    Attributes
    ----------
    cores, gpus : int
        Of each, so many.
    memory : int or None
        In bytes; None: it did not say.
    julias : tuple of str
        The versions of Julia that projects can have.
    """

    cores: int
    gpus: int
    memory: int | None = None
    julias: tuple[str, ...] = ()

    def holds(self, needs: Needs) -> bool:
        """Whether there is as much as that of each, and one of these Julias."""
        enough = self.cores >= needs.cores and self.gpus >= needs.gpus
        return enough and (self.memory is None or self.memory >= needs.memory) and self.has_julia(needs)

    def has_julia(self, needs: Needs) -> bool:
        """Whether there is one of the Julias that a project takes."""
        return not self.julias or any(fits(version_numbers(one), needs.julia) for one in self.julias)

    def without(self, taken: Sequence[Needs]) -> Offer:
        """What tasks leave of it."""
        memory = None if self.memory is None else self.memory - sum(one.memory for one in taken)
        return Offer(
            self.cores - sum(one.cores for one in taken), self.gpus - sum(one.gpus for one in taken), memory,
            self.julias,
        )


#: What `needs_of` reads of tasks; the project's column comes by `WITH_PROJECTS`.
NEEDED = (tasks.c.threads, tasks.c.gpus, tasks.c.memory_limit, projects.c.julia)
WITH_PROJECTS = tasks.outerjoin(projects, projects.c.id == tasks.c.project)


def needs_of(row: Any) -> Needs:
    """What a task asks for, of a row with the columns `NEEDED`."""
    return Needs(row.threads or 1, row.gpus or 0, row.memory_limit or 0, julias_of(row.julia))


def offer_of(row: Any) -> Offer:
    """What a worker has, of a row with the columns `OFFERED`."""
    julias = julias_of(row.julias) or ((row.julia_version,) if row.julia_version else ())
    return Offer(row.cores, row.gpus, row.memory, julias)


#: What `offer_of` reads. A worker of a release that did not say has a core for each slot, and one Julia.
OFFERED = (
    sa.func.coalesce(workers.c.cores, workers.c.slots).label("cores"),
    sa.func.coalesce(workers.c.gpus, 0).label("gpus"), workers.c.memory, workers.c.julias, workers.c.julia_version,
)


def offers_of(conn: Connection, queue: str, *, without: str | None = None) -> list[Offer]:
    """What each worker offers that takes tasks of a queue now, but for the one of a name."""
    online = [row for row in conn.execute(_OFFERS).all() if row.name != without]
    return [offer_of(row) for row in online if queue in msgspec.json.decode(row.queues)]


_OFFERS = sa.select(workers.c.name, workers.c.queues, *OFFERED).where(workers.c.state == "ONLINE")


def julias_json(versions: Sequence[str] | None) -> str | None:
    """Versions of Julia as the database keeps them; None where there are none.

    Raises
    ------
    InvalidTask
        If there are too many, or what is no version.
    """
    wrong = [one for one in versions or () if not _VERSION.fullmatch(one)]
    if wrong or len(versions or ()) > MAX_JULIAS:
        named = f"has {wrong[0][:80]!r}" if wrong else f"has {len(versions or ())} versions"
        raise InvalidTask(f"{named}: give up to {MAX_JULIAS} versions such as '1.11.3'", "julia")
    return msgspec.json.encode(list(versions)).decode() if versions else None


def julias_of(text: str | None) -> tuple[str, ...]:
    """Versions of Julia as `julias_json` has written them."""
    return () if text is None else msgspec.json.decode(text, type=tuple[str, ...])


def offer_declined(write: Write, queues: Sequence[str]) -> None:
    """Hand over again what waits for a worker with enough (see `declined`): one has joined that serves these queues."""
    # From the outbox on, in which few rows are not due yet: the tasks that wait may be a million.
    asks = sa.or_(
        tasks.c.threads > 1, tasks.c.gpus > 0, tasks.c.memory_limit.isnot(None), tasks.c.project.isnot(None)
    )
    waits = sa.exists().where(
        tasks.c.number == outbox.c.task, tasks.c.queue.in_(list(queues)), tasks.c.status == TaskStatus.QUEUEING,
        tasks.c.available_at <= write.now, asks,
    )
    moved = write.conn.execute(
        sa.update(outbox).where(outbox.c.available_at > write.now, waits).values(available_at=write.now)
    )
    if moved.rowcount:
        write.look = True
