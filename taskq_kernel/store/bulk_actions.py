"""Bulk actions, what users do to tasks that are there: cancel, retry, delete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from taskq_kernel.domain import FINAL, RETRIABLE, TaskStatus
from taskq_kernel.errors import Forbidden, InvalidTask, listed
from taskq_kernel.store.blob_refs import forget_given
from taskq_kernel.store.create import repeat_tasks
from taskq_kernel.store.database import Write
from taskq_kernel.store.filters import TaskFilter
from taskq_kernel.store.ids import chunks, find
from taskq_kernel.store.index_choice import without_index
from taskq_kernel.store.records import LONG_FIELDS, columns_for, select_tasks, tasks_by_number
from taskq_kernel.store.rows import Columns, TaskRow, rows_of
from taskq_kernel.store.sessions import not_to_be_retried
from taskq_kernel.store.sight import Sight
from taskq_kernel.store.source_texts import drop_unused
from taskq_kernel.store.stopping import stop_making
from taskq_kernel.store.tables import Cause, task_events, task_logs, task_series, tasks
from taskq_kernel.store.task_files import forget_files
from taskq_kernel.store.transitions import Transition, requeue, transition
from taskq_kernel.task_fields import TASK_FIELDS, Lifetime


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes tasks.

    Attributes
    ----------
    name : str
        The name on the token, which is the owner of the tasks it submits.
    own_only : bool
        Whether it may change its own tasks only.
    visible_to : Sight or None
        Which tasks are there for it; None: all.
    """

    name: str
    own_only: bool = True
    visible_to: Sight | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """The tasks that a bulk action is about: exactly one of ``ids`` and ``filter`` is given."""

    ids: Sequence[str] | None = None
    filter: TaskFilter | None = None

    def __post_init__(self) -> None:
        if (self.ids is None) == (self.filter is None):
            raise InvalidTask("give either ids or a filter, and not both")


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What became of a bulk action: the tasks, and how many it applied to and did not apply to.

    Attributes
    ----------
    tasks : list
        The tasks; in the place of one that is repeated by a new task, that one.
    changed, unchanged : int
        How many it applied to, and how many not.
    created : int
        How many new tasks it made.
    """

    tasks: list[TaskRow]
    changed: int
    unchanged: int
    created: int = 0


#: What a task has had of an outcome, gone.
_NO_OUTCOME = dict.fromkeys(
    name for field in TASK_FIELDS if field.lifetime is Lifetime.OUTCOME for name in field.stored_as
)
#: What a task loses when it is to be run once more.
_AFRESH: Columns = {"failures": 0, "lost": 0, **_NO_OUTCOME}


def cancel_tasks(write: Write, selection: Selection, actor: Actor, wants: frozenset[str]) -> BulkResult:
    """Cancel tasks that wait or run; others stay as they are."""
    def cancel(rows: list[TaskRow]) -> list[TaskRow]:
        applicable = [row for row in rows if row.status not in FINAL]
        _cancel(write, applicable, f"cancelled by {actor.name}")
        _stop_making(write, selection, actor)
        return applicable

    return _apply(write, selection, actor, wants, cancel)


def retry_tasks(
    write: Write, selection: Selection, actor: Actor, wants: frozenset[str], *, elsewhere: bool = False
) -> BulkResult:
    """Run tasks that ended once more; others stay as they are.

    What failed or was cancelled gets a new attempt; its number goes on, because it is the
    fence against late outcomes. What finished keeps its value: a new task repeats it.
    A session stays as it is, which would hold a slot for nobody, and so does a cell of one that has
    ended: what it builds upon is gone.

    Parameters
    ----------
    elsewhere : bool
        Whether one that repeats another is kept off the worker that ran that one.
    """
    rows = _selected(write, selection, actor, frozenset())
    gone = not_to_be_retried(write.conn, rows)
    again = [row for row in rows if row.status in RETRIABLE and row.number not in gone]
    requeue(write, Cause.RETRIED, [
        Transition(row.number, row.owner, row.attempt, None, f"retried by {actor.name}", row.status, dict(_AFRESH))
        for row in again
    ])
    finished = [row.number for row in rows if row.status == TaskStatus.FINISHED and row.number not in gone]
    made = repeat_tasks(write, finished, actor.name, elsewhere=elsewhere)
    changed = len(again) + len(made)
    after = rows
    if "tasks" in wants:
        after = tasks_by_number(write.conn, [made.get(row.number, row.number) for row in rows], wants)
    return BulkResult(after, changed, len(rows) - changed, len(made))


def delete_tasks(write: Write, selection: Selection, actor: Actor, wants: frozenset[str]) -> BulkResult:
    """Delete tasks; those that wait or run are cancelled first.

    What they had is cleared. A row stays as its tombstone, so that the feed can say it is gone.
    """
    def delete(rows: list[TaskRow]) -> list[TaskRow]:
        _cancel(write, [row for row in rows if row.status not in FINAL], f"deleted by {actor.name}")
        for row in rows:
            write.count(row.owner, row.status if row.status in FINAL else TaskStatus.CANCELLED, -1)
        _leave_tombstones(write, [row.number for row in rows])
        _stop_making(write, selection, actor)
        return rows

    return _apply(write, selection, actor, wants, delete, as_they_were=True)


def _stop_making(write: Write, selection: Selection, actor: Actor) -> None:
    if selection.filter is not None:
        stop_making(write, selection.filter, actor.name if actor.own_only else None)


def _apply(
    write: Write, selection: Selection, actor: Actor, wants: frozenset[str],
    apply: Callable[[list[TaskRow]], list[TaskRow]], *, as_they_were: bool = False,
) -> BulkResult:
    rows = _selected(write, selection, actor, wants)
    applicable = apply(rows)
    after = rows if as_they_were or "tasks" not in wants else _again(write, rows, wants)
    return BulkResult(after, len(applicable), len(rows) - len(applicable))


def _selected(write: Write, selection: Selection, actor: Actor, wants: frozenset[str]) -> list[TaskRow]:
    if selection.ids is not None:
        columns = columns_for(frozenset())
        rows = find(write.conn, selection.ids, columns, actor.visible_to)
        foreign = [row.number for row in rows if actor.own_only and row.owner != actor.name]
        if foreign:
            raise Forbidden(
                f"the tasks {listed(foreign)} belong to others; you may change your own only", "FORBIDDEN"
            )
        return _again(write, rows, wants) if wants & LONG_FIELDS else rows
    wanted = selection.filter or TaskFilter()
    clauses = wanted.clauses(write.conn.dialect.name)
    if actor.own_only:
        its = tasks.c.owner == actor.name
        # Those of a batch, or with these ids, are fewer than all of their owner.
        clauses.append(its if wanted.batch is None and wanted.ids is None else without_index(write.conn, its))
    query = select_tasks(wants).where(tasks.c.deleted_at.is_(None), *clauses).order_by(tasks.c.number)
    return rows_of(TaskRow, write.conn.execute(query))


def _again(write: Write, rows: Sequence[TaskRow], wants: frozenset[str]) -> list[TaskRow]:
    return tasks_by_number(write.conn, [row.number for row in rows], wants)


def _cancel(write: Write, rows: Sequence[TaskRow], reason: str) -> None:
    transition(write, TaskStatus.CANCELLED, Cause.CANCELLED, [
        Transition(row.number, row.owner, row.attempt, row.worker, reason, row.status, {"finished_at": write.now})
        for row in rows
    ])


_TOMBSTONE = (
    sa.update(tasks)
    .where(tasks.c.number == sa.bindparam("b_number"))
    .values(
        version=sa.bindparam("version"), deleted_at=sa.bindparam("deleted_at"), name="", source=None,
        entry=None, point=None, arguments=None, progress_message=None, log_bytes=0,
        env=None, input_files=None, outputs=None, project=None, project_commit=None,
        **_NO_OUTCOME,
    )
)


def _leave_tombstones(write: Write, numbers: Sequence[int]) -> None:
    if not numbers:
        return
    used: set[str] = set()
    for chunk in chunks(numbers):
        query = sa.select(tasks.c.source).distinct().where(tasks.c.number.in_(chunk))
        used.update(filter(None, write.conn.execute(query).scalars()))
        write.conn.execute(sa.delete(task_logs).where(task_logs.c.task.in_(chunk)))
        write.conn.execute(sa.delete(task_series).where(task_series.c.task.in_(chunk)))
        forget_given(write, chunk)
        forget_files(write, chunk)
        # Reasons quote error messages.
        write.conn.execute(sa.update(task_events).where(task_events.c.task.in_(chunk)).values(reason=""))
    write.conn.execute(_TOMBSTONE, [
        {"b_number": number, "version": write.next_version(), "deleted_at": write.now} for number in numbers
    ])
    drop_unused(write, used)
