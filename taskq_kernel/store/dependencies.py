"""Tasks that wait for others: what each needs, how much of that is not done, and what it gets of it.

A task that needs others is *held back*: it waits, and is not in the outbox. Each task that it needs
and that finishes is counted off, once, because FINISHED is left by no transition; with the last one
the values take the places of the tasks among its arguments, and it goes on its way. Nothing can need
what is submitted later, so nothing can wait for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel import exact_json
from taskq_kernel.domain import FINAL, TaskStatus, ValueKind
from taskq_kernel.errors import InvalidJSON
from taskq_kernel.passed_values import KINDS, MAX_PASSED_BYTES, PassedValue
from taskq_kernel.store.blob_refs import note_given
from taskq_kernel.store.database import Write
from taskq_kernel.store.hot import HotQuery, among
from taskq_kernel.store.ids import chunks
from taskq_kernel.store.index_choice import without_index
from taskq_kernel.store.rows import HangingRow, NumberRow, TaskRow, one_or_none, rows_of
from taskq_kernel.store.tables import dependencies, held_back, tasks
from taskq_kernel.typed_values import typed_columns, with_type

#: Stands among arguments for the value of a task: ``{"$task": "<uuid>"}``.
TAG = "$task"
#: How many tasks one may need.
MAX_NEEDS = 20_000
#: The longest arguments once values have taken their places: what a message carries, with room to spare.
MAX_RESOLVED_BYTES = 12 << 20

#: What the error of a task is called that failed because of another, and one that cannot be passed on.
DEPENDENCY_FAILED = "DependencyFailed"


def tasks_among(arguments: str) -> set[str]:
    """The ids of the tasks that stand among arguments for their values."""
    if f'"{TAG}"' not in arguments:
        return set()
    return {found for found in _tags(msgspec.json.decode(arguments)) if isinstance(found, str)}


def _tags(data: Any) -> Iterator[Any]:
    stack = [data]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            if one.keys() == {TAG}:
                yield one[TAG]
            else:
                stack.extend(one.values())
        elif isinstance(one, list):
            stack.extend(one)


def hold_back(write: Write, needs: dict[int, set[int]]) -> None:
    """Hold new tasks back until what they need is finished.

    Parameters
    ----------
    needs : dict of int to set of int
        For each task the tasks that it needs, none of them empty.
    """
    rows = [{"task": task, "needs": other} for task, others in needs.items() for other in sorted(others)]
    if not rows:
        return
    write.conn.execute(sa.insert(dependencies), rows)
    done = _finished(write.conn, {other for others in needs.values() for other in others})
    write.conn.execute(sa.insert(held_back), [
        {"task": task, "unmet": len(others - done)} for task, others in needs.items()
    ])


def _finished(conn: Connection, numbers: Iterable[int]) -> set[int]:
    found: set[int] = set()
    for chunk in chunks(sorted(numbers)):
        query = sa.select(tasks.c.number).where(tasks.c.number.in_(chunk), tasks.c.status == TaskStatus.FINISHED)
        found.update(conn.execute(query).scalars())
    return found


def those_held_back(conn: Connection, numbers: Iterable[int]) -> set[int]:
    """Which of these tasks are held back."""
    found: set[int] = set()
    for chunk in chunks(list(numbers)):
        found.update(row.task for row in _HELD_BACK.all(conn, of=chunk))
    return found


# Both are asked for every task.
_HELD_BACK = HotQuery(
    NumberRow, lambda conn: sa.select(held_back.c.task).where(among(conn, held_back.c.task, "of"))
)
_WHO_NEED = HotQuery(
    NumberRow,
    lambda conn: sa.select(dependencies.c.task, sa.func.count().label("times"))
    .where(among(conn, dependencies.c.needs, "of"))
    .group_by(dependencies.c.task),
)


def count_off(write: Write, finished: Sequence[int]) -> set[int]:
    """Count tasks off that have finished; those that needed nothing else."""
    fewer: dict[int, int] = {}
    for chunk in chunks(finished):
        for row in _WHO_NEED.all(write.conn, of=chunk):
            fewer[row.task] = fewer.get(row.task, 0) + row.times
    if fewer:
        write.conn.execute(_COUNT_OFF, [{"b_task": task, "count": count} for task, count in fewer.items()])
    return ready(write.conn, fewer)


_COUNT_OFF = (
    sa.update(held_back).where(held_back.c.task == sa.bindparam("b_task"))
    .values(unmet=held_back.c.unmet - sa.bindparam("count"))
)


def ready(conn: Connection, numbers: Iterable[int]) -> set[int]:
    """Which of these tasks are held back by nothing any longer."""
    found: set[int] = set()
    for chunk in chunks(list(numbers)):
        found.update(row.task for row in _READY.all(conn, of=chunk))
    return found


_READY = HotQuery(
    NumberRow,
    lambda conn: sa.select(held_back.c.task).where(among(conn, held_back.c.task, "of"), held_back.c.unmet <= 0),
)


@dataclass(frozen=True, slots=True)
class Dependent:
    """A task that is held back, or was.

    Attributes
    ----------
    row : TaskRow
        Its number, owner, attempt, status, arguments and cache.
    problem : str
        Why it cannot run; empty where it can.
    """

    row: TaskRow
    problem: str = ""


def let_go(write: Write, numbers: Iterable[int]) -> list[Dependent]:
    """Let values take their places in tasks that need nothing any longer; those with a problem stay held back."""
    rows = _by_number(write.conn, _DEPENDENT.add_columns(tasks.c.arguments, tasks.c.cache), numbers)
    found = [Dependent(row, _resolve(write, row)) for row in rows]
    free = [one.row.number for one in found if not one.problem]
    for chunk in chunks(free):
        write.conn.execute(sa.delete(held_back).where(held_back.c.task.in_(chunk)))
    return found


def rows_by_number(conn: Connection, numbers: Iterable[int]) -> list[TaskRow]:
    """As much of tasks as their transitions need."""
    return _by_number(conn, _DEPENDENT, numbers)


def _by_number(conn: Connection, query: sa.Select[Any], numbers: Iterable[int]) -> list[TaskRow]:
    found: list[TaskRow] = []
    for chunk in chunks(sorted(numbers)):
        found += rows_of(TaskRow, conn.execute(query.where(tasks.c.number.in_(chunk))))
    return found


_DEPENDENT = sa.select(tasks.c.number, tasks.c.owner, tasks.c.attempt, tasks.c.status)


def _resolve(write: Write, row: TaskRow) -> str:
    """Put the values into a task's arguments; why that cannot be, or nothing."""
    arguments = row.arguments or "{}"
    wanted = tasks_among(arguments)
    if not wanted:
        return ""
    values: dict[str, msgspec.Raw] = {}
    fetched: dict[str, int] = {}
    for chunk in chunks(sorted(wanted)):
        for task in rows_of(TaskRow, write.conn.execute(_VALUE.where(tasks.c.id.in_(chunk)))):
            problem = _why_no_value(task)
            if problem:
                return problem
            values[task.id] = msgspec.Raw(_as_argument(task).encode())
            if task.value_ref is not None:
                fetched[task.value_ref] = task.value_size or 0
    if (size := sum(fetched.values())) > MAX_PASSED_BYTES:
        return f"the values that it needs have {size} bytes: at most {MAX_PASSED_BYTES} are passed to one task"
    if len(values) < len(wanted):
        return "a task that it needs is gone"
    text = exact_json.encode(_replaced(exact_json.decode(arguments), values))
    if len(text) > MAX_RESOLVED_BYTES:
        return f"with the values that it needs, its arguments have {len(text)} bytes: at most {MAX_RESOLVED_BYTES}"
    write.conn.execute(sa.update(tasks).where(tasks.c.number == row.number).values(arguments=text.decode()))
    note_given(write, ((row.number, ref) for ref in fetched))
    return ""


_VALUE = sa.select(
    tasks.c.number, tasks.c.id, tasks.c.name, tasks.c.deleted_at, tasks.c.value_kind, tasks.c.value_type,
    tasks.c.value_ref, tasks.c.value_size, tasks.c.value_json,
)


def _why_no_value(task: TaskRow) -> str:
    who = f"task {task.number} ({task.name})"
    if task.deleted_at is not None:
        return f"task {task.number} was deleted, and its value with it"
    if task.value_kind not in KINDS or (task.value_ref is None and task.value_json is None):
        return f"the value of {who} is a {task.value_type}, which no argument can be: return numbers, strings, tables"
    return ""


def _as_argument(task: TaskRow) -> str:
    """A value as an argument: the same JSON, with its type where that tells more; a large one is named."""
    if task.value_ref is not None:
        kind = ValueKind(task.value_kind or ValueKind.JSON)
        passed = PassedValue(task.value_ref, kind, task.value_size or 0, task.value_type or "")
        return msgspec.json.encode(passed.as_argument()).decode()
    text = task.value_json or "null"
    if task.value_kind != ValueKind.TABLE:
        return with_type(text, task.value_type or "")
    try:
        table = exact_json.decode_kept(text)
        return exact_json.encode(typed_columns(table["columns"], table.get("types") or {})).decode()
    except (InvalidJSON, LookupError, TypeError, AttributeError):
        return text


def _replaced(data: Any, values: dict[str, msgspec.Raw]) -> Any:
    if isinstance(data, list):
        return [_replaced(one, values) for one in data]
    if not isinstance(data, dict):
        return data
    if data.keys() == {TAG} and isinstance(data[TAG], str):
        return values[data[TAG]]
    return {key: _replaced(one, values) for key, one in data.items()}


# -- what hangs on tasks that fail, and on those that are tried again ------------------------


def waiting_for(conn: Connection, numbers: Sequence[int]) -> list[tuple[TaskRow, int]]:
    """The tasks that wait for one of these, or for one that does, and so on; each with that one of these."""
    return _hanging(conn, numbers, _WAITS)


def failed_for(conn: Connection, numbers: Sequence[int]) -> list[tuple[TaskRow, int]]:
    """Likewise, those that failed because of what they need."""
    return _hanging(conn, numbers, _FAILED_FOR_ANOTHER)


_WAITS = tasks.c.status == TaskStatus.QUEUEING
_FAILED_FOR_ANOTHER = sa.and_(tasks.c.status == TaskStatus.FAILED, tasks.c.error_name == DEPENDENCY_FAILED)


def _hanging(conn: Connection, numbers: Sequence[int], those: sa.ColumnElement[bool]) -> list[tuple[TaskRow, int]]:
    """One question, however long the chains are; none where nothing hangs on them, as is so of most tasks."""
    found: dict[int, tuple[TaskRow, int]] = {}
    for chunk in chunks(numbers):
        if _NEEDED.first(conn, of=chunk) is None:
            continue
        # By their numbers: through an index SQLite would begin with all that waits, or all that has failed. With all
        # that is asked of them: to have that afterwards, some releases of SQLite read all tasks.
        kept = without_index(conn, sa.and_(those, tasks.c.deleted_at.is_(None)))
        its = _DEPENDENT.join(dependencies, dependencies.c.task == tasks.c.number).where(kept)
        directly = (
            its.add_columns(dependencies.c.needs.label("root"))
            .where(dependencies.c.needs.in_(chunk)).cte("hanging", recursive=True)
        )
        hanging = directly.union(
            its.add_columns(directly.c.root).join(directly, directly.c.number == dependencies.c.needs)
        )
        for row in rows_of(HangingRow, conn.execute(sa.select(hanging))):
            found.setdefault(row.number, (row, row.root))
    return list(found.values())


_NEEDED = HotQuery(
    NumberRow,
    lambda conn: sa.select(dependencies.c.task).where(among(conn, dependencies.c.needs, "of")).limit(1),
)


def why_unmet(conn: Connection, numbers: Iterable[int]) -> dict[int, str]:
    """Why tasks among these can never be met as things are: what they need has ended without a value."""
    found: dict[int, str] = {}
    ended = [str(status) for status in FINAL - {TaskStatus.FINISHED}]
    for chunk in chunks(sorted(those_held_back(conn, numbers))):
        query = (
            sa.select(dependencies.c.task, *_said_of(tasks))
            .join(tasks, tasks.c.number == dependencies.c.needs)
            .where(dependencies.c.task.in_(chunk), without_index(conn, tasks.c.status.in_(ended)))
        )
        for row in conn.execute(query):
            found.setdefault(row.task, why(row))
    return found


def why_of(conn: Connection, numbers: Iterable[int]) -> dict[int, str]:
    """What became of tasks that ended without a value, for those that hang on them."""
    found: dict[int, str] = {}
    for chunk in chunks(sorted(set(numbers))):
        for row in conn.execute(sa.select(*_said_of(tasks)).where(tasks.c.number.in_(chunk))):
            found[row.number] = why(row)
    return found


def _said_of(table: sa.FromClause) -> list[sa.ColumnElement[Any]]:
    """The columns that `why` needs."""
    return [table.c[name] for name in ("number", "name", "status", "deleted_at", "error_name", "error_message")]


def why(task: Any) -> str:
    """Why what hangs on a task cannot run: ``task 12 (model) failed: DomainError: ...``."""
    who = f"task {task.number}" if task.deleted_at is not None else f"task {task.number} ({task.name})"
    if task.deleted_at is not None:
        return f"{who}, which it needs, was deleted"
    if task.status != TaskStatus.FAILED:
        return f"{who}, which it needs, was cancelled"
    if task.error_name == DEPENDENCY_FAILED:  # the first cause is what people want to know
        return str(task.error_message)
    first = next(iter((task.error_message or "").strip().splitlines()), "")
    return f"{who}, which it needs, failed: {task.error_name}{f': {first}' if first else ''}"[:1000]


@dataclass(frozen=True, slots=True)
class Unmet:
    """What a task that is held back waits for.

    Attributes
    ----------
    count : int
        How many of the tasks that it needs are not finished.
    first : TaskRow
        The oldest of them: its number, name and status.
    """

    count: int
    first: TaskRow


def unmet_of(conn: Connection, number: int) -> Unmet | None:
    """What a task waits for; None where it is not held back."""
    count = conn.execute(sa.select(held_back.c.unmet).where(held_back.c.task == number)).scalar_one_or_none()
    if count is None:
        return None
    query = (
        sa.select(tasks.c.number, tasks.c.name, tasks.c.status)
        .join(dependencies, dependencies.c.needs == tasks.c.number)
        .where(dependencies.c.task == number, tasks.c.status != TaskStatus.FINISHED)
        .order_by(tasks.c.number).limit(1)
    )
    first = one_or_none(TaskRow, conn.execute(query))
    return None if first is None else Unmet(count, first)
