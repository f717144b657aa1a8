"""Pages of tasks in the order of one argument.

Numbers come first, by value, then texts, then whatever is neither, by its JSON, and last the tasks
without the argument, whichever the direction; where all that is equal, the number of the task decides.
No index has tasks in that order: those that match are sorted for each page. So there is a limit to how
many may match.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection

from taskq_kernel.argument_conditions import Comparison, number_of
from taskq_kernel.errors import InvalidJSON, InvalidTask
from taskq_kernel.exact_json import decode_kept
from taskq_kernel.store import cursors
from taskq_kernel.store.argument_values import Argument, argument_of
from taskq_kernel.store.rows import Cell
from taskq_kernel.store.tables import tasks
from taskq_kernel.store.window import Window

#: How many tasks may match where they are to be sorted by an argument.
MOST_SORTED = 100_000

#: The ranks, as `Argument.rank` gives them.
_RANKS = NUMBER, _TEXT, _OTHER, MISSING = range(4)
#: Longer integers travel in another form.
_MOST_DIGITS = 4500


@dataclass(frozen=True, slots=True)
class ArgumentOrder:
    """An ordering by an argument, and its direction."""

    name: str
    descending: bool = False

    @property
    def signature(self) -> str:
        """What its cursors begin with."""
        return f"{'-' if self.descending else ''}arguments.{self.name}"


def read_places(
    conn: Connection, order: ArgumentOrder, matching: Sequence[sa.ColumnElement[bool]], window: Window, count: int
) -> tuple[list[list[Cell]], int]:
    """The places of the first ``count`` tasks of a window, or of the last from the end backwards.

    Returns
    -------
    list of list
        Of each task what a cursor is made of: rank, number or text, and last its own number.
    int
        How many tasks match.

    Raises
    ------
    InvalidTask
        If too many tasks match, or a cursor is none of this order.
    """
    numbers = _matching(conn, order, matching)
    dialect = conn.dialect.name
    argument, query, number = argument_of(order.name, dialect).among(_among(numbers, dialect))
    backwards = window.backwards
    bounds = [
        _beyond(argument, number, order, _place(order, cursor, name), behind=behind)
        for cursor, name, behind in ((window.after, "after", True), (window.before, "before", False))
        if cursor is not None
    ]
    ranked = argument.rank
    value = sa.case((ranked == NUMBER, argument.exact), (ranked == MISSING, None), else_=argument.sorted_text)
    query = query.add_columns(ranked, value, number).where(*bounds)
    query = query.order_by(*_order_by(argument, number, order, backwards)).limit(count).offset(window.skipped)
    return [list(row) for row in conn.execute(query)], len(numbers)


def cursor_of(order: ArgumentOrder, place: Sequence[Cell]) -> str:
    """The cursor of a place."""
    return cursors.encode([order.signature, *place])


def _matching(conn: Connection, order: ArgumentOrder, matching: Sequence[sa.ColumnElement[bool]]) -> list[int]:
    """The tasks that match, by their numbers: looked for once, to be counted and then sorted."""
    query = sa.select(tasks.c.number).where(*matching).limit(MOST_SORTED + 1)
    numbers = list(conn.execute(query).scalars())
    if len(numbers) > MOST_SORTED:
        raise InvalidTask(
            f"more than {MOST_SORTED:,} tasks match, which are too many to be sorted by the argument {order.name}: "
            "filter them first, by status, time, name, batch or argument", "orderBy", place="",
        )
    return numbers


def _among(numbers: Sequence[int], dialect: str) -> sa.ColumnElement[bool]:
    """The condition that a task is one of very many: as one parameter, of which there may not be so many."""
    if dialect == "sqlite":
        listed = sa.func.json_each(msgspec.json.encode(numbers).decode()).table_valued("value")
        return tasks.c.number.in_(sa.select(listed.c.value))
    return tasks.c.number == sa.any_(sa.literal(list(numbers), postgresql.ARRAY(sa.BigInteger)))


def _order_by(
    argument: Argument, number: sa.ColumnElement[int], order: ArgumentOrder, backwards: bool
) -> list[sa.ColumnElement[Any]]:
    falling = order.descending != backwards
    values = (argument.number, *argument.ties, argument.sorted_text, number)
    return [argument.rank.desc() if backwards else argument.rank.asc(),
            *(value.desc() if falling else value.asc() for value in values)]  # fmt: skip


def _beyond(
    argument: Argument, number: sa.ColumnElement[int], order: ArgumentOrder, place: Sequence[Cell], *, behind: bool
) -> sa.ColumnElement[bool]:
    """The condition that a task stands behind a place, or before it."""
    rank, value, own = place
    further = Comparison.LT if order.descending == behind else Comparison.GT
    by_number = further.compare(number, own)
    same = by_number
    if rank != MISSING:
        equal = _compared(argument, Comparison.EQ, rank, value)
        same = sa.or_(_compared(argument, further, rank, value), sa.and_(equal, by_number))
    other_rank = argument.rank > rank if behind else argument.rank < rank
    return sa.or_(other_rank, sa.and_(argument.rank == rank, same))


def _compared(argument: Argument, comparison: Comparison, rank: Cell, value: Cell) -> sa.ColumnElement[bool]:
    number = _number(value) if rank == NUMBER else None
    if number is not None:
        return argument.compare_number(comparison, number)
    compared: sa.ColumnElement[bool] = comparison.compare(argument.sorted_text, value)
    return compared


def _number(value: Cell) -> Decimal | None:
    """The number in a cursor; None where there is none, or one that is beyond what can be stored."""
    try:
        number = number_of(decode_kept(str(value)))
    except InvalidJSON:
        return None
    return None if number and number.is_finite() and abs(number.adjusted()) > _MOST_DIGITS else number


def _place(order: ArgumentOrder, cursor: str, name: str) -> list[Cell]:
    signature, *place = cursors.decode(cursor) or [None]
    if signature != order.signature or len(place) != 3 or not _fits(*place):
        raise cursors.refusal(cursor, name)
    return place


def _fits(rank: Cell, value: Cell, number: Cell) -> bool:
    if rank not in _RANKS or isinstance(rank, bool) or isinstance(number, bool) or not isinstance(number, int):
        return False
    if rank == MISSING:
        return value is None
    return isinstance(value, str) and "\0" not in value and (rank != NUMBER or _number(value) is not None)
