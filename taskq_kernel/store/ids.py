"""How a task is named from outside: by its UUID or by its number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.errors import InvalidTask, NotFound, listed
from taskq_kernel.store.hot import HotQuery, among
from taskq_kernel.store.index_choice import without_index
from taskq_kernel.store.rows import TaskRow
from taskq_kernel.store.sight import Sight, visible
from taskq_kernel.store.tables import tasks

T = TypeVar("T")

#: How many ids go into one statement.
CHUNK = 5000

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


def canonical_uuid(text: str, field: str = "") -> str:
    """The UUID in its usual form, lower case and with hyphens; ``field`` is what an error is about.

    Raises
    ------
    InvalidTask
        If ``text`` is not a UUID.
    """
    if _UUID.fullmatch(text):
        return text
    try:
        return str(UUID(text))
    except ValueError:
        raise InvalidTask(f"is {text[:80]!r}, which is not a UUID", field) from None


def parse_ids(ids: Iterable[str]) -> tuple[list[str], list[int], list[str]]:
    """Sort ids into UUIDs, numbers, and what is neither."""
    uuids: list[str] = []
    numbers: list[int] = []
    neither: list[str] = []
    for text in ids:
        if _NUMBER.fullmatch(text):
            numbers.append(int(text))
            continue
        try:
            uuids.append(canonical_uuid(text))
        except InvalidTask:
            neither.append(text[:80])
    return uuids, numbers, neither


def id_clause(ids: Sequence[str]) -> sa.ColumnElement[bool]:
    """The condition that a task is one of ``ids``.

    Raises
    ------
    InvalidTask
        If they are too many for one statement.
    """
    if len(ids) > CHUNK:
        raise InvalidTask(f"has {len(ids)} ids: give at most {CHUNK}", "ids", place="the filter")
    uuids, numbers, _neither = parse_ids(ids)
    return sa.or_(tasks.c.id.in_(uuids), tasks.c.number.in_(numbers))


def find(
    conn: Connection, ids: Sequence[str], columns: Sequence[sa.ColumnElement[Any]], visible_to: Sight | None = None
) -> list[TaskRow]:
    """Rows of the named tasks, each once.

    Parameters
    ----------
    visible_to : Sight, optional
        Which tasks count, by default all; others are as if they were not there.

    Raises
    ------
    InvalidTask
        If any is neither a UUID nor a number.
    NotFound
        If any does not exist, or was deleted. It names them.
    """
    uuids, numbers, neither = parse_ids(ids)
    if neither:
        named = listed([repr(one) for one in neither])
        raise InvalidTask(f"{named}: neither the number of a task nor its UUID", "ids", place="")
    by_id: dict[str, TaskRow] = {}
    by_number: dict[int, TaskRow] = {}
    sight = visible_to or Sight()
    its = {} if sight.owner is None else {"owner": sight.owner}
    for name, keys in (("id", uuids), ("number", numbers)):
        find_by = _found_by(name, tuple(columns), one_owner=bool(its), recipes_only=sight.recipes_only)
        for chunk in chunks(keys):
            for row in find_by.all(conn, of=chunk, **its):
                by_id[row.id] = row
                by_number[row.number] = row
    missing = [key for key in uuids if key not in by_id]
    missing += [str(key) for key in numbers if key not in by_number]
    if missing:
        raise not_found(missing)
    found = [by_id[key] for key in uuids] + [by_number[key] for key in numbers]
    return list({row.number: row for row in found}.values())


@lru_cache(maxsize=64)
def _found_by(
    name: str, columns: tuple[sa.ColumnElement[Any], ...], *, one_owner: bool, recipes_only: bool
) -> HotQuery[TaskRow]:
    """What finds tasks by this column, in somebody's sight: the owner is a parameter, for there may be many of them."""
    seen = visible(Sight(recipes_only=recipes_only), tasks)
    if one_owner:
        seen = sa.and_(seen, tasks.c.owner == sa.bindparam("owner"))
    return HotQuery(TaskRow, lambda conn: sa.select(*columns).where(
        among(conn, tasks.c[name], "of"), tasks.c.deleted_at.is_(None), without_index(conn, seen)
    ))  # fmt: skip


def not_found(missing: Sequence[str]) -> NotFound:
    """The error for ids that no task has."""
    plural = "s" if len(missing) > 1 else ""
    message = f"no task has the id{plural} {listed(missing)}: there never was one, or it was deleted or pruned"
    return NotFound(message, "NOT_FOUND", {"ids": list(missing[:100])})


def chunks(keys: Sequence[T]) -> Iterable[Sequence[T]]:
    """The keys in parts that fit into one statement."""
    for start in range(0, len(keys), CHUNK):
        yield keys[start : start + CHUNK]
