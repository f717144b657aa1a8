"""Pages of tasks: any filter, any ordering, and cursors that stay where they are.

A cursor is the place of a row in its ordering: the values it is ordered by, and its
number. A page starts after that place, so rows that come and go do not shift it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.domain import FINAL, TaskStatus
from taskq_kernel.errors import InvalidTask
from taskq_kernel.store import cursors
from taskq_kernel.store.access_path import narrowed
from taskq_kernel.store.argument_order import ArgumentOrder, cursor_of, read_places
from taskq_kernel.store.counts import read_counts
from taskq_kernel.store.filters import TaskFilter
from taskq_kernel.store.records import tasks_by_number
from taskq_kernel.store.rows import Cell, TaskRow
from taskq_kernel.store.tables import AnyText, stored_columns, tasks
from taskq_kernel.store.window import Window
from taskq_kernel.task_fields import TASK_FIELDS

#: Order fields by their GraphQL names.
ORDER_COLUMNS: dict[str, sa.Column[Any]] = {
    field.name.upper(): stored_columns(field)[0] for field in TASK_FIELDS if field.sortable
}

#: No two tasks have the same one.
_UNIQUE = frozenset({"NUMBER", "VERSION"})


@dataclass(frozen=True, slots=True)
class Order:
    """One ordering term: a field of `ORDER_COLUMNS`, and its direction."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Some tasks of a whole, with their place in it."""

    rows: list[TaskRow]
    orders: tuple[Order | ArgumentOrder, ...]
    has_next: bool
    has_previous: bool
    total: int | None
    #: How many tasks have each status, whatever statuses the filter names.
    counts: dict[str, int] | None = None
    #: Of each row, by its number, its place in the order of an argument.
    places: Mapping[int, list[Cell]] = field(default_factory=dict)

    def cursor(self, row: TaskRow) -> str:
        """The place of a row of this page."""
        first = self.orders[0]
        if isinstance(first, ArgumentOrder):
            return cursor_of(first, self.places[row.number])
        return _encode([term for term in self.orders if isinstance(term, Order)], row)


def read_page(
    conn: Connection, task_filter: TaskFilter, orders: Sequence[Order | ArgumentOrder], window: Window,
    wants: frozenset[str],
) -> Page:
    """Read one page of the tasks that match.

    Parameters
    ----------
    orders : sequence of Order or ArgumentOrder
        What to order by, first to last; by number where it is empty. An argument stands alone.
    wants : frozenset of str
        The GraphQL fields asked for; ``totalCount`` among them makes it count the whole, and
        ``counts`` what the filter's other conditions leave of each status.

    Raises
    ------
    InvalidTask
        If the window or a cursor cannot be used, or too many tasks match to be sorted by an argument.
    """
    size = window.size
    places: dict[int, list[Cell]] = {}
    total: int | None = None
    terms: tuple[Order | ArgumentOrder, ...]
    if by_argument := _argument_order(orders):
        terms = (by_argument,)
        matching = narrowed(conn, task_filter, whole=True)
        found, total = read_places(conn, by_argument, matching, window, size + 1)
        places = {int(place[-1] or 0): place for place in found}
        numbers = list(places)
    else:
        terms = columns = _with_number([term for term in orders if isinstance(term, Order)])
        matching = narrowed(conn, task_filter, by_number=columns[0].field == "NUMBER")
        partitions = _partitions(columns[0], task_filter, window.backwards)
        numbers = _numbers(conn, columns, partitions, matching, window, size + 1)
    more = len(numbers) > size
    numbers = numbers[:size]
    if window.backwards:
        numbers.reverse()
    rows = tasks_by_number(conn, numbers, wants)
    counts = count_by_status(conn, task_filter) if "counts" in wants else None
    if "totalCount" not in wants:
        total = None
    elif counts is not None:  # to count once more may take as long again
        total = _of_statuses(counts, task_filter)
    elif total is None:
        total = _total(conn, task_filter)
    behind = window.offset > 0
    has_next = window.before is not None or behind if window.backwards else more
    has_previous = more if window.backwards else window.after is not None or behind
    return Page(rows, terms, has_next, has_previous, total, counts, places)


def _argument_order(orders: Sequence[Order | ArgumentOrder]) -> ArgumentOrder | None:
    """The argument to order by, where it is one."""
    found = [order for order in orders if isinstance(order, ArgumentOrder)]
    if found and len(orders) > 1:
        raise InvalidTask("has an argument beside other terms: give the argument alone", "orderBy")
    return found[0] if found else None


def count_by_status(conn: Connection, task_filter: TaskFilter) -> dict[str, int]:
    """How many tasks that match have each status, whatever statuses the filter names."""
    others = replace(task_filter, status=None)
    if others == TaskFilter(owner=others.owner):
        return read_counts(conn, others.owner)
    if others == TaskFilter(owner=others.owner, is_point=False):
        return _count_without_points(conn, others.owner)
    counts = {str(status): 0 for status in TaskStatus}
    matching = narrowed(conn, others, whole=True)
    query = sa.select(tasks.c.status, sa.func.count()).where(*matching).group_by(tasks.c.status)
    counts.update({row[0]: row[1] for row in conn.execute(query)})
    return counts


def _count_without_points(conn: Connection, owner: str | None) -> dict[str, int]:
    """How many tasks that are no points have each status: all but the points, which stand in an index of their own."""
    points = sa.select(tasks.c.status, sa.func.count()).where(tasks.c.point.isnot(None)).group_by(tasks.c.status)
    if owner is not None:
        points = points.where(tasks.c.owner == owner)
    counts = read_counts(conn, owner)
    for status, count in conn.execute(points):
        counts[str(status)] -= count
    return counts


def _total(conn: Connection, task_filter: TaskFilter) -> int:
    if task_filter == TaskFilter(owner=task_filter.owner, status=task_filter.status):
        return _of_statuses(read_counts(conn, task_filter.owner), task_filter)
    if task_filter == TaskFilter(owner=task_filter.owner, status=task_filter.status, is_point=False):
        return _of_statuses(_count_without_points(conn, task_filter.owner), task_filter)
    matching = narrowed(conn, task_filter, whole=True)
    return int(conn.execute(sa.select(sa.func.count()).select_from(tasks).where(*matching)).scalar_one())


def _of_statuses(counts: Mapping[str, int], task_filter: TaskFilter) -> int:
    """How many of the tasks counted have a status that the filter names."""
    return sum(counts[str(status)] for status in set(TaskStatus if task_filter.status is None else task_filter.status))


def _with_number(orders: Sequence[Order]) -> tuple[Order, ...]:
    """The ordering made total: a task's number decides where all else is equal.

    Tasks are numbered as they are created, so CREATED_AT is the order of their numbers, even where
    a clock was set back.
    """
    named = [Order("NUMBER", order.descending) if order.field == "CREATED_AT" else order for order in orders]
    terms = list({order.field: order for order in reversed(named)}.values())[::-1]
    if not any(term.field in _UNIQUE for term in terms):
        terms.append(Order("NUMBER", terms[0].descending if terms else False))
    unique = next(index for index, term in enumerate(terms) if term.field in _UNIQUE)
    return tuple(terms[: unique + 1])


#: Where a task with one of these statuses has no value, and where it has one.
_NEVER = {
    "STARTED_AT": {TaskStatus.QUEUEING}, "FINISHED_AT": {TaskStatus.QUEUEING, TaskStatus.RUNNING},
    "SECONDS": {TaskStatus.QUEUEING, TaskStatus.RUNNING},
}
_ALWAYS = {
    "STARTED_AT": {TaskStatus.RUNNING, TaskStatus.FINISHED}, "FINISHED_AT": set(FINAL),
    "SECONDS": {TaskStatus.FINISHED},
}


def _partitions(first: Order, task_filter: TaskFilter, backwards: bool) -> list[bool | None]:
    """The partitions that a page may come from: tasks with a value of the first column (False), without (True).

    One partition (None) where the column is never empty. A partition that the statuses exclude is left out: to
    find it empty, a database would walk through all of it.
    """
    if not ORDER_COLUMNS[first.field].nullable:
        return [None]
    statuses = set(task_filter.status if task_filter.status is not None else TaskStatus)
    partitions: list[bool | None] = []
    if not statuses <= _NEVER.get(first.field, set()):
        partitions.append(False)
    if not statuses <= _ALWAYS.get(first.field, set()):
        partitions.append(True)
    return partitions[::-1] if backwards else partitions


def _numbers(
    conn: Connection, terms: Sequence[Order], partitions: Sequence[bool | None],
    matching: Sequence[sa.ColumnElement[bool]], window: Window, count: int,
) -> list[int]:
    """The numbers of the first ``count`` tasks, or of the last from the end backwards.

    Only numbers, because a database that has to sort carries along all that is asked for. And in
    two partitions where the first column may be empty: tasks without a value come last, whatever the
    direction, and no index has them there in both.
    """
    after = None if window.after is None else _decode(terms, window.after, "after")
    before = None if window.before is None else _decode(terms, window.before, "before")
    first = ORDER_COLUMNS[terms[0].field]
    numbers: list[int] = []
    skip = window.skipped
    for empty in partitions:
        bounds: list[sa.ColumnElement[bool]] = []
        if empty is not None:
            bounds.append(first.is_(None) if empty else first.isnot(None))
        for place, backwards in ((after, False), (before, True)):
            if place is None:
                continue
            bound = _bound(terms, place, empty, backwards=backwards)
            if bound is None:
                break
            bounds.append(bound)
        else:
            query = sa.select(tasks.c.number).where(*matching, *bounds)
            ordered = terms[1:] if empty else terms
            query = query.order_by(*_order(ordered, window.backwards)).limit(count - len(numbers))
            found = conn.execute(query.offset(skip) if skip else query).scalars().all()
            numbers.extend(found)
            if len(numbers) == count:
                break
            if skip and not found:
                skip -= _count_to(conn, query.order_by(None).limit(skip))
            elif found:
                skip = 0
    return numbers


def _count_to(conn: Connection, query: sa.Select[Any]) -> int:
    """How many rows a query has, up to its limit."""
    return int(conn.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one())


def _order(terms: Sequence[Order], backwards: bool) -> list[sa.ColumnElement[Any]]:
    """The ORDER BY. The first column has a value in all rows, or in none and is left out."""
    made: list[sa.ColumnElement[Any]] = []
    for place, term in enumerate(terms):
        column = ORDER_COLUMNS[term.field]
        clause = column.desc() if term.descending != backwards else column.asc()
        if column.nullable and place:
            clause = clause.nulls_first() if backwards else clause.nulls_last()
        made.append(clause)
    return made


def _bound(
    terms: Sequence[Order], values: Sequence[Cell], empty: bool | None, *, backwards: bool
) -> sa.ColumnElement[bool] | None:
    """The condition that a row of a partition stands after (backwards: before) a place; None if none does."""
    if empty is not None and (values[0] is None) != empty:
        # The place is in the other partition: this one stands on one side of it as a whole.
        return sa.true() if empty != backwards else None
    if empty:
        return _beyond(terms[1:], values[1:], backwards=backwards)
    return _beyond(terms, values, backwards=backwards, first_has_value=True)


def _beyond(
    terms: Sequence[Order], values: Sequence[Cell], *, backwards: bool, first_has_value: bool = False
) -> sa.ColumnElement[bool]:
    """The condition that a row stands after (backwards: before) the place ``values``."""
    columns = [ORDER_COLUMNS[term.field] for term in terms]
    directions = {term.descending != backwards for term in terms}
    if len(directions) == 1 and not any(column.nullable for column in columns[first_has_value:]):
        # A comparison of rows, which an index answers directly.
        left, right = sa.tuple_(*columns), sa.tuple_(*(sa.literal(value) for value in values))
        return left < right if directions == {True} else left > right
    ways: list[sa.ColumnElement[bool]] = []
    equal: list[sa.ColumnElement[bool]] = []
    for term, column, value in zip(terms, columns, values, strict=True):
        ways.append(sa.and_(*equal, _further(column, value, term.descending != backwards, backwards)))
        equal.append(column.is_(None) if value is None else column == value)
    return sa.or_(*ways)


def _further(
    column: sa.Column[Any], value: Cell, descending: bool, backwards: bool
) -> sa.ColumnElement[bool]:
    if value is None:
        return column.isnot(None) if backwards else sa.false()
    beyond = column < value if descending else column > value
    return sa.or_(beyond, column.is_(None)) if column.nullable and not backwards else beyond


def _encode(terms: Sequence[Order], row: TaskRow) -> str:
    return cursors.encode([_signature(terms), *(getattr(row, ORDER_COLUMNS[term.field].name) for term in terms)])


def _decode(terms: Sequence[Order], cursor: str, name: str) -> list[Cell]:
    columns = [ORDER_COLUMNS[term.field] for term in terms]
    place = cursors.decode(cursor)
    values = place[1:]
    fitting = place[:1] == [_signature(terms)] and len(values) == len(columns)
    if not fitting or not all(map(_fits, columns, values)):
        raise cursors.refusal(cursor, name)
    return values


def _fits(column: sa.Column[Any], value: Cell) -> bool:
    if value is None:
        return bool(column.nullable)
    if isinstance(column.type, sa.Text | AnyText):
        return isinstance(value, str) and "\0" not in value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1 << 63


def _signature(terms: Sequence[Order]) -> str:
    return ",".join(f"{'-' if term.descending else ''}{term.field}" for term in terms)
