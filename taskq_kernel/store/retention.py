"""Retention: what is done and old goes, or shrinks to its result.

Removing takes whole tasks: their rows and all that hangs on them. Trimming, with results kept, takes what
grows around a result (logs, history, series) and leaves the task with its value, arguments and seed.
Either goes in small steps: candidates are found beside the writers, and a step of them goes in one
transaction that looks at them again.

What stays, however old: what is not done; what another task still needs, which may be tried again;
and each point of a batch that stays. A batch goes as a whole, once all of its points are done and old,
and its row goes before them: a batch with holes would have its missing points made anew when it is resumed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.domain import FINAL, TaskStatus
from taskq_kernel.store.database import Write
from taskq_kernel.store.source_texts import drop_unused
from taskq_kernel.store.tables import (
    batches,
    dependencies,
    given_values,
    grids,
    held_back,
    outbox,
    refused_outcomes,
    task_events,
    task_files,
    task_logs,
    task_series,
    tasks,
)

#: Tasks in one step: others wait while it is written.
STEP = 250
#: Batches in one step.
BATCHES_STEP = 20
#: What a row costs beside its texts, in bytes, with its places in the indexes: about.
_TASK_BYTES, _ROW_BYTES = 400, 60


@dataclass(frozen=True, slots=True)
class Rule:
    """What goes.

    Attributes
    ----------
    before : float
        What ended before this time, in seconds since the epoch.
    statuses : frozenset of TaskStatus
        Only tasks that ended so.
    keep_results : bool
        Whether tasks are trimmed instead of removed.
    """

    before: float
    statuses: frozenset[TaskStatus] = FINAL
    keep_results: bool = False


#: How far a walk over the tasks has come: the time and the number of the last one.
Place = tuple[float, int]


@dataclass(frozen=True, slots=True)
class Step:
    """Some candidates, or what became of them.

    Attributes
    ----------
    numbers : tuple of int
        The tasks, those that others need first.
    kept : int
        How many are old enough, and stay.
    size_bytes : int
        About how much they take.
    after : Place or None
        Where the next step begins; None: there is no more.
    """

    numbers: tuple[int, ...] = ()
    kept: int = 0
    size_bytes: int = 0
    after: Place | None = None


# -- batches -------------------------------------------------------------------------------


def old_batches(
    conn: Connection, rule: Rule, limit: int | None = BATCHES_STEP, among: Sequence[str] | None = None
) -> list[str]:
    """Batches that go as a whole: nothing of them is left to be done, or needed, and all of it is old.

    Parameters
    ----------
    among : sequence of str, optional
        Only of these. Default: of all.
    """
    point, needing = tasks.alias("point"), tasks.alias("needing")
    stays = sa.or_(point.c.status.not_in(_texts(rule.statuses)), point.c.finished_at >= rule.before)
    its = sa.and_(point.c.batch == batches.c.id, point.c.point.isnot(None))
    needed = (
        sa.select(dependencies.c.task)
        .join(point, point.c.number == dependencies.c.needs)
        .join(needing, needing.c.number == dependencies.c.task)
        .where(its, _may_run_again(needing), sa.not_(_goes(needing, rule)))
    )
    query = (
        sa.select(batches.c.id)
        .where(
            batches.c.created_at < rule.before,
            sa.or_(batches.c.made >= batches.c.total, batches.c.cancelled_at.isnot(None)),
            ~sa.select(point.c.number).where(its, stays).exists(),
            ~needed.exists(),
        )
        .order_by(batches.c.created_at).limit(limit)
    )
    if among is not None:
        query = query.where(batches.c.id.in_(among))
    return list(conn.execute(query).scalars())


def remove_batches(write: Write, rule: Rule, found: Sequence[str]) -> int:
    """Remove those of some batches that still go as a whole; how many. Their points are tasks like others then."""
    gone = old_batches(write.conn, rule, among=found)
    if gone:
        write.conn.execute(sa.delete(grids).where(grids.c.batch.in_(gone)))
        write.conn.execute(sa.delete(batches).where(batches.c.id.in_(gone)))
        write.next_version()
    return len(gone)


# -- tasks ---------------------------------------------------------------------------------


def old_tasks(conn: Connection, rule: Rule, after: Place | None = None, gone: Iterable[str] = ()) -> Step:
    """The next tasks that go, the latest first: what needs others ended after them.

    Parameters
    ----------
    gone : iterable of str
        Batches that would go before: for a trial, in which nothing goes.
    """
    query = sa.select(*_LOOKED_AT).where(tasks.c.deleted_at.is_(None), _goes(tasks, rule))
    if rule.keep_results:
        query = query.where(sa.or_(tasks.c.trimmed_at.is_(None), tasks.c.trimmed_at <= tasks.c.finished_at))
    if after is not None:
        at, number = after
        query = query.where(tasks.c.finished_at <= at, sa.or_(tasks.c.finished_at < at, tasks.c.number < number))
    query = query.order_by(tasks.c.finished_at.desc(), tasks.c.number.desc()).limit(STEP)
    rows = conn.execute(query).all()
    going = [row for row in rows if rule.keep_results or row.its_batch is None or row.its_batch in gone]
    more = rows[-1] if len(rows) == STEP else None
    return Step(
        numbers=tuple(row.number for row in going), kept=len(rows) - len(going),
        after=None if more is None else (more.finished_at, more.number),
    )


_LOOKED_AT = (
    tasks.c.number, tasks.c.finished_at,
    sa.select(batches.c.id).where(batches.c.id == tasks.c.batch).scalar_subquery().label("its_batch"),
)


def measured(conn: Connection, rule: Rule, step: Step) -> Step:
    """What a trial says of a step: those left out that others need, and about how much the rest takes."""
    going = step.numbers
    if not rule.keep_results:
        still = sa.and_(dependencies.c.needs.in_(going), _may_run_again(tasks), sa.not_(_goes(tasks, rule)))
        needed = set(conn.execute(_NEEDED.where(still)).scalars())
        going = tuple(number for number in going if number not in needed)
    return replace(
        step, numbers=going, kept=step.kept + len(step.numbers) - len(going),
        size_bytes=size_of(conn, going, keep_results=rule.keep_results),
    )


_NEEDED = sa.select(dependencies.c.needs).join(tasks, tasks.c.number == dependencies.c.task)


def remove_tasks(write: Write, rule: Rule, step: Step) -> Step:
    """Remove the tasks of a step, as far as they still go and no other one needs them; what became of it."""
    query = (
        sa.select(tasks.c.number, tasks.c.owner, tasks.c.status, tasks.c.source, *_LOOKED_AT[2:])
        .where(tasks.c.number.in_(step.numbers), tasks.c.deleted_at.is_(None), _goes(tasks, rule))
    )
    rows = {row.number: row for row in write.conn.execute(query) if row.its_batch is None}
    going = _unneeded(write.conn, [number for number in step.numbers if number in rows])
    size = size_of(write.conn, going, keep_results=False)
    for number in going:
        write.count(rows[number].owner, rows[number].status, -1)
    _erase(write, going, {rows[number].source for number in going})
    return replace(
        step, numbers=tuple(going), kept=step.kept + len(step.numbers) - len(going), size_bytes=size
    )


def trim_tasks(write: Write, rule: Rule, step: Step) -> Step:
    """Take from the tasks of a step what is no result, as far as they still go; what became of it."""
    query = sa.select(tasks.c.number, tasks.c.status).where(
        tasks.c.number.in_(step.numbers), tasks.c.deleted_at.is_(None), _goes(tasks, rule)
    )
    rows = write.conn.execute(query).all()
    numbers = [row.number for row in rows]
    size = size_of(write.conn, numbers, keep_results=True)
    for table in _AROUND:
        write.conn.execute(sa.delete(table).where(table.c.task.in_(numbers)))
    # What failed or was cancelled may be tried again, and waits for what it needs then.
    finished = [row.number for row in rows if row.status == TaskStatus.FINISHED]
    write.conn.execute(sa.delete(dependencies).where(dependencies.c.task.in_(finished)))
    write.conn.execute(sa.update(tasks).where(tasks.c.number.in_(numbers)).values(trimmed_at=write.now, log_bytes=0))
    return replace(step, numbers=tuple(numbers), size_bytes=size)


# -- tombstones ----------------------------------------------------------------------------


def old_tombstones(conn: Connection, rule: Rule, after: Place | None = None) -> Step:
    """The next tombstones that go, of tasks that were deleted before the rule's time."""
    query = sa.select(tasks.c.number, tasks.c.deleted_at).where(tasks.c.deleted_at < rule.before)
    if after is not None:
        at, number = after
        query = query.where(tasks.c.deleted_at >= at, sa.or_(tasks.c.deleted_at > at, tasks.c.number > number))
    rows = conn.execute(query.order_by(tasks.c.deleted_at, tasks.c.number).limit(STEP)).all()
    last = rows[-1] if len(rows) == STEP else None
    return Step(
        numbers=tuple(row.number for row in rows), size_bytes=len(rows) * _TASK_BYTES,
        after=None if last is None else (last.deleted_at, last.number),
    )


def remove_tombstones(write: Write, step: Step) -> Step:
    """Remove tombstones, but those of tasks that another one needs: it says so when it is tried again."""
    going = _unneeded(write.conn, step.numbers)
    _erase(write, going, ())
    return replace(step, numbers=tuple(going), kept=len(step.numbers) - len(going))


# -- what both need ------------------------------------------------------------------------

#: What stands beside a task, by its number, and is no result.
_AROUND = (task_events, task_logs, task_series, refused_outcomes)


def _texts(statuses: Iterable[TaskStatus]) -> list[str]:
    return sorted(str(status) for status in statuses)


def _goes(table: Any, rule: Rule) -> sa.ColumnElement[bool]:
    """That a task is done, as the rule has it, and old."""
    return sa.and_(table.c.status.in_(_texts(rule.statuses)), table.c.finished_at < rule.before)


def _may_run_again(table: Any) -> sa.ColumnElement[bool]:
    """That a task may want what it needs: it has not finished, and is not deleted."""
    return sa.and_(table.c.status != TaskStatus.FINISHED, table.c.deleted_at.is_(None))


def _unneeded(conn: Connection, numbers: Sequence[int]) -> list[int]:
    """Those that no task needs which stays. Whatever needs another one has to stand before it."""
    needed: dict[int, set[int]] = defaultdict(set)
    query = sa.select(dependencies.c.needs, dependencies.c.task).join(tasks, tasks.c.number == dependencies.c.task)
    for row in conn.execute(query.where(dependencies.c.needs.in_(numbers), _may_run_again(tasks))):
        needed[row.needs].add(row.task)
    going: dict[int, None] = {}
    for number in numbers:
        if needed[number] <= going.keys():
            going[number] = None
    return list(going)


def _erase(write: Write, numbers: Sequence[int], digests: Iterable[str | None]) -> None:
    if not numbers:
        return
    for table in (*_AROUND, outbox, held_back, dependencies, given_values, task_files):
        write.conn.execute(sa.delete(table).where(table.c.task.in_(numbers)))
    write.conn.execute(sa.delete(dependencies).where(dependencies.c.needs.in_(numbers)))
    write.conn.execute(sa.delete(tasks).where(tasks.c.number.in_(numbers)))
    drop_unused(write, {digest for digest in digests if digest})
    # Whoever follows the feed looks again.
    write.next_version()


def size_of(conn: Connection, numbers: Sequence[int], *, keep_results: bool) -> int:
    """About how many bytes tasks take, or what is around their results; values that are files included."""
    sizes = [
        (task_logs, _length(task_logs.c.text)), (task_events, _length(task_events.c.reason)),
        (task_series, _length(task_series.c.series)),
    ]
    total = 0
    for table, length in sizes:
        query = sa.select(sa.func.count(), sa.func.sum(length)).where(table.c.task.in_(numbers))
        count, text = conn.execute(query).one()
        total += count * _ROW_BYTES + int(text or 0)
    if keep_results:
        return total
    long = ("name", "arguments", "value_text", "value_json", "error_message", "error_stacktrace", "timing")
    row: sa.ColumnElement[int] = sa.literal(_TASK_BYTES)
    for name in long:
        row = row + _length(tasks.c[name])
    file = sa.case((tasks.c.value_ref.isnot(None), sa.func.coalesce(tasks.c.value_size, 0)), else_=0)
    query = sa.select(sa.func.sum(row), sa.func.sum(file)).where(tasks.c.number.in_(numbers))
    kept = sa.select(sa.func.sum(task_files.c.size)).where(task_files.c.task.in_(numbers))
    return total + sum(int(part or 0) for part in (*conn.execute(query).one(), conn.execute(kept).scalar_one()))


def _length(column: sa.Column[Any]) -> sa.ColumnElement[int]:
    length: Callable[..., sa.ColumnElement[int]] = sa.func.length
    return sa.func.coalesce(length(column), 0)
