"""Transitions, the changes of a task's status: the only place that writes one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast

import sqlalchemy as sa

from taskq_kernel.domain import FINAL, TaskStatus, sources_of
from taskq_kernel.errors import TaskqError
from taskq_kernel.store import cache, cells, dependencies
from taskq_kernel.store.database import Write
from taskq_kernel.store.hot import HotStatement
from taskq_kernel.store.rows import Columns, TaskRow
from taskq_kernel.store.tables import Cause, outbox, task_events, tasks
from taskq_kernel.store.task_files import copy_files


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


#: A status that tasks come into, what brings that about, and which they are.
_Step = tuple[TaskStatus, Cause, list[Transition]]

#: What a task loses when it goes back to waiting.
WAITING: Columns = {
    "worker": None, "worker_id": None, "started_at": None, "finished_at": None,
    "progress": None, "progress_message": None, "published_at": None,
}


def transition(write: Write, after: TaskStatus, cause: Cause, transitions: Sequence[Transition]) -> None:
    """Move tasks to ``after``, each with a new version and a line in its history; then what hangs on them.

    A task that needed them and nothing else goes on its way when they finish, fails when they end
    otherwise, and waits again when they are retried. A cell whose session has ended fails rather than wait.

    The caller has read the tasks in the same transaction, so each of them can move; the
    condition on the statement is a second lock on the same door.

    Raises
    ------
    TaskqError
        If a task was not in a status from which ``after`` can be reached.
    """
    left = [(after, cause, transitions)]
    while left:
        after, cause, transitions = left.pop()
        if transitions:
            _move(write, after, cause, transitions)
            left += _consequences(write, after, cause, [item.number for item in transitions])


def _move(write: Write, after: TaskStatus, cause: Cause, transitions: Sequence[Transition]) -> None:
    rows: list[Columns] = [
        {**item.columns, "status": after, "version": write.next_version(), "b_number": item.number}
        for item in transitions
    ]
    done = _update(after, cause is Cause.CACHED, tuple(transitions[0].columns)).execute(write.conn, rows)
    if done != len(transitions):
        raise TaskqError(f"{len(transitions) - done} of {len(transitions)} tasks could not go to {after}")
    for item in transitions:
        if item.before is not None:
            write.count(item.owner, item.before, -1)
        write.count(item.owner, after, 1)
    write.ended = write.ended or after in FINAL
    record(write, after, cause, transitions)


def _consequences(
    write: Write, after: TaskStatus, cause: Cause, numbers: Sequence[int]
) -> list[_Step]:
    """What happens to the tasks that hang on tasks which have just come into a status."""
    if after is TaskStatus.FINISHED:
        return go_on(write, dependencies.count_off(write, numbers))
    if after in (TaskStatus.FAILED, TaskStatus.CANCELLED):
        hanging = dependencies.waiting_for(write.conn, numbers)
        reasons = dependencies.why_of(write.conn, [needed for _, needed in hanging])
        return [_fail(write, [(row, reasons[needed]) for row, needed in hanging])]
    if after is TaskStatus.QUEUEING:
        over = cells.over_among(write.conn, numbers)
        steps = [cells_over(write, over)]
        if cause in (Cause.RETRIED, Cause.DEPENDENCY):
            ended = {row.number for row in over}
            steps += _try_again(write, [number for number in numbers if number not in ended])
        return steps
    return []


def cells_over(write: Write, rows: Iterable[TaskRow]) -> _Step:
    """What becomes of cells that wait for sessions which have ended: nobody would take them."""
    reason = "its session ended before it"
    return TaskStatus.FAILED, Cause.DEPENDENCY, [
        Transition(row.number, row.owner, row.attempt, None, reason, row.status, {
            "finished_at": write.now, "error_name": cells.SESSION_OVER, "error_stacktrace": "", "error_line": None,
            "error_message": f"{reason}, and what the cells before defined is gone; run them again in another one",
        })
        for row in rows
    ]


def hold_back_new(write: Write, needs: dict[int, set[int]]) -> None:
    """Hold new tasks back until what they need is finished; where that cannot be any more, they fail."""
    if not needs:
        return
    dependencies.hold_back(write, needs)
    unmet = dependencies.why_unmet(write.conn, needs)
    rows = dependencies.rows_by_number(write.conn, unmet)
    transition(write, *_fail(write, [(row, unmet[row.number]) for row in rows]))
    for step in go_on(write, dependencies.ready(write.conn, needs.keys() - unmet.keys())):
        transition(write, *step)


def go_on(write: Write, numbers: Iterable[int]) -> list[_Step]:
    """Have tasks handed over that need nothing any longer; those that cannot get what they need fail."""
    found = dependencies.let_go(write, numbers)
    waiting = [one for one in found if one.row.status == _QUEUEING]
    ready = [one.row.number for one in waiting if not one.problem]
    # What was cancelled meanwhile has its arguments now as well, and may be retried: it gets its key, too.
    asked = cache.asked_of(write, [one.row.number for one in found if one.row.cache and not one.problem])
    may_be_answered = set(ready)
    cached = _from_cache(write, [one for one in asked if one.number in may_be_answered])
    answered = {item.number for item in cached}
    enqueue(write, [number for number in ready if number not in answered])
    return [
        (TaskStatus.FINISHED, Cause.CACHED, cached),
        _fail(write, [(one.row, one.problem) for one in waiting if one.problem]),
    ]


def answer_from_cache(write: Write, asked: Sequence[cache.Asked]) -> set[int]:
    """Finish tasks whose value an equal one has computed; which these are."""
    cached = _from_cache(write, asked)
    transition(write, TaskStatus.FINISHED, Cause.CACHED, cached)
    return {item.number for item in cached}


def _from_cache(write: Write, asked: Sequence[cache.Asked]) -> list[Transition]:
    answers = cache.find_answers(write.conn, asked) if asked else {}
    if answers:
        copy_files(write, {number: answer.origin for number, answer in answers.items()})
    found = ((one, answers[one.number].columns) for one in asked if one.number in answers)
    return [
        Transition(
            one.number, one.owner, 0, None, f"task {columns['cached_from']} has computed its value", _QUEUEING,
            {**columns, "finished_at": write.now, "progress": 1.0},
        )
        for one, columns in found
    ]


def _fail(write: Write, rows: Iterable[tuple[TaskRow, str]]) -> _Step:
    return TaskStatus.FAILED, Cause.DEPENDENCY, [
        Transition(row.number, row.owner, row.attempt, None, reason[:300], row.status, {
            "finished_at": write.now, "error_name": dependencies.DEPENDENCY_FAILED, "error_message": reason,
            "error_stacktrace": "", "error_line": None,
        })
        for row, reason in rows
    ]


def _try_again(write: Write, numbers: Sequence[int]) -> list[_Step]:
    """What failed because of tasks that are retried waits for them again; what needs others that failed, fails."""
    again = [
        Transition(row.number, row.owner, row.attempt, None, f"task {needed}, which it needs, is tried again",
                   row.status, {**WAITING, **_NO_ERROR, "available_at": write.now})
        for row, needed in dependencies.failed_for(write.conn, numbers)
    ]  # fmt: skip
    unmet = dependencies.why_unmet(write.conn, numbers)
    rows = {row.number: row for row in dependencies.rows_by_number(write.conn, unmet)}
    return [
        (TaskStatus.QUEUEING, Cause.DEPENDENCY, again),
        _fail(write, [(rows[number], reason) for number, reason in unmet.items()]),
        *go_on(write, dependencies.ready(write.conn, set(numbers) - unmet.keys())),
    ]


_QUEUEING = TaskStatus.QUEUEING
_NO_ERROR: Columns = dict.fromkeys(("error_name", "error_message", "error_stacktrace", "error_line"))


def record(write: Write, status: TaskStatus, cause: Cause, transitions: Iterable[Transition]) -> None:
    """Write the history's lines."""
    _RECORD.execute(write.conn, [
        {
            "task": item.number, "status": status, "attempt": item.attempt, "worker": item.worker,
            "at": write.now, "cause": cause, "reason": item.reason,
        }
        for item in transitions
    ])


def enqueue(write: Write, numbers: Iterable[int], available_at: float | None = None) -> None:
    """Put tasks into the outbox, to be handed to the broker from ``available_at`` on; not those that are held back."""
    at = write.now if available_at is None else available_at
    numbers = list(numbers)
    held = dependencies.those_held_back(write.conn, numbers)
    rows: list[Columns] = [{"task": number, "available_at": at} for number in numbers if number not in held]
    if rows:
        _ENQUEUE.execute(write.conn, rows)
        if at > write.now:
            write.look = True
        else:
            write.enqueued += [number for number in numbers if number not in held]


def requeue(write: Write, cause: Cause, transitions: Sequence[Transition]) -> None:
    """Move tasks back to QUEUEING and hand them to the broker again, now or from their ``available_at`` on."""
    due: dict[float, list[int]] = {}
    for item in transitions:
        item.columns = {**WAITING, "available_at": write.now, **item.columns}
        due.setdefault(cast("float", item.columns["available_at"]), []).append(item.number)
    transition(write, TaskStatus.QUEUEING, cause, transitions)
    for at, numbers in due.items():
        enqueue(write, numbers, at)


_RECORD = HotStatement(lambda _: sa.insert(task_events).inline())
_ENQUEUE = HotStatement(lambda _: sa.insert(outbox).inline())


@lru_cache(maxsize=64)
def _update(after: TaskStatus, cached: bool, columns: tuple[str, ...]) -> HotStatement:
    names = (*columns, "status", "version")
    before = [
        status for status in sources_of(after)
        # The cache answers what waits, and nothing else finishes what does not run.
        if after is not TaskStatus.FINISHED or cached == (status is TaskStatus.QUEUEING)
    ]
    # Written into the statement: an expanding parameter cannot be repeated row by row.
    sources: list[sa.ColumnElement[str]] = [sa.literal_column(f"'{status}'") for status in before]
    update = (
        sa.update(tasks)
        .where(tasks.c.number == sa.bindparam("b_number"), tasks.c.status.in_(sources))
        .values({name: sa.bindparam(name) for name in names})
    )
    return HotStatement(lambda _: update)
