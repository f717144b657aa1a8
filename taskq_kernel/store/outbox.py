"""The outbox: tasks on their way to the broker.

A task is put here in the transaction that makes it wait, and taken out after the broker
has confirmed its message, or by its claim. A crash in between hands it over twice, which
claims make harmless; it is never handed over zero times.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.broker.names import session_of
from taskq_kernel.domain import PRIORITIES, TaskKind, TaskStatus
from taskq_kernel.messages import INLINE_CODE_BYTES, SCHEMA, TaskMessage, bundled, encode
from taskq_kernel.needs import env_of
from taskq_kernel.store.bundling import Most, in_bundles, one_each, size_of
from taskq_kernel.store.database import Write
from taskq_kernel.store.hot import HotQuery, HotStatement, among
from taskq_kernel.store.ids import chunks
from taskq_kernel.store.made import Due
from taskq_kernel.store.offers import julias_of
from taskq_kernel.store.rows import Columns, DueRow, TaskRow
from taskq_kernel.store.tables import outbox, projects, sources, tasks
from taskq_kernel.store.transitions import enqueue
from taskq_kernel.task_files import given_files

#: How many tasks are handed over at once, and how many bytes of messages at most.
BATCH = 500
BATCH_BYTES = 16 << 20
#: How many are a few, and how long: their messages are made in the transaction that puts them here, and kept in
#: memory until they are published.
FEW = 20
FEW_BYTES = 64 << 10


_WAITING = sa.and_(tasks.c.status == TaskStatus.QUEUEING, tasks.c.deleted_at.is_(None))
#: What a task's message is made of.
_TOLD = (
    tasks.c.number, tasks.c.id, tasks.c.name, tasks.c.kind, tasks.c.entry,
    tasks.c.queue, tasks.c.priority, tasks.c.timeout_s, tasks.c.memory_limit, tasks.c.status,
    tasks.c.deleted_at, tasks.c.lost, tasks.c.arguments, tasks.c.seed, tasks.c.source, sources.c.code,
    tasks.c.threads, tasks.c.env, tasks.c.gpus,
    tasks.c.input_files, tasks.c.outputs, tasks.c.project, tasks.c.project_commit, projects.c.julia,
)


def _with_what_it_names(rows: sa.FromClause) -> sa.Join:
    """Tasks, each with its code and its project."""
    return (
        rows.outerjoin(sources, sources.c.sha256 == tasks.c.source)
        .outerjoin(projects, projects.c.id == tasks.c.project)
    )


_ROW = (
    sa.select(outbox.c.id.label("outbox_id"), *_TOLD)
    .select_from(_with_what_it_names(outbox.join(tasks, tasks.c.number == outbox.c.task)))
    .order_by(outbox.c.id)
)
_IS_DUE = outbox.c.available_at <= sa.bindparam("now")
_DUE = HotQuery(DueRow, lambda _: _ROW.where(_IS_DUE).limit(sa.literal_column(str(BATCH))))
_OF_THESE = HotQuery(DueRow, lambda conn: _ROW.where(_IS_DUE, among(conn, outbox.c.task, "numbers")))
_LATER = HotQuery(
    TaskRow,
    lambda _: sa.select(sa.func.min(outbox.c.available_at).label("available_at"))
    .where(outbox.c.available_at > sa.bindparam("now")),
)


def read_due(conn: Connection, now: float, handed_over: Container[int] = (), most: Most = one_each) -> Due:
    """Read what is due, oldest first, and make the messages.

    Parameters
    ----------
    handed_over : container of int
        Rows of the outbox that are left out.
    most : callable
        How many tasks go into one message; see `bundling`.
    """
    # A few at a time: all that are due may be many times as large as a batch.
    with _DUE.each(conn, 20, now=now) as rows:
        gathered = _gather(rows, handed_over, most)
    more = gathered.count == BATCH or gathered.size >= BATCH_BYTES
    next_at = None
    if not more:
        later = _LATER.first(conn, now=now)
        next_at = None if later is None else later.available_at
    return Due(gathered.entries, gathered.messages, more, next_at)


@dataclass(slots=True)
class _Gathered:
    """Rows of the outbox, how many were looked at, and their messages with the length of all."""

    entries: dict[int, int | None] = field(default_factory=dict)
    messages: dict[tuple[str, int], list[bytes]] = field(default_factory=dict)
    count: int = 0
    size: int = 0


def _gather(rows: Iterable[DueRow], handed_over: Container[int], most: Most = one_each) -> _Gathered:
    """Make the messages of rows, until they are long enough."""
    found = _Gathered()
    seen: set[int] = set()
    waiting: dict[tuple[str, int], list[DueRow]] = {}
    for row in rows:
        found.count += 1
        if row.outbox_id in handed_over:
            continue
        found.entries[row.outbox_id] = None
        if row.status != TaskStatus.QUEUEING or row.deleted_at is not None or row.number in seen:
            continue
        seen.add(row.number)
        waiting.setdefault((row.queue, urgency(row)), []).append(row)
        found.entries[row.outbox_id] = row.number
        found.size += size_of(row)
        if found.size >= BATCH_BYTES:
            break
    for queue, those in waiting.items():
        found.messages[queue] = [encode(bundled([message_of(row) for row in one])) for one in in_bundles(those, most)]
    return found


def make_messages(write: Write) -> None:
    """Make the messages of the few tasks that a transaction hands over, so that nobody has to read them back."""
    if 0 < len(write.enqueued) <= FEW:
        with _OF_THESE.each(write.conn, FEW, now=write.now, numbers=write.enqueued) as rows:
            gathered = _gather(rows, ())
        if gathered.size <= FEW_BYTES:
            write.due = Due(gathered.entries, gathered.messages, more=False, next_at=None)


def urgency(row: TaskRow) -> int:
    """The priority that a task is handed over with: one that lost its worker has had its turn."""
    return PRIORITIES[0] if row.lost else int(row.priority)


def task_told(conn: Connection, number: int) -> DueRow | None:
    """One task with what its message is made of, whether or not it is in the outbox."""
    return _ONE.first(conn, b_number=number)


_ONE = HotQuery(
    DueRow, lambda _: sa.select(*_TOLD, tasks.c.owner, tasks.c.attempt).select_from(_with_what_it_names(tasks))
    .where(tasks.c.number == sa.bindparam("b_number")),
)


def message_of(row: DueRow) -> TaskMessage:
    """The message of a task."""
    code = row.code or ""
    by_name = row.kind == TaskKind.CALL and len(code) > INLINE_CODE_BYTES
    return TaskMessage(
        schema=SCHEMA, id=row.id, number=row.number, name=row.name, kind=cast("TaskKind", row.kind),
        code="" if by_name else code, source=row.source if by_name else None,
        # Passed on as it was stored: every digit of a number, and no time spent on it.
        arguments=msgspec.Raw((row.arguments or "{}").encode()),
        entry=row.entry, timeout_s=row.timeout_s, memory_limit_bytes=row.memory_limit, seed=row.seed,
        threads=row.threads, env=env_of(row.env), gpus=row.gpus,
        files=given_files(row.input_files), outputs=msgspec.json.decode(row.outputs) if row.outputs else [],
        project=row.project, project_commit=row.project_commit, julia=list(julias_of(row.julia)),
        displays=session_of(row.queue) is not None,
    )


def mark_published(write: Write, entries: Mapping[int, int | None]) -> None:
    """Take confirmed rows out of the outbox, and note of their tasks that the broker has them.

    Not of one whose row is gone: it was claimed meanwhile, and where it waits once more, that
    is for a row of its own.
    """
    marks: list[Columns] = [
        {"b_entry": entry, "b_number": number, "published_at": write.now}
        for entry, number in entries.items() if number is not None
    ]
    if marks:
        _MARK.execute(write.conn, marks)
    if entries:
        _TAKE_OUT.execute(write.conn, [{"b_entry": entry} for entry in entries])


_TAKE_OUT = HotStatement(lambda _: sa.delete(outbox).where(outbox.c.id == sa.bindparam("b_entry")))
_MARK = HotStatement(
    lambda _: sa.update(tasks)
    .where(
        tasks.c.number == sa.bindparam("b_number"), _WAITING,
        sa.exists().where(outbox.c.id == sa.bindparam("b_entry")),
    )
    .values(published_at=sa.bindparam("published_at"))
)


def waiting_queues(conn: Connection) -> list[str]:
    """The queues that have waiting tasks."""
    return sorted(conn.execute(sa.select(tasks.c.queue).distinct().where(_WAITING)).scalars())


def published_queues(conn: Connection, before: float) -> list[tuple[str, int]]:
    """Queues and priorities with tasks that wait since they were handed over before a time."""
    query = sa.select(tasks.c.queue, tasks.c.priority).distinct()
    query = query.where(_WAITING, tasks.c.published_at < before)
    return [(row.queue, row.priority) for row in conn.execute(query)]


def publish_again(
    write: Write, queue: str, priority: int | None = None, before: float | None = None,
    limit: int | None = None,
) -> int:
    """Hand waiting tasks over once more: the broker no longer has them.

    Parameters
    ----------
    queue : str
        Their queue.
    priority : int, optional
        Their priority; all of them where it is None.
    before : float, optional
        Only those handed over before this time.
    limit : int, optional
        No more than this many, the oldest first.

    Returns
    -------
    int
        How many went into the outbox.
    """
    # A row that is not due yet (a retry's that was overtaken) would let the task wait for nothing.
    on_its_way = sa.select(outbox.c.task).where(outbox.c.available_at <= write.now)
    query = sa.select(tasks.c.number).where(
        _WAITING, tasks.c.queue == queue, tasks.c.published_at.isnot(None), tasks.c.number.notin_(on_its_way)
    )
    if priority is not None:
        query = query.where(tasks.c.priority == priority)
    if before is not None:
        query = query.where(tasks.c.published_at < before)
    numbers: Sequence[int] = write.conn.execute(query.order_by(tasks.c.number).limit(limit)).scalars().all()
    for chunk in chunks(numbers):
        enqueue(write, chunk)
    return len(numbers)
