"""The fleet: joining, leaving, draining, and losing workers.

A worker's lease stands on its own row; its tasks point to it. One update per heartbeat
renews all that the worker holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.broker.names import check_queue
from taskq_kernel.errors import InvalidTask, NotFound, ServiceError
from taskq_kernel.store.cells import IN_SLOT
from taskq_kernel.store.database import Write
from taskq_kernel.store.hot import HotQuery
from taskq_kernel.store.ids import canonical_uuid, chunks
from taskq_kernel.store.offers import julias_json, offer_declined
from taskq_kernel.store.policy import Policy
from taskq_kernel.store.records import RUNNING_NOW
from taskq_kernel.store.rows import Columns, TaskRow, WorkerRow, one_or_none, rows_of
from taskq_kernel.store.sessions import fail_lost
from taskq_kernel.store.tables import Cause, tasks, workers
from taskq_kernel.store.transitions import Transition, requeue

ONLINE, DRAINING, LOST, LEFT = "ONLINE", "DRAINING", "LOST", "LEFT"

#: States of a worker that holds a lease.
PRESENT = (ONLINE, DRAINING)

_running = (
    sa.select(tasks.c.worker_id, sa.func.count().label("count"))
    .where(RUNNING_NOW, IN_SLOT).group_by(tasks.c.worker_id).subquery()
)
#: Workers, each with how many running tasks it holds: it may claim more than it has slots.
WITH_BUSY = workers.outerjoin(_running, _running.c.worker_id == workers.c.id)
BUSY = sa.func.coalesce(_running.c.count, 0)


#: Cores, and devices, of one worker at most.
MOST_CORES = 1 << 16


@dataclass(frozen=True, slots=True)
class NewWorker:
    """What a worker says about itself when it joins."""

    name: str
    host: str
    pid: int
    runner: str
    julia_version: str
    queues: Sequence[str]
    slots: int
    id: str | None = None
    #: SHA-256 of the manifest of its Julia project.
    manifest: str | None = None
    #: What its tasks share; None: it is of a release that did not say.
    cores: int | None = None
    gpus: int | None = None
    #: In bytes, and the versions of Julia that projects can have.
    memory: int | None = None
    julias: Sequence[str] | None = None
    #: Whether it reads messages of several tasks.
    bundles: bool | None = None
    #: How many of its slots can be given tasks that it has not asked for; see `grants`.
    grants: int | None = None


def _check_count(name: str, count: int | None, least: int, most: int) -> None:
    if count is not None and not least <= count <= most:
        raise InvalidTask(f"is {count}: give {least} to {most}", name, place=f"input.{name}")


def register_worker(write: Write, new: NewWorker, policy: Policy) -> str:
    """Let a worker join, or come back under its old id after its lease ran out.

    Returns
    -------
    str
        Its id.
    """
    _check_count("slots", new.slots, 1, 4096)
    _check_count("cores", new.cores, 1, MOST_CORES)
    _check_count("gpus", new.gpus, 0, MOST_CORES)
    _check_count("grants", new.grants, 0, 4096)
    _check_count("memory", new.memory, 1, 2**63 - 1)
    for queue in new.queues:
        check_queue(queue)
    worker_id = canonical_uuid(new.id, "id") if new.id else str(uuid4())
    earlier = one_or_none(WorkerRow, write.conn.execute(sa.select(workers).where(workers.c.id == worker_id)))
    columns: Columns = {
        "name": new.name, "host": new.host, "pid": new.pid, "runner": new.runner,
        "julia_version": new.julia_version, "queues": msgspec.json.encode(list(new.queues)).decode(),
        "manifest": new.manifest, "slots": new.slots, "cores": new.cores, "gpus": new.gpus,
        "memory": new.memory, "julias": julias_json(new.julias),
        "bundles": new.bundles, "grants": new.grants,
        "seen_at": write.now, "lease_until": write.now + policy.lease_s,
    }
    if earlier is None:
        write.conn.execute(sa.insert(workers).values(
            id=worker_id, state=ONLINE, drain=False, joined_at=write.now, **columns
        ))
    else:
        state = DRAINING if earlier.drain else ONLINE
        write.conn.execute(sa.update(workers).where(workers.c.id == worker_id).values(state=state, **columns))
    offer_declined(write, new.queues)
    return worker_id


_WORKER = HotQuery(WorkerRow, lambda _: sa.select(workers).where(workers.c.id == sa.bindparam("of_worker")))


def present_worker(write: Write, worker_id: str) -> WorkerRow:
    """The worker, if it holds a lease.

    Raises
    ------
    ServiceError
        ``WORKER_UNKNOWN`` if it never joined or has left, ``LEASE_LOST`` if it was silent
        for too long. Either way it registers again.
    """
    row = _WORKER.first(write.conn, of_worker=worker_id)
    if row is None or row.state == LEFT:
        raise ServiceError(
            f"no worker has the id {worker_id[:80]!r}: register first", "WORKER_UNKNOWN"
        )
    if row.state == LOST:
        raise ServiceError(
            f"worker {row.name} was silent for too long and lost its lease: register again", "LEASE_LOST"
        )
    return row


def claimed_by(conn: Connection, worker_id: str) -> list[TaskRow]:
    """The tasks that a worker has claimed and that run, the oldest first."""
    return _CLAIMED.all(conn, of_worker=worker_id)


_CLAIMED = HotQuery(TaskRow, lambda _: sa.select(
    tasks.c.number, tasks.c.id, tasks.c.owner, tasks.c.status, tasks.c.attempt, tasks.c.worker, tasks.c.lost,
    tasks.c.started_at, tasks.c.kind,
    tasks.c.progress, tasks.c.progress_message, tasks.c.log_bytes,
).where(RUNNING_NOW, tasks.c.worker_id == sa.bindparam("of_worker")).order_by(tasks.c.number))


def drain_worker(write: Write, worker_id: str) -> WorkerRow:
    """Ask a worker to finish what it holds, to take nothing more, and to leave."""
    where = workers.c.id == worker_id
    row = one_or_none(WorkerRow, write.conn.execute(sa.select(workers).where(where)))
    if row is None:
        raise NotFound(f"no worker has the id {worker_id[:80]}", "NOT_FOUND", {"ids": [worker_id[:80]]})
    state = DRAINING if row.state == ONLINE else row.state
    write.conn.execute(sa.update(workers).where(where).values(drain=True, state=state))
    return get_worker(write.conn, worker_id)


def leave_worker(write: Write, worker_id: str) -> int:
    """Let a worker leave; what it still holds goes back at once, and counts as no loss.

    Returns
    -------
    int
        How many tasks went back.
    """
    row = present_worker(write, worker_id)
    claims = claimed_by(write.conn, worker_id)
    reason = f"worker {row.name} left before it ended"
    release(write, fail_lost(write, claims, reason), reason)
    left = sa.update(workers).where(workers.c.id == worker_id).values(state=LEFT, seen_at=write.now)
    write.conn.execute(left)
    return len(claims)


def release_tasks(write: Write, worker_id: str, released: Sequence[tuple[str, int]]) -> int:
    """Requeue tasks that a worker claimed and never started.

    Parameters
    ----------
    released : sequence of (id, attempt)
        The claims to release; those that the worker does not hold are passed over.
    """
    row = present_worker(write, worker_id)
    asked_for = set(released)
    claims = [task for task in claimed_by(write.conn, worker_id) if (task.id, task.attempt) in asked_for]
    release(write, claims, f"worker {row.name} released it before it started")
    return len(claims)


def release(write: Write, claims: Sequence[TaskRow], reason: str) -> None:
    """Requeue tasks without counting a loss."""
    requeue(write, Cause.RELEASED, [
        Transition(task.number, task.owner, task.attempt, task.worker, reason, task.status) for task in claims
    ])


def get_worker(conn: Connection, worker_id: str) -> WorkerRow:
    """One worker, with how many tasks it holds."""
    return next(iter(_workers(conn, workers.c.id == worker_id)))


def list_workers(conn: Connection, *, everyone: bool = False) -> list[WorkerRow]:
    """The workers that hold a lease; with ``everyone`` those that are gone, too."""
    return _workers(conn, sa.true() if everyone else workers.c.state.in_(PRESENT))


def count_workers(conn: Connection) -> int:
    """How many workers hold a lease."""
    return int(conn.execute(sa.select(sa.func.count()).where(workers.c.state.in_(PRESENT))).scalar_one())


def _workers(conn: Connection, where: sa.ColumnElement[bool]) -> list[WorkerRow]:
    query = (
        sa.select(workers, BUSY.label("busy"))
        .select_from(WITH_BUSY)
        .where(where)
        .order_by(workers.c.joined_at.desc())
        .limit(1000)
    )
    return rows_of(WorkerRow, conn.execute(query))


def forget_gone_workers(write: Write, before: float) -> None:
    """Drop the rows of workers that left or were lost before a time, and hold nothing."""
    gone = write.conn.execute(
        sa.select(workers.c.id).where(workers.c.state.in_((LOST, LEFT)), workers.c.seen_at < before)
    ).scalars().all()
    for chunk in chunks(gone):
        write.conn.execute(sa.delete(workers).where(workers.c.id.in_(chunk)))
