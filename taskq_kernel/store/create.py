"""Submitting tasks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from operator import attrgetter
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import InvalidTask
from taskq_kernel.passed_values import passed_values
from taskq_kernel.seeds import draw_seed
from taskq_kernel.store.blob_refs import give_again, note_given
from taskq_kernel.store.cache import Asked, work_with
from taskq_kernel.store.database import Write
from taskq_kernel.store.definitions import definitions_of
from taskq_kernel.store.dependencies import MAX_NEEDS, tasks_among
from taskq_kernel.store.dialects import insert_new
from taskq_kernel.store.grants import grant
from taskq_kernel.store.hot import HotQuery, HotStatement, among
from taskq_kernel.store.ids import chunks, find
from taskq_kernel.store.projects import check_projects
from taskq_kernel.store.records import tasks_by_number
from taskq_kernel.store.rows import Columns, DefinitionRow, TaskRow
from taskq_kernel.store.sessions import check_cells
from taskq_kernel.store.sight import Sight
from taskq_kernel.store.submission import NewTask
from taskq_kernel.store.tables import Cause, sources, tasks
from taskq_kernel.store.transitions import Transition, answer_from_cache, enqueue, hold_back_new, record
from taskq_kernel.task_fields import TASK_FIELDS
from taskq_kernel.task_files import given_files


def create_tasks(
    write: Write, new: Sequence[NewTask], owner: str, wants: frozenset[str], visible_to: Sight | None = None,
    out_of_reach: Collection[str] | None = None,
) -> tuple[list[TaskRow], int]:
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
    visible_to : Sight, optional
        Which tasks these may need. Default: all.
    out_of_reach : collection of str, optional
        The ids of workers to which no message gets now: a lone task may be given to one of the others at once, see
        `grants`. Default: it is given to nobody.

    Returns
    -------
    tuple
        The tasks in the order given, and how many of them are new.

    Raises
    ------
    InvalidTask
        If an id belongs to another owner's task, or to a deleted one.
    NotFound
        If one calls a definition, or needs a task, that is not there.
    """
    existing = _existing(write.conn, [task.id for task in new], owner)
    check_cells(write.conn, new, owner, existing)
    called = definitions_of(write.conn, (task.definition for task in new if task.definition is not None))
    check_projects(write.conn, (task.project for task in new))
    numbers: list[int] = []
    fresh: list[int] = []
    rows: list[Columns] = []
    for task in new:
        number = existing.get(task.id) if task.id else None
        if number is None:
            number = write.next_number()
            fresh.append(number)
            rows.append(_row(write, task, number, owner, called.get(task.definition or "")))
            if task.id:
                existing[task.id] = number
        numbers.append(number)
    if rows:
        stored = {row["source"] for row in rows}
        given_codes = {task.source: task.code for task in new if task.source in stored}
        if given_codes:  # a definition's code is there
            _store_sources(write.conn, given_codes)
        _INSERT.execute(write.conn, rows)
        fresh_ones = set(fresh)
        made = [Transition(number, owner, 0, None, f"submitted by {owner}") for number in fresh]
        record(write, TaskStatus.QUEUEING, Cause.SUBMITTED, made)
        write.count(owner, TaskStatus.QUEUEING, len(rows))
        given = [(number, task) for number, task in zip(numbers, new, strict=True) if number in fresh_ones]
        note_given(write, ((number, ref) for number, task in given for ref in _given_to(task)))
        needs = _needs(write.conn, new, numbers, fresh_ones, visible_to)
        hold_back_new(write, needs)
        alone = [row for row in rows if row["number"] not in needs]
        answered = answer_from_cache(write, [_asked(row) for row in alone if row["cache_key"] is not None])
        due = [number for number in fresh if number not in needs and number not in answered]
        if out_of_reach is None or len(new) > 1 or not due or not grant(write, due[0], out_of_reach):
            enqueue(write, due)
    return tasks_by_number(write.conn, numbers, wants), len(rows)


#: What a submission says of a task, and what one that repeats another has from it.
_ALIKE = (
    "source", "recipe",
    *(one.stored_as[0] for one in TASK_FIELDS if one.given and not one.given.own and one.name != "code"),
)
_alike = attrgetter(*_ALIKE)
#: What it has of its own.
_OWN = (
    "number", "id", "version", "status", "attempt", "failures", "lost", "owner", "batch", "created_at",
    "available_at", "log_bytes", "repeats",
)
# The same seed; a new one where the first run, long ago, had none.
_SEED = sa.func.coalesce(tasks.c.seed, sa.bindparam("new_seed", type_=tasks.c.seed.type))
_ELSEWHERE = sa.case((sa.bindparam("new_elsewhere", type_=sa.Boolean()), tasks.c.worker))
# Within the database: arguments may be long, and nobody has to see them.
_REPEAT = sa.insert(tasks).from_select(
    [*_OWN, *_ALIKE, "seed", "cache_key", "avoid"],
    sa.select(
        *(sa.bindparam(f"new_{name}", type_=tasks.c[name].type) for name in _OWN), *(tasks.c[name] for name in _ALIKE),
        _SEED, tasks.c.cache_key, _ELSEWHERE,
    ).where(tasks.c.number == sa.bindparam("new_repeats", type_=tasks.c.repeats.type)),
)


def repeat_tasks(write: Write, numbers: Sequence[int], owner: str, *, elsewhere: bool = False) -> dict[int, int]:
    """Submit tasks once more that are there, each as a new task that names the one it repeats.

    Several are a batch of their own: in that of the first ones, every point would count twice.

    Parameters
    ----------
    numbers : sequence of int
        The tasks to be repeated; the caller has read them in this transaction.
    owner : str
        Who submits them now.
    elsewhere : bool
        Whether each is kept off the worker that ran it first; see `declined.kept_off`.

    Returns
    -------
    dict of int to int
        The number of the new task, by that of the repeated one.
    """
    if not numbers:
        return {}
    batch = str(uuid4()) if len(numbers) > 1 else None
    made = {number: write.next_number() for number in numbers}
    write.conn.execute(_REPEAT, [
        {
            "new_number": new, "new_id": str(uuid4()), "new_version": write.next_version(),
            "new_status": TaskStatus.QUEUEING, "new_attempt": 0, "new_failures": 0, "new_lost": 0,
            "new_owner": owner, "new_batch": batch, "new_created_at": write.now, "new_available_at": write.now,
            "new_log_bytes": 0, "new_repeats": number, "new_seed": draw_seed(),
            "new_elsewhere": elsewhere,
        }
        for number, new in made.items()
    ])
    record(write, TaskStatus.QUEUEING, Cause.SUBMITTED, [
        Transition(new, owner, 0, None, f"submitted by {owner}, to run {number} again") for number, new in made.items()
    ])
    give_again(write, made)
    write.count(owner, TaskStatus.QUEUEING, len(made))
    enqueue(write, made.values())
    return made


_INSERT = HotStatement(lambda _: sa.insert(tasks).inline())
_INSERT_SOURCES = HotStatement(lambda conn: insert_new(conn, sources))
_EXISTING = HotQuery(TaskRow, lambda conn: sa.select(
    tasks.c.id, tasks.c.number, tasks.c.owner, tasks.c.deleted_at
).where(among(conn, tasks.c.id, "ids")))


def _existing(conn: Connection, ids: Sequence[str | None], owner: str) -> dict[str, int]:
    existing = {}
    for chunk in chunks([given for given in ids if given is not None]):
        for row in _EXISTING.all(conn, ids=chunk):
            if row.owner != owner:
                # Not whose it is, nor what: whoever asks need not be allowed to see it.
                raise _id_refused(ids, row.id, "which cannot be had for a new task")
            if row.deleted_at is not None:
                raise _id_refused(ids, row.id, "a task that was deleted")
            existing[row.id] = row.number
    return existing


def _id_refused(ids: Sequence[str | None], task_id: str, why: str) -> InvalidTask:
    index = ids.index(task_id)
    return InvalidTask(f"is {task_id}, {why}: give another id", "id", index, place=f"inputs[{index}].id")


def _needs(
    conn: Connection, new: Sequence[NewTask], numbers: Sequence[int], fresh: set[int], visible_to: Sight | None
) -> dict[int, set[int]]:
    """What each of the new tasks needs, by numbers."""
    asked: dict[int, list[str]] = {}
    for task, number in zip(new, numbers, strict=True):
        if number in fresh and (ids := [*task.after, *tasks_among(task.arguments)]):
            if len(ids) > MAX_NEEDS:
                raise InvalidTask(f"names {len(ids)} tasks: one may need {MAX_NEEDS} at most", "after")
            asked[number] = ids
    every = list(dict.fromkeys(one for ids in asked.values() for one in ids))
    if not every:
        return {}
    found: dict[str, int] = {}
    for row in find(conn, every, [tasks.c.id, tasks.c.number], visible_to):
        found[row.id] = found[str(row.number)] = row.number
    for number, ids in asked.items():
        # What is submitted later, or is the task itself: so no circle can be written.
        if any(found[one] >= number for one in ids):
            raise InvalidTask("names a task that is not submitted before: give those that are there", "after")
    return {number: {found[one] for one in ids} for number, ids in asked.items()}


def _row(write: Write, task: NewTask, number: int, owner: str, definition: DefinitionRow | None) -> Columns:
    called: Columns = {}
    work = work_with(task, task.kind, task.source, task.entry, task.arguments)
    if definition is not None:
        called = {"source": definition.source, "entry": definition.entry, "name": task.name or definition.name}
        work = replace(work, source=definition.source, entry=definition.entry)
    seed = work.seed() if task.seed is None else task.seed
    keyed = task.cache and not tasks_among(task.arguments)  # else its arguments are not complete yet
    return {
        "number": number, "id": task.id or str(uuid4()), "version": write.next_version(),
        "status": TaskStatus.QUEUEING, "attempt": 0, "failures": 0, "lost": 0,
        "owner": owner, "batch": task.batch, "created_at": write.now, "available_at": write.now,
        "log_bytes": 0, "seed": seed, "cache_key": work.key(seed) if keyed else None,
        **dict(zip(_ALIKE, _alike(task), strict=True)), **called,
    }


def _given_to(task: NewTask) -> set[str]:
    """What is kept for the task: values among its arguments, and its files."""
    return {*passed_values(task.arguments), *(file.ref for file in given_files(task.input_files).values())}


def _asked(row: Columns) -> Asked:
    project = row["project"]
    return Asked(
        int(row["number"] or 0), str(row["owner"]), str(row["queue"]), str(row["cache_key"]),
        None if project is None else str(project),
    )


def _store_sources(conn: Connection, codes: dict[str, str]) -> None:
    _INSERT_SOURCES.execute(conn, [{"sha256": digest, "code": code} for digest, code in codes.items()])
