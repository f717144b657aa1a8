"""From which index a page of tasks is read.

There are two ways to a page. Where few tasks fulfil one of the conditions, those are collected
through its index and sorted. Where all conditions are fulfilled by many, the index of the ordering
is walked until the page is full, which is soon. A database that has no figures of its rows, as
SQLite has none here, takes the first way for every condition that has an index, and sorts a
million rows for fifty. So it is counted, up to a limit, and the database is told.

Walking is slow where the tasks that fulfil the conditions stand far from the beginning of the
ordering: an owner's 30,000 tasks of last year, by the time of their end, behind a million newer
ones. By number, the most frequent ordering, that cannot happen: the index of the condition itself
is in that order.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql import visitors

from taskq_kernel.store.filters import Condition, Lookup, TaskFilter
from taskq_kernel.store.index_choice import without_index
from taskq_kernel.store.tables import tasks

#: Up to how many tasks are collected and sorted: more than that, and walking is faster.
FEW = 20_000
#: Up to how many tasks are named one by one, where they were found by their text.
FEW_TEXTS = 1000

PRESENT = tasks.c.deleted_at.is_(None)


def narrowed(
    conn: Connection, task_filter: TaskFilter, *, by_number: bool = False, whole: bool = False
) -> list[sa.ColumnElement[bool]]:
    """The conditions of a filter, put so that the database takes the better way.

    Parameters
    ----------
    by_number : bool
        Whether the tasks are wanted in the order of their numbers, or in its reverse.
    whole : bool
        Whether all that match are wanted, or counted, and not the first in some order.

    Returns
    -------
    list of ColumnElement of bool
        The conditions; deleted tasks are excluded by them.
    """
    conditions = task_filter.conditions(conn.dialect.name)
    if any(condition.lookup is Lookup.KEYS for condition in conditions):
        return [PRESENT, *(
            condition.clause if condition.lookup is Lookup.KEYS else without_index(conn, condition.clause)
            for condition in conditions
        )]
    best = _fewest(conn, conditions, by_number)
    made: list[sa.ColumnElement[bool]] = [PRESENT]
    if whole and best is None and task_filter.arguments:
        # Each row is to be looked at: through the index of another column SQLite would find them one by one.
        made = [without_index(conn, PRESENT)]
    for condition in conditions:
        numbers = None
        if condition.lookup is Lookup.TEXT and best is None:
            numbers = _numbers(conn, condition)
        if numbers is not None:
            made.append(tasks.c.number.in_(numbers))
            best = condition
        else:
            made.append(condition.clause if condition is best else without_index(conn, condition.clause))
    return made


def _fewest(conn: Connection, conditions: Sequence[Condition], by_number: bool) -> Condition | None:
    """The condition with the fewest tasks; None where each has too many to be collected."""
    counted = [
        (_count(conn, condition.clause), place)
        for place, condition in enumerate(conditions) if condition.lookup in (Lookup.INDEX, Lookup.RANGE)
    ]
    count, place = min(counted, default=(FEW + 1, 0))
    if count <= FEW:
        return conditions[place]
    ordered = (condition for condition in conditions if condition.lookup is Lookup.INDEX)
    return next(ordered, None) if by_number else None


def _count(conn: Connection, clause: sa.ColumnElement[bool]) -> int:
    """How many tasks fulfil a condition, counted to one more than `FEW`."""
    some = sa.select(sa.literal(1)).select_from(tasks).where(clause, PRESENT).limit(FEW + 1).subquery()
    return int(conn.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())


def _numbers(conn: Connection, condition: Condition) -> list[int] | None:
    """The numbers of the tasks with a text; None where they are many."""
    found: set[int] = set()
    for clause in condition.ways or (condition.clause,):
        query = sa.select(tasks.c.number).where(clause, PRESENT)
        if any(element is tasks.c.name for element in visitors.iterate(clause)):
            # The order does not matter; it makes SQLite look through the index of names, which is
            # much smaller than the table.
            query = query.order_by(tasks.c.name)
        found.update(conn.execute(query.limit(FEW_TEXTS + 1)).scalars())
        if len(found) > FEW_TEXTS:
            return None
    return sorted(found)
