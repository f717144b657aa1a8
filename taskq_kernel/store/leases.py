"""Leases that run out: workers are lost, and their tasks go to others."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import listed
from taskq_kernel.store.database import Write
from taskq_kernel.store.policy import Policy
from taskq_kernel.store.rows import TaskRow, WorkerRow, rows_of
from taskq_kernel.store.sessions import fail_lost
from taskq_kernel.store.tables import Cause, task_events, workers
from taskq_kernel.store.transitions import Transition, enqueue, requeue, transition
from taskq_kernel.store.workers import LOST, PRESENT, claimed_by


def expired_workers(conn: sa.Connection, now: float) -> list[str]:
    """The ids of workers whose lease ran out."""
    query = sa.select(workers.c.id).where(workers.c.state.in_(PRESENT), workers.c.lease_until < now)
    return list(conn.execute(query).scalars())

#: When tasks of a lost worker are handed to the broker once more, in seconds after the
#: first time. Claims make a message that comes twice harmless.
AGAIN_S = (0.2, 0.5, 1.0, 2.0)

#: Those that were lost before go back one after another, in so many groups, so many seconds
#: apart: one of them may end every worker that it meets, and would take its neighbours along.
GROUPS = 6
APART_S = 0.3


def renew_all_leases(write: Write, policy: Policy) -> None:
    """Start every lease afresh: the service was away, and no worker could report."""
    until = write.now + policy.lease_s + policy.return_s
    write.conn.execute(sa.update(workers).where(workers.c.state.in_(PRESENT)).values(lease_until=until))


def reap(write: Write, policy: Policy) -> tuple[list[str], int]:
    """Count silent workers as lost, and take their tasks from them.

    Returns
    -------
    tuple
        The names of the lost workers, and how many tasks they held.
    """
    lost = rows_of(WorkerRow, write.conn.execute(
        sa.select(workers).where(workers.c.state.in_(PRESENT), workers.c.lease_until < write.now)
    ))
    taken = 0
    for worker in lost:
        write.conn.execute(sa.update(workers).where(workers.c.id == worker.id).values(state=LOST))
        claims = claimed_by(write.conn, worker.id)
        _take(write, claims, worker, policy)
        taken += len(claims)
    return [worker.name for worker in lost], taken


def _take(write: Write, claims: Sequence[TaskRow], worker: WorkerRow, policy: Policy) -> None:
    silent = write.now - worker.seen_at
    reason = f"worker {worker.name} was lost: it was silent for {silent:.1f} s"
    claims = fail_lost(write, claims, reason)
    again = [task for task in claims if task.lost + 1 < policy.max_lost]
    due = _apart([task for task in again if task.lost], write.now)
    requeue(write, Cause.LOST, [
        Transition(task.number, task.owner, task.attempt, task.worker, reason, task.status,
                   {"lost": task.lost + 1, "available_at": due.get(task.number, write.now)})
        for task in again
    ])
    # The broker may hand the first messages to the very worker that is silent: it sees a
    # connection that broke without a word only after two heartbeats.
    groups: dict[float, list[int]] = {}
    for task in again:
        groups.setdefault(due.get(task.number, write.now), []).append(task.number)
    for at, numbers in groups.items():
        for delay_s in AGAIN_S:
            enqueue(write, numbers, at + delay_s)
    fail = [task for task in claims if task.lost + 1 >= policy.max_lost]
    transition(write, TaskStatus.FAILED, Cause.LOST, [
        Transition(task.number, task.owner, task.attempt, task.worker, f"{reason}, and it was the last one tried",
             task.status, {
            "lost": task.lost + 1, "finished_at": write.now, "error_name": "WorkerLost",
            "error_message": _sentence(write, task), "error_stacktrace": "", "error_line": None,
        })
        for task in fail
    ])


def _apart(tasks: Sequence[TaskRow], now: float) -> dict[int, float]:
    """When each goes back, by number: in order, in groups as small as can be."""
    groups = min(GROUPS, len(tasks))
    return {task.number: now + APART_S * (place * groups // len(tasks)) for place, task in enumerate(tasks)}


def _sentence(write: Write, task: TaskRow) -> str:
    """Why a task that lost too many workers is not tried again, for its owner."""
    earlier = write.conn.execute(
        sa.select(task_events.c.worker)
        .where(task_events.c.task == task.number, task_events.c.cause == Cause.LOST)
        .order_by(task_events.c.id.desc())
        .limit(task.lost)
    ).scalars().all()
    names = [name or "unknown" for name in [*reversed(earlier), task.worker]]
    times = "once" if task.lost == 0 else f"{task.lost + 1} times"
    what = "its worker" if len(names) == task.lost + 1 else "its worker or its Julia process"
    return (
        f"{what} was lost {times} while running it ({listed(names)}), so it is not tried again. "
        "It may take more memory than the machine has, or end the worker itself; "
        "or the machines were switched off. Retry it if you know that it was not the cause."
    )
