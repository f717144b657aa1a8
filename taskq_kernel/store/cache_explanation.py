"""Why a task would have its value from the cache, or what tells it from the nearest one that could have given it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel import exact_json
from taskq_kernel.domain import FINAL, TaskStatus
from taskq_kernel.errors import listed
from taskq_kernel.store.cache import Asked, environments_of, find_answers, work_of, work_with
from taskq_kernel.store.definitions import get_definition
from taskq_kernel.store.rows import DefinitionRow, TaskRow, rows_of
from taskq_kernel.store.submission import NewTask
from taskq_kernel.store.tables import definitions, tasks
from taskq_kernel.work import Work

#: How many tasks are looked at for the nearest, the latest first; and of how many earlier definitions.
LOOKED_AT = 100
EARLIER = 10
#: Characters of a value that are shown.
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the cache says of a task.

    Attributes
    ----------
    hit : int or None
        The number of the task that has computed its value.
    nearest : int or None
        Where there is none, the one that differs least.
    reasons : sequence of str
        What stands in the way.
    """

    hit: int | None = None
    nearest: int | None = None
    reasons: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The task that is asked about."""

    work: Work
    seed: int
    owner: str
    queue: str
    name: str
    environments: set[str]
    definition: DefinitionRow | None


def explain_cache(conn: Connection, new: NewTask, owner: str) -> Explanation:
    """What the cache says of a task that this owner would submit.

    Raises
    ------
    NotFound
        If it calls a definition that is not there.
    """
    wanted = _wanted(conn, new, owner)
    key = wanted.work.key(wanted.seed)
    answers = find_answers(conn, [Asked(0, owner, new.queue, key, new.project)])
    if answers:
        return Explanation(hit=int(answers[0].columns["cached_from"] or 0))
    equal = conn.execute(_TASK.where(tasks.c.cache_key == key, tasks.c.owner == owner).limit(LOOKED_AT)).all()
    if equal:
        return _why_no_value(wanted, equal)
    if not wanted.environments:
        reason = f"no worker has ever served the queue {new.queue}: what it would run in is not known"
        return Explanation(reasons=[reason])
    return _nearest(conn, wanted)


def _wanted(conn: Connection, new: NewTask, owner: str) -> _Wanted:
    definition = None if new.definition is None else get_definition(conn, new.definition)
    source, entry = (definition.source, definition.entry) if definition else (new.source, new.entry)
    work = work_with(new, new.kind, source, entry, new.arguments)
    seed = work.seed() if new.seed is None else new.seed
    environments = environments_of(conn, new.queue, new.project)
    return _Wanted(work, seed, owner, new.queue, new.name, environments, definition)


_TASK = sa.select(
    tasks.c.number, tasks.c.owner, tasks.c.queue, tasks.c.name, tasks.c.status, tasks.c.kind, tasks.c.source,
    tasks.c.entry, tasks.c.arguments, tasks.c.seed, tasks.c.definition, tasks.c.environment, tasks.c.deleted_at,
    tasks.c.created_at, tasks.c.cache, tasks.c.threads, tasks.c.env, tasks.c.gpus, tasks.c.input_files,
    tasks.c.outputs,
).order_by(tasks.c.number.desc())


def _why_no_value(wanted: _Wanted, equal: Sequence[Any]) -> Explanation:
    """Why none of the tasks that are equal gives its value: the one that is closest to it."""
    def rank(row: Any) -> int:
        finished = row.status == TaskStatus.FINISHED
        return 3 if row.status not in FINAL else 2 if finished and row.deleted_at is None else 1 if finished else 0

    row = max(equal, key=lambda row: (rank(row), row.number))
    if row.deleted_at is not None:
        reason = f"task {row.number}, which computed it, was deleted on {_day(row.deleted_at)}, and its value with it"
    elif row.status not in FINAL:
        reason = f"task {row.number}, which is equal, is {row.status}: its value is not there yet"
    elif row.status != TaskStatus.FINISHED:
        reason = f"task {row.number}, which is equal, is {row.status}: it has no value"
    else:
        reason = _environment(wanted, row) or f"the value of task {row.number} is gone"
    return Explanation(nearest=row.number, reasons=[reason])


def _environment(wanted: _Wanted, row: Any) -> str:
    if row.environment in wanted.environments:
        return ""
    now = listed(sorted(wanted.environments)) or "no worker"
    return f"environment: {row.environment} there, and the queue {wanted.queue} is served by {now}"


def _nearest(conn: Connection, wanted: _Wanted) -> Explanation:
    found = [row for row in _alike(conn, wanted) if row.source is not None]
    cached = [row for row in found if row.cache]
    if not cached:
        if found and found[0].source == wanted.work.source:
            return Explanation(nearest=found[0].number, reasons=[
                f"task {found[0].number} ran the same code without cache=True: its value is not offered to others"
            ])
        return Explanation(reasons=["no task of the same code or name was submitted with cache=True"])
    known: dict[str, DefinitionRow] = {}
    compared = [(row, _differences(conn, wanted, row, known)) for row in cached]
    row, reasons = min(compared, key=lambda pair: (len(pair[1]), -pair[0].number))
    return Explanation(nearest=row.number, reasons=reasons)


def _alike(conn: Connection, wanted: _Wanted) -> list[TaskRow]:
    """Tasks that have anything to do with it: of the same code first, then of earlier code of the same name."""
    own = sa.and_(tasks.c.owner == wanted.owner, tasks.c.deleted_at.is_(None))
    found = rows_of(TaskRow, conn.execute(_TASK.where(own, tasks.c.source == wanted.work.source).limit(LOOKED_AT)))
    if wanted.definition is None:
        named = tasks.c.name == wanted.name
    else:
        named = tasks.c.source.in_(_earlier(conn, wanted.definition))
    other = tasks.c.source != wanted.work.source
    return found + rows_of(TaskRow, conn.execute(_TASK.where(own, named, other).limit(LOOKED_AT)))


def _earlier(conn: Connection, definition: DefinitionRow) -> Sequence[str]:
    """The code of other definitions of the same name, the latest ones."""
    query = sa.select(definitions.c.source).where(
        definitions.c.name == definition.name, definitions.c.id != definition.id
    )
    return conn.execute(query.order_by(definitions.c.created_at.desc()).limit(EARLIER)).scalars().all()


def _differences(conn: Connection, wanted: _Wanted, row: TaskRow, known: dict[str, DefinitionRow]) -> list[str]:
    """What tells a task from the one that is asked about, in words; ``known`` keeps definitions that were read."""
    found: list[str] = []
    there = work_of(row)
    if (there.source, there.entry, there.kind) != (wanted.work.source, wanted.work.entry, wanted.work.kind):
        found.append(_code(conn, wanted, row, known))
    found += _arguments(exact_json.decode_kept(wanted.work.arguments), exact_json.decode_kept(there.arguments))
    if there.needs != wanted.work.needs:
        found.append(f"threads, env or gpus: {there.needs or 'none'} there, {wanted.work.needs or 'none'} here")
    if there.input_files != wanted.work.input_files:
        found.append("its input files are others")
    if there.outputs != wanted.work.outputs:
        found.append("its outputs, the files that are kept, are others")
    derived = wanted.seed == wanted.work.seed() and row.seed == there.seed()  # they follow from the rest
    if row.seed != wanted.seed and not derived:
        found.append(f"seed: {row.seed} there, {wanted.seed} here")
    if row.status != TaskStatus.FINISHED:
        found.append(f"it is {row.status}")
    elif environment := _environment(wanted, row):
        found.append(environment)
    return found


def _code(conn: Connection, wanted: _Wanted, row: TaskRow, known: dict[str, DefinitionRow]) -> str:
    if wanted.definition is None or row.definition is None:
        return "its code is another"
    if row.definition not in known:
        known[row.definition] = get_definition(conn, row.definition)
    before = known[row.definition]
    changed = "its entry is another" if before.source == wanted.definition.source else "its code has changed"
    return (
        f"the definition {before.name} was {before.id[:8]}, registered on {_day(before.created_at)}, and is "
        f"{wanted.definition.id[:8]} now: {changed}"
    )


def _arguments(here: dict[str, Any], there: dict[str, Any]) -> Iterable[str]:
    for name in sorted(here.keys() | there.keys()):
        if name not in there:
            yield f"argument {name}: not given there, {_shown(here[name])} here"
        elif name not in here:
            yield f"argument {name}: {_shown(there[name])} there, not given here"
        elif (before := exact_json.encode(there[name])) != (now := exact_json.encode(here[name])):
            same = _shown(there[name]) == _shown(here[name])
            yield f"argument {name}: " + (
                f"{len(before):,} and {len(now):,} bytes that differ" if same
                else f"{_shown(there[name])} there, {_shown(here[name])} here"
            )


def _shown(value: Any) -> str:
    text = exact_json.encode(value).decode("utf-8", "replace")
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
