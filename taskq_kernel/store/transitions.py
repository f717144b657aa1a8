"""Transitions, the changes of a task's status: the only place that writes one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import sqlalchemy as sa

from taskq_kernel.domain import TaskStatus, sources_of
from taskq_kernel.errors import TaskqError
from taskq_kernel.store.database import Write
from taskq_kernel.store.rows import Columns
from taskq_kernel.store.tables import Cause, outbox, task_events, tasks


@dataclass(slots=True)
class Transition:
    """One task's change of status.

    Attributes
    ----------
    number : int
        The task.
    owner : str
        Whose it is.
    attempt : int
        The attempt that the change belongs to.
    worker : str or None
        The name of the worker that it concerns.
    reason : str
        What brought it about, in words.
    before : str or None
        The status that it had; None for a new one.
    columns : dict
        What else changes with it; the same columns in every transition of one call.
    """

    number: int
    owner: str
    attempt: int
    worker: str | None
    reason: str
    before: str | None = None
    columns: Columns = field(default_factory=dict)


#: What a task loses when it goes back to waiting.
WAITING: Columns = {
    "worker": None, "worker_id": None, "started_at": None, "finished_at": None,
    "progress": None, "progress_message": None, "published_at": None,
}


def transition(write: Write, after: TaskStatus, cause: Cause, transitions: Sequence[Transition]) -> None:
    """Move tasks to ``after``, each with a new version and a line in its history.

    The caller has read the tasks in the same transaction, so each of them can move; the
    condition on the statement is a second lock on the same door.

    Raises
    ------
    TaskqError
        If a task was not in a status from which ``after`` can be reached.
    """
    if not transitions:
        return
    rows = [
        {**item.columns, "status": after, "version": write.next_version(), "b_number": item.number}
        for item in transitions
    ]
    done = write.conn.execute(_update(after, tuple(transitions[0].columns)), rows)
    if done.rowcount != len(transitions):
        raise TaskqError(f"{len(transitions) - done.rowcount} of {len(transitions)} tasks could not go to {after}")
    for item in transitions:
        if item.before is not None:
            write.count(item.owner, item.before, -1)
        write.count(item.owner, after, 1)
    record(write, after, cause, transitions)


def record(write: Write, status: TaskStatus, cause: Cause, transitions: Iterable[Transition]) -> None:
    """Write the history's lines."""
    write.conn.execute(
        sa.insert(task_events),
        [
            {
                "task": item.number, "status": status, "attempt": item.attempt, "worker": item.worker,
                "at": write.now, "cause": cause, "reason": item.reason,
            }
            for item in transitions
        ],
    )


def enqueue(write: Write, numbers: Iterable[int], available_at: float | None = None) -> None:
    """Put tasks into the outbox, to be handed to the broker from ``available_at`` on."""
    at = write.now if available_at is None else available_at
    rows = [{"task": number, "available_at": at} for number in numbers]
    if rows:
        write.conn.execute(sa.insert(outbox), rows)
        write.published = True


def requeue(write: Write, cause: Cause, transitions: Sequence[Transition]) -> None:
    """Move tasks back to QUEUEING and hand them to the broker again, now."""
    for item in transitions:
        item.columns = {**WAITING, "available_at": write.now, **item.columns}
    transition(write, TaskStatus.QUEUEING, cause, transitions)
    enqueue(write, [item.number for item in transitions])


@lru_cache(maxsize=64)
def _update(after: TaskStatus, columns: tuple[str, ...]) -> sa.Update:
    names = (*columns, "status", "version")
    # Written into the statement: an expanding parameter cannot be repeated row by row.
    sources: list[sa.ColumnElement[str]] = [sa.literal_column(f"'{status}'") for status in sources_of(after)]
    return (
        sa.update(tasks)
        .where(tasks.c.number == sa.bindparam("b_number"), tasks.c.status.in_(sources))
        .values({name: sa.bindparam(name) for name in names})
    )
