"""Which tasks a question is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import sqlalchemy as sa

from taskq_kernel.argument_conditions import MAX_CONDITIONS, ArgumentCondition
from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import InvalidTask
from taskq_kernel.store.argument_values import argument_clause
from taskq_kernel.store.ids import CHUNK, id_clause
from taskq_kernel.store.sight import Sight
from taskq_kernel.store.tables import definitions, sources, tasks

#: How long a text that is looked for may be.
MAX_SEARCH = 1000


class Lookup(Enum):
    """How the tasks of a condition can be found."""

    #: They are named, and few.
    KEYS = auto()
    #: An index has them together, in the order of their numbers.
    INDEX = auto()
    #: An index has them together, in another order.
    RANGE = auto()
    #: Every name, or every code, has to be looked at.
    TEXT = auto()
    #: Only by looking at every task.
    NONE = auto()


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on tasks.

    Attributes
    ----------
    clause : ColumnElement of bool
        The condition.
    lookup : Lookup
        How its tasks can be found.
    ways : tuple
        Conditions of which any one is enough, where each of them has a way of its own.
    """

    clause: sa.ColumnElement[bool]
    lookup: Lookup
    ways: tuple[sa.ColumnElement[bool], ...] = ()


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Conditions on tasks; what is None does not matter. Times are epoch seconds."""

    ids: Sequence[str] | None = None
    status: Sequence[TaskStatus] | None = None
    #: Part of the name, whatever the case.
    name: str | None = None
    #: Part of the name or the code, whatever the case; or the number.
    search: str | None = None
    batch: str | None = None
    #: The id of the definition that it calls.
    definition: str | None = None
    #: The recipe that it was made of.
    recipe: str | None = None
    #: Of these places in its batch.
    points: Sequence[int] | None = None
    #: Whether it is a point of a batch.
    is_point: bool | None = None
    #: Changed after this version.
    changed_after: int | None = None
    owner: str | None = None
    queue: str | None = None
    worker: str | None = None
    #: On its arguments; all of them have to hold.
    arguments: Sequence[ArgumentCondition] | None = None
    created_after: float | None = None
    created_before: float | None = None
    finished_after: float | None = None
    finished_before: float | None = None
    #: What the asker may see; None: everything.
    visible_to: Sight | None = None

    def clauses(self, dialect: str) -> list[sa.ColumnElement[bool]]:
        """The conditions as SQL; deleted tasks are not excluded by them."""
        return [condition.clause for condition in self.conditions(dialect)]

    def conditions(self, dialect: str) -> list[Condition]:
        """The conditions one by one, each with how it can be looked up."""
        made: list[Condition] = []
        if self.ids is not None:
            made.append(Condition(id_clause(self.ids), Lookup.KEYS))
        if self.status is not None:
            lookup = Lookup.INDEX if len(set(self.status)) == 1 else Lookup.RANGE
            made.append(Condition(tasks.c.status.in_([str(status) for status in self.status]), lookup))
        if self.name:
            _check_length(self.name, "name")
            made.append(Condition(contains(tasks.c.name, self.name, dialect), Lookup.TEXT))
        if self.search:
            _check_length(self.search, "search")
            in_code = sa.select(sources.c.sha256).where(contains(sources.c.code, self.search, dialect))
            either: tuple[sa.ColumnElement[bool], ...] = (
                contains(tasks.c.name, self.search, dialect), tasks.c.source.in_(in_code)
            )
            digits = self.search.removeprefix("#")
            if digits.isascii() and digits.isdigit() and len(digits) < 19:
                either = (*either, tasks.c.number == int(digits))
            made.append(Condition(sa.or_(*either), Lookup.TEXT, either))
        if self.points is not None:
            if len(self.points) > CHUNK:
                raise InvalidTask(f"has {len(self.points)} points: give at most {CHUNK}", "points", place="the filter")
            made.append(Condition(tasks.c.point.in_(self.points), Lookup.NONE))
        if self.is_point is not None:
            is_point = tasks.c.point.isnot(None) if self.is_point else tasks.c.point.is_(None)
            made.append(Condition(is_point, Lookup.NONE))
        if self.changed_after is not None:
            made.append(Condition(tasks.c.version > self.changed_after, Lookup.RANGE))
        for name in ("batch", "owner", "queue"):
            value = getattr(self, name)
            if value is not None:
                made.append(Condition(tasks.c[name] == value, Lookup.INDEX))
        if self.definition is not None:
            # By the code as well: tasks are found by that.
            source = sa.select(definitions.c.source).where(definitions.c.id == self.definition).scalar_subquery()
            calls = sa.and_(tasks.c.source == source, tasks.c.definition == self.definition)
            made.append(Condition(calls, Lookup.RANGE))
        if self.worker is not None:
            made.append(Condition(tasks.c.worker == self.worker, Lookup.NONE))
        sight = self.visible_to or Sight()
        if sight.owner is not None:
            made.append(Condition(tasks.c.owner == sight.owner, Lookup.INDEX))
        if sight.recipes_only:  # those that have one, as a range: SQLite looks those up
            made.append(Condition(tasks.c.recipe > "", Lookup.RANGE))
        if self.recipe is not None:
            made.append(Condition(tasks.c.recipe == self.recipe, Lookup.INDEX))
        for column, after, before in (
            (tasks.c.created_at, self.created_after, self.created_before),
            (tasks.c.finished_at, self.finished_after, self.finished_before),
        ):
            bounds = [column >= after] if after is not None else []
            if before is not None:
                bounds.append(column < before)
            if bounds:
                made.append(Condition(sa.and_(*bounds), Lookup.RANGE))
        return [*made, *self._on_arguments(dialect)]

    def _on_arguments(self, dialect: str) -> list[Condition]:
        """Those on arguments; last, because each has to parse what the others leave."""
        given = self.arguments or ()
        if len(given) > MAX_CONDITIONS:
            raise InvalidTask(f"has {len(given)} conditions: give at most {MAX_CONDITIONS}", "arguments",
                              place="the filter by arguments")  # fmt: skip
        return [Condition(argument_clause(condition.check(), dialect), Lookup.NONE) for condition in given]


def _check_length(text: str, field: str) -> None:
    if len(text) > MAX_SEARCH:
        raise InvalidTask(f"has {len(text)} characters: give at most {MAX_SEARCH}", field, place="the text to look for")


def contains(column: sa.Column[Any], text: str, dialect: str) -> sa.ColumnElement[bool]:
    """The condition that a text column contains ``text``, whatever the case."""
    text = text.replace("\0", "")
    pattern = "%" + text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
    if dialect != "sqlite":
        return column.ilike(pattern, escape="\\")
    if text.isascii():
        # SQLite's own LIKE ignores the case of ASCII letters, and is the fastest.
        return column.like(pattern, escape="\\")
    return sa.func.instr(sa.func.taskq_fold(column), text.casefold(), type_=sa.Integer) > 0
