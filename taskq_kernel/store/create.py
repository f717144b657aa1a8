"""Submitting tasks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import Connection

from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import InvalidTask
from taskq_kernel.store.database import Write
from taskq_kernel.store.ids import chunks
from taskq_kernel.store.moves import Move, enqueue, record
from taskq_kernel.store.new_tasks import NewTask
from taskq_kernel.store.records import select_tasks
from taskq_kernel.store.tables import Cause, sources, tasks


def create_tasks(
    write: Write, new: Sequence[NewTask], owner: str, wants: frozenset[str]
) -> tuple[list[Any], int]:
    """Store new tasks and put them into the outbox.

    A task whose id is already there is not stored again, so a client may repeat a request
    whose answer it did not get.

    Parameters
    ----------
    new : sequence of NewTask
        Checked tasks; all of them are stored, or none.
    owner : str
        Whose they are.
    wants : frozenset of str
        The GraphQL fields to be read back.

    Returns
    -------
    tuple
        The tasks in the order given, and how many of them are new.

    Raises
    ------
    InvalidTask
        If an id belongs to another owner's task, or to a deleted one.
    """
    given = [task.id for task in new if task.id]
    known = _known(write.conn, given, owner) if given else {}
    numbers: list[int] = []
    rows: list[dict[str, Any]] = []
    for task in new:
        number = known.get(task.id) if task.id else None
        if number is None:
            number = write.next_number()
            rows.append(_row(write, task, number, owner))
            if task.id:
                known[task.id] = number
        numbers.append(number)
    if rows:
        stored = {row["source"] for row in rows}
        _store_sources(write.conn, {task.source: task.code for task in new if task.source in stored})
        write.conn.execute(sa.insert(tasks), rows)
        made = [Move(row["number"], 0, None, f"submitted by {owner}") for row in rows]
        record(write, TaskStatus.QUEUEING, Cause.SUBMITTED, made)
        enqueue(write, [row["number"] for row in rows])
    found = {row.number: row for row in _stored(write.conn, numbers, wants)}
    return [found[number] for number in numbers], len(rows)


def insert_new(conn: Connection, table: sa.Table) -> Any:
    """An INSERT that leaves rows alone whose key is already there."""
    insert = sqlite_insert if conn.dialect.name == "sqlite" else postgresql_insert
    return insert(table).on_conflict_do_nothing()


def _known(conn: Connection, ids: Sequence[str], owner: str) -> dict[str, int]:
    known = {}
    for chunk in chunks(ids):
        query = sa.select(tasks.c.id, tasks.c.number, tasks.c.owner, tasks.c.deleted_at)
        for row in conn.execute(query.where(tasks.c.id.in_(chunk))).all():
            if row.owner != owner:
                # Not whose it is, nor what: whoever asks need not be allowed to see it.
                raise InvalidTask(f"the id {row.id} cannot be had for a new task: give another id")
            if row.deleted_at is not None:
                raise InvalidTask(f"the task {row.id} was deleted: give another id")
            known[row.id] = row.number
    return known


def _row(write: Write, task: NewTask, number: int, owner: str) -> dict[str, Any]:
    return {
        "number": number, "id": task.id or str(uuid4()), "version": write.next_version(),
        "status": TaskStatus.QUEUEING, "attempt": 0, "failures": 0, "lost": 0,
        "max_attempts": task.max_attempts, "kind": task.kind, "queue": task.queue,
        "priority": task.priority, "timeout_s": task.timeout_s, "memory_limit": task.memory_limit,
        "owner": owner, "batch": task.batch, "created_at": write.now, "available_at": write.now,
        "log_bytes": 0, "source": task.source, "entry": task.entry, "name": task.name,
        "arguments": task.arguments,
    }


def _store_sources(conn: Connection, codes: dict[str, str]) -> None:
    rows = [{"sha256": digest, "code": code} for digest, code in codes.items()]
    conn.execute(insert_new(conn, sources), rows)


def _stored(conn: Connection, numbers: Sequence[int], wants: frozenset[str]) -> Iterable[Any]:
    for chunk in chunks(numbers):
        yield from conn.execute(select_tasks(wants).where(tasks.c.number.in_(chunk))).all()
