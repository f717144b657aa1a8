"""The cache: a task may have the value that an equal one has computed.

Two tasks are *equal* where they run the same code and call the same function with the same arguments
and the same seed; that is the *key* of a task that was submitted with ``cache=True``, and no other has
one. A value counts where it was computed in an environment that a worker of the task's queue has. A
task's owner gets values of own tasks only, so nobody sees what others have kept to themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.domain import TaskStatus
from taskq_kernel.needs import told_apart_by
from taskq_kernel.store.database import Write
from taskq_kernel.store.ids import chunks
from taskq_kernel.store.index_choice import without_index
from taskq_kernel.store.rows import AskedForRow, Columns, TaskRow, WorkerRow, rows_of
from taskq_kernel.store.submission import AskedFor
from taskq_kernel.store.tables import tasks, workers
from taskq_kernel.work import Work

#: How much of a manifest's SHA-256 tells manifests apart.
_DIGITS = 16


def environment_of(julia_version: str, manifest: str | None, project: str | None = None) -> str:
    """What a task runs in at a worker, as people read it: Julia's version, and its packages.

    These are those of its own project, or else of the manifest of the worker's where that has one.
    """
    if project is not None:
        return f"Julia {julia_version}, project {project[:_DIGITS]}"
    return f"Julia {julia_version}" + (f", manifest {manifest[:_DIGITS]}" if manifest else "")


def environments_of(conn: Connection, queue: str, project: str | None = None) -> set[str]:
    """What tasks of a queue run in, with a project or without; where no worker serves it, at the last one that did."""
    found = rows_of(WorkerRow, conn.execute(_FLEET))
    serving = [row for row in found if queue in msgspec.json.decode(row.queues)]
    present = [row for row in serving if row.state in ("ONLINE", "DRAINING")]
    return {environment_of(row.julia_version, row.manifest, project) for row in present or serving[:1]}


_FLEET = sa.select(
    workers.c.julia_version, workers.c.manifest, workers.c.queues, workers.c.state
).order_by(workers.c.seen_at.desc())


@dataclass(frozen=True, slots=True)
class Asked:
    """A task that waits, and that the cache is asked about."""

    number: int
    owner: str
    queue: str
    key: str
    project: str | None = None


def asked_of(write: Write, numbers: Iterable[int]) -> list[Asked]:
    """Those of some tasks that the cache is to be asked about; their arguments are complete now, and so are their keys.

    Parameters
    ----------
    numbers : iterable of int
        Tasks that were held back.
    """
    found: list[Asked] = []
    for chunk in chunks(list(numbers)):
        found += [
            Asked(row.number, row.owner, row.queue, work_of(row).key(row.seed), row.project)
            for row in rows_of(TaskRow, write.conn.execute(_WORK.where(tasks.c.number.in_(chunk))))
        ]
    if found:
        write.conn.execute(_KEY, [{"b_number": one.number, "key": one.key} for one in found])
    return found


def work_of(row: TaskRow) -> Work:
    """What a stored task computes."""
    return work_with(row, row.kind, row.source or "", row.entry, row.arguments or "{}")


def work_with(asked: AskedFor | AskedForRow, kind: str, source: str, entry: str | None, arguments: str) -> Work:
    """What code computes with what its task asks for."""
    needs = told_apart_by(asked.threads, asked.env, asked.gpus)
    return Work(kind, source, entry, arguments, needs, asked.input_files, asked.outputs)


_WORK = sa.select(
    tasks.c.number, tasks.c.owner, tasks.c.queue, tasks.c.kind, tasks.c.source, tasks.c.entry, tasks.c.arguments,
    tasks.c.seed, tasks.c.threads, tasks.c.env, tasks.c.gpus, tasks.c.input_files, tasks.c.outputs,
    tasks.c.project,
).where(tasks.c.cache.is_(True))
_KEY = sa.update(tasks).where(tasks.c.number == sa.bindparam("b_number")).values(cache_key=sa.bindparam("key"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a task can have without running: the columns of its value, and the number of the task that has them."""

    origin: int
    columns: Columns


def find_answers(conn: Connection, asked: Sequence[Asked]) -> dict[int, Answer]:
    """What tasks can have without running, by their numbers."""
    groups: dict[tuple[str, str, str | None], list[Asked]] = {}
    for one in asked:
        groups.setdefault((one.owner, one.queue, one.project), []).append(one)
    chosen: dict[int, int] = {}
    for (owner, queue, project), those in groups.items():
        computed = _computed(conn, owner, environments_of(conn, queue, project), {one.key for one in those})
        chosen.update({one.number: computed[one.key] for one in those if one.key in computed})
    values = _values(conn, set(chosen.values()))
    return {number: Answer(origin, values[origin]) for number, origin in chosen.items()}


def usable(owner: str, environments: Iterable[str]) -> sa.ColumnElement[bool]:
    """The condition for a task whose value can stand for another run."""
    return sa.and_(
        tasks.c.owner == owner, tasks.c.status == TaskStatus.FINISHED, tasks.c.deleted_at.is_(None),
        tasks.c.value_kind.isnot(None), tasks.c.environment.in_(sorted(environments)),
    )


def _computed(conn: Connection, owner: str, environments: set[str], keys: set[str]) -> dict[str, int]:
    """The latest task of each key that has a value."""
    found: dict[str, int] = {}
    for chunk in chunks(sorted(keys)):
        query = sa.select(tasks.c.cache_key, sa.func.max(tasks.c.number).label("latest")).where(
            tasks.c.cache_key.in_(chunk), without_index(conn, usable(owner, environments))
        )
        found |= {row.cache_key: row.latest for row in conn.execute(query.group_by(tasks.c.cache_key))}
    return found


_VALUE = (
    "value_kind", "value_type", "value_text", "value_note", "value_ref", "value_size", "value_json", "environment",
    "manifest_sha256",
    "surroundings", "peak_memory",
)


def _values(conn: Connection, numbers: set[int]) -> dict[int, Columns]:
    """What of tasks goes to those that are equal. A blob is kept as long as one of them names it."""
    found: dict[int, Columns] = {}
    for chunk in chunks(sorted(numbers)):
        query = sa.select(tasks.c.number, tasks.c.cached_from, *(tasks.c[name] for name in _VALUE))
        for row in conn.execute(query.where(tasks.c.number.in_(chunk))):
            values: dict[str, Any] = {name: getattr(row, name) for name in _VALUE}
            found[row.number] = values | {"cached_from": row.cached_from or row.number}
    return found
