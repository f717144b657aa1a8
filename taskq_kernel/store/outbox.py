"""The outbox: tasks on their way to the broker.

A task is put here in the transaction that makes it wait, and taken out after the broker
has confirmed its message, or by its claim. A crash in between hands it over twice, which
claims make harmless; it is never handed over zero times.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.domain import PRIORITIES, TaskKind, TaskStatus
from taskq_kernel.messages import INLINE_CODE_BYTES, SCHEMA, TaskMessage, encode
from taskq_kernel.needs import env_of
from taskq_kernel.store.database import Write
from taskq_kernel.store.hot import HotStatement
from taskq_kernel.store.ids import chunks
from taskq_kernel.store.rows import Columns, DueRow, TaskRow, each_of
from taskq_kernel.store.tables import outbox, sources, tasks
from taskq_kernel.store.transitions import enqueue
from taskq_kernel.task_files import given_files

#: How many tasks are handed over at once, and how many bytes of messages at most.
BATCH = 500
BATCH_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be handed over now.

    Attributes
    ----------
    entries : dict of int to (int or None)
        The outbox's rows that this answers, each with the task that a message is about; None for
        those of tasks that no longer wait.
    messages : dict
        The encoded messages, by queue and priority.
    more : bool
        Whether more is due.
    next_at : float or None
        When the next row becomes due, where nothing more is.
    """

    entries: dict[int, int | None]
    messages: dict[tuple[str, int], list[bytes]]
    more: bool
    next_at: float | None

    @property
    def numbers(self) -> list[int]:
        """The tasks that the messages are about."""
        return [number for number in self.entries.values() if number is not None]


_WAITING = sa.and_(tasks.c.status == TaskStatus.QUEUEING, tasks.c.deleted_at.is_(None))
_DUE = (
    sa.select(
        outbox.c.id.label("outbox_id"), tasks.c.number, tasks.c.id, tasks.c.name, tasks.c.kind, tasks.c.entry,
        tasks.c.queue, tasks.c.priority, tasks.c.timeout_s, tasks.c.memory_limit, tasks.c.status,
        tasks.c.deleted_at, tasks.c.lost, tasks.c.arguments, tasks.c.seed, tasks.c.source, sources.c.code,
        tasks.c.threads, tasks.c.env, tasks.c.gpus,
        tasks.c.input_files, tasks.c.outputs, tasks.c.project, tasks.c.project_commit,
    )
    .select_from(
        outbox.join(tasks, tasks.c.number == outbox.c.task)
        .outerjoin(sources, sources.c.sha256 == tasks.c.source)
    )
    .where(outbox.c.available_at <= sa.bindparam("now"))
    .order_by(outbox.c.id)
    .limit(BATCH)
)


_LATER = sa.select(sa.func.min(outbox.c.available_at)).where(outbox.c.available_at > sa.bindparam("now"))


def read_due(conn: Connection, now: float, handed_over: Container[int] = ()) -> Due:
    """Read what is due, oldest first, and make the messages; not of rows that are handed over already."""
    entries: dict[int, int | None] = {}
    messages: dict[tuple[str, int], list[bytes]] = {}
    count = size = 0
    seen: set[int] = set()
    # A few at a time: all that are due may be many times as large as a batch.
    with conn.execute(_DUE, {"now": now}, execution_options={"yield_per": 20}) as rows:
        for row in each_of(DueRow, rows):
            count += 1
            if row.outbox_id in handed_over:
                continue
            entries[row.outbox_id] = None
            if row.status != TaskStatus.QUEUEING or row.deleted_at is not None or row.number in seen:
                continue
            seen.add(row.number)
            body = encode(_message(row))
            messages.setdefault((row.queue, urgency(row)), []).append(body)
            entries[row.outbox_id] = row.number
            size += len(body)
            if size >= BATCH_BYTES:
                break
    more = count == BATCH or size >= BATCH_BYTES
    next_at = None
    if not more:
        next_at = conn.execute(_LATER, {"now": now}).scalar_one()
    return Due(entries, messages, more, next_at)


def urgency(row: TaskRow) -> int:
    """The priority that a task is handed over with: one that lost its worker has had its turn."""
    return PRIORITIES[0] if row.lost else int(row.priority)


def _message(row: DueRow) -> TaskMessage:
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
        project=row.project, project_commit=row.project_commit,
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
