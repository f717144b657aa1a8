"""Which uploaded values are in use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.store.database import Write
from taskq_kernel.store.dialects import insert_new
from taskq_kernel.store.ids import chunks
from taskq_kernel.store.projects import named_by_projects
from taskq_kernel.store.records import RUNNING_NOW
from taskq_kernel.store.sight import Sight
from taskq_kernel.store.tables import batches, given_values, project_files, projects, task_files, tasks
from taskq_kernel.task_files import given_files


def referenced(conn: Connection, refs: Sequence[str]) -> set[str]:
    """Those of ``refs`` that are the value of a task, a file of one, or given to one, or to the points of a batch, or
    part of a project.
    """
    columns = (tasks.c.value_ref, given_values.c.ref, task_files.c.ref)
    named = {ref for column in columns for ref in conn.execute(sa.select(column).where(column.in_(refs))).scalars()}
    named |= {ref for query in named_by_projects(list(refs)) for ref in conn.execute(query).scalars()}
    return named | (set(refs) & _given_to_batches(conn))


def _given_to_batches(conn: Connection) -> set[str]:
    """The files of batches, whose tasks may not have been made yet."""
    query = sa.select(batches.c.input_files).distinct().where(batches.c.input_files.isnot(None))
    return {file.ref for text in conn.execute(query).scalars() for file in given_files(text).values()}


def note_given(write: Write, given: Iterable[tuple[int, str]]) -> None:
    """Note values that are given to tasks, each a task's number and the value's SHA-256."""
    rows = [{"task": task, "ref": ref} for task, ref in given]
    if rows:
        write.conn.execute(insert_new(write.conn, given_values), rows)


def give_again(write: Write, made: Mapping[int, int]) -> None:
    """Note for new tasks that they are given what those were that they repeat, by the number of each."""
    found: list[tuple[int, str]] = []
    for chunk in chunks(list(made)):
        rows = write.conn.execute(sa.select(given_values).where(given_values.c.task.in_(chunk)))
        found += [(made[task], ref) for task, ref in rows]
    note_given(write, found)


def forget_given(write: Write, numbers: Sequence[int]) -> None:
    """Drop what was noted of tasks that are gone."""
    write.conn.execute(sa.delete(given_values).where(given_values.c.task.in_(numbers)))


def has_value(conn: Connection, sight: Sight, ref: str) -> bool:
    """Whether ``ref`` is the value of a task that somebody may see, or a file of one."""
    mine = sa.select(tasks.c.number).where(tasks.c.value_ref == ref, sight.of(tasks)).limit(1)
    kept = (
        sa.select(tasks.c.number).join(task_files, task_files.c.task == tasks.c.number)
        .where(task_files.c.ref == ref, sight.of(tasks)).limit(1)
    )
    return any(conn.execute(query).first() is not None for query in (mine, kept))


def not_of(conn: Connection, owner: str, refs: Sequence[str]) -> set[str]:
    """Those of ``refs`` that are neither a value nor a file of a task of this owner, nor given to one or sent as its
    project.
    """
    its: set[str] = set()
    for chunk in chunks(refs):
        for table, column in ((task_files, task_files.c.ref), (given_values, given_values.c.ref)):
            query = sa.select(column).join(tasks, tasks.c.number == table.c.task)
            its |= set(conn.execute(query.where(column.in_(chunk), tasks.c.owner == owner)).scalars())
        values = sa.select(tasks.c.value_ref).where(tasks.c.value_ref.in_(chunk), tasks.c.owner == owner)
        sent = sa.select(project_files.c.ref).join(projects, projects.c.id == project_files.c.project)
        sent = sent.where(project_files.c.ref.in_(chunk), projects.c.owner == owner)
        for query in (values, sent):
            its |= set(conn.execute(query).scalars())
    return set(refs) - its


def oldest_running_start(conn: Connection) -> float | None:
    """When the oldest running task started.

    A value that was uploaded later may be its value: its outcome can wait in the broker
    for as long as the sink is away.
    """
    query = sa.select(sa.func.min(tasks.c.started_at)).where(RUNNING_NOW)
    started: float | None = conn.execute(query).scalar_one()
    return started
