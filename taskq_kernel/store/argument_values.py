"""A task's arguments in SQL: conditions on them, and what they are ordered by.

They are looked up in the JSON that stands in the task's row, task by task: an index would have to be
kept for every name that anybody may think of. So that few documents have to be parsed, the text is
searched first for what an argument that fits would be written as. ``argument_conditions`` says what a
condition means.

What is stored is written by `taskq_kernel.exact_json` alone: without white space, and a value always in
the same way. Only NUL is looked for as another character, because neither database has it in texts.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import replace
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from taskq_kernel.argument_conditions import (
    INFINITIES,
    MOMENT,
    MOMENT_TAGS,
    ArgumentCondition,
    Comparison,
    text_of,
    without_nul,
)
from taskq_kernel.argument_names import place_of
from taskq_kernel.store.decimal_order import FLOAT_DIGITS
from taskq_kernel.store.tables import tasks

#: Of a text, and of what is neither number nor text, so many characters count for the order.
SORTED_CHARACTERS = 200

Clause = sa.ColumnElement[bool]


def argument_clause(condition: ArgumentCondition, dialect: str) -> Clause:
    """A condition as SQL."""
    place = place_of(condition.name)
    if place is None:
        return _clause(condition, dialect)
    return sa.or_(_clause(condition, dialect), _clause(replace(condition, name=place), dialect))


def _clause(condition: ArgumentCondition, dialect: str) -> Clause:
    argument = argument_of(condition.name, dialect)
    if condition.comparison is Comparison.NE:
        equal = argument.fulfils(Comparison.EQ, condition)
        fulfilled = sa.and_(argument.is_there, sa.case((equal, sa.false()), else_=sa.true()))
    else:
        fulfilled = argument.fulfils(condition.comparison, condition)
    # A CASE, because only there the order of evaluation is sure: parsing comes last.
    return sa.case((argument.written(_written(condition)), fulfilled), else_=sa.false())


def argument_of(name: str, dialect: str) -> Argument:
    """An argument, for a kind of database."""
    return _SqliteArgument(name) if dialect == "sqlite" else _PostgresArgument(_postgres_json(name))


def _written(condition: ArgumentCondition) -> str:
    """What stands in the text of arguments that fulfil a condition."""
    name = f'"{condition.name}":'
    if condition.comparison is not Comparison.EQ:
        return name
    number = condition.number
    if number is None:
        text = text_of(condition.value)  # of a date, or the same as a text
        return name if text is not None and MOMENT.fullmatch(text) else name + condition.json
    # Another number of the same value begins alike: 200, 200.0. From 1e16 on, and at zero, it need not.
    whole = number.is_finite() and number and abs(number) < 10**FLOAT_DIGITS and number == int(number)
    return f"{name}{int(number)}" if whole else name


class Argument(ABC):
    """An argument of each task.

    Attributes
    ----------
    is_there : ColumnElement of bool
        Whether a task has it.
    is_text : ColumnElement of bool
        Whether it is a text, or a date or time.
    text : ColumnElement of str
        The text.
    json : ColumnElement of str
        What stands for anything else, its JSON or something that has the same order.
    number : ColumnElement
        The number, as near as the database has it; NULL where it is none.
    """

    is_there: Clause
    is_text: Clause
    text: sa.ColumnElement[str]
    json: sa.ColumnElement[str]
    number: sa.ColumnElement[Any]

    @abstractmethod
    def written(self, text: str) -> Clause:
        """The condition that a text stands anywhere in the JSON of all arguments."""

    @abstractmethod
    def same_json(self, json: str) -> Clause:
        """The condition that it is neither number nor text, and has this JSON."""

    @abstractmethod
    def compare_number(self, comparison: Comparison, number: Decimal) -> Clause:
        """The condition that it is a number, which stands so to another."""

    def among(self, condition: Clause) -> tuple[Argument, sa.Select[Any], sa.ColumnElement[int]]:
        """The argument of the tasks of a condition, to be looked at often; with a query of them, and their number."""
        return self, sa.select().select_from(tasks).where(condition), tasks.c.number

    @property
    @abstractmethod
    def ties(self) -> list[sa.ColumnElement[Any]]:
        """What orders numbers that are the same as far as the database sees."""

    @property
    @abstractmethod
    def exact(self) -> sa.ColumnElement[str]:
        """A number as it is written."""

    def fulfils(self, comparison: Comparison, condition: ArgumentCondition) -> Clause:
        """The condition that it stands so to the value of a condition."""
        number = condition.number
        if number is not None:
            return self.compare_number(comparison, number)
        text = text_of(condition.value)
        if text is not None:
            return sa.and_(self.is_text, comparison.compare(self.text, without_nul(text)))
        return self.same_json(condition.json)

    @property
    def rank(self) -> sa.ColumnElement[int]:
        """Numbers come before texts, then what is neither, and last tasks without it."""
        return sa.case((self.number.isnot(None), 0), (self.is_text, 1), (self.is_there, 2), else_=3)

    @property
    def sorted_text(self) -> sa.ColumnElement[str | None]:
        """What orders those that are no numbers."""
        text = sa.case((self.number.isnot(None), None), (self.is_text, self.text), else_=self.json)
        return sa.func.substr(text, 1, SORTED_CHARACTERS, type_=sa.Text)


def _moment_in(json: sa.ColumnElement[Any]) -> sa.ColumnElement[str | None]:
    """The text of a date or time, of the JSON of an object; NULL where it is none.

    Only these have no quote but those around their text.
    """
    heads = [f'{{"{tag}":"' for tag in MOMENT_TAGS]
    texts = [
        (
            sa.func.substr(json, 1, len(head), type_=sa.Text) == head,
            sa.func.substr(json, len(head) + 1, sa.func.length(json) - len(head) - 2, type_=sa.Text),
        )
        for head in heads
    ]
    text = sa.case(*texts, else_=None)
    allowed: Clause = sa.func.ltrim(text, "-0123456789:.T", type_=sa.Text) == ""
    return sa.case((sa.and_(allowed, text != ""), text), else_=None)


def _no_nul() -> sa.ColumnElement[str]:
    return sa.func.replace(tasks.c.arguments, r"\u0000", "\ufffd", type_=sa.Text)


class _SqliteArgument(Argument):
    def __init__(self, name: str) -> None:
        path = f'$."{name}"'
        self._kind = sa.func.json_type(tasks.c.arguments, path, type_=sa.Text)
        # All of JSON's forms in one column.
        self._value: sa.ColumnElement[Any] = sa.func.json_extract(tasks.c.arguments, path)
        # Asked for twice, it comes as the JSON of a list, with all digits; the operator -> is not in all releases.
        self._pair = sa.func.json_extract(tasks.c.arguments, path, path, type_=sa.Text)
        self.is_there = self._kind.isnot(None)
        moment = sa.case((self._kind == "object", _moment_in(self._value)), else_=None)
        self.is_text = sa.or_(self._kind == "text", moment.isnot(None))
        self.text = sa.func.coalesce(moment, sa.func.json_extract(_no_nul(), path, type_=sa.Text), type_=sa.Text)
        self.json = self._pair
        infinities: list[Any] = [
            (sa.and_(self._kind == "object", self._value == json), sa.literal_column(f"{sign}9e999"))
            for json, sign in zip(INFINITIES, ("", "-"), strict=True)
        ]
        self.number = sa.case((self._kind.in_(("integer", "real")), sa.cast(self._value, sa.REAL)), *infinities)

    def written(self, text: str) -> Clause:
        return sa.func.instr(tasks.c.arguments, text, type_=sa.Integer) > 0

    def same_json(self, json: str) -> Clause:
        if json in ("true", "false", "null"):
            return self._kind == json
        return sa.and_(self._kind.in_(("array", "object")), self._value == json)

    def compare_number(self, comparison: Comparison, number: Decimal) -> Clause:
        # Floats that differ are in the order of their numbers. Where they do not, all digits are compared.
        near = sa.literal(_float(number), sa.REAL)
        few = len(number.as_tuple().digits) <= FLOAT_DIGITS or number == _decimal(_float(number))
        order: Any = sa.func.taskq_decimal_order(self._pair, str(number), type_=sa.Integer)
        if few and number.is_finite():
            order = sa.case((self._is_long, order), else_=0)
        # A CASE again: an AND has both of its sides evaluated.
        tie = sa.case((self.number == near, comparison.compare(order, 0)), else_=sa.false())
        if comparison is Comparison.EQ:
            return tie
        below = comparison in (Comparison.LT, Comparison.LE)
        return sa.or_(self.number < near if below else self.number > near, tie)

    @property
    def _is_long(self) -> Clause:
        return sa.func.length(self._pair, type_=sa.Integer) > 2 * FLOAT_DIGITS + 3

    @property
    def ties(self) -> list[sa.ColumnElement[Any]]:
        long = sa.case((sa.and_(self.number.isnot(None), self._is_long), self._pair))
        return [sa.collate(long, "taskq_decimal")]

    @property
    def exact(self) -> sa.ColumnElement[str]:
        return sa.func.substr(self._pair, 2, (sa.func.length(self._pair, type_=sa.Integer) - 3) / 2, type_=sa.Text)


def _postgres_json(name: str) -> sa.ColumnElement[str]:
    document = sa.cast(_no_nul(), postgresql.JSON)
    return sa.cast(sa.func.json_extract_path(document, name, type_=postgresql.JSON), sa.Text)


class _PostgresArgument(Argument):
    #: Numbers that NUMERIC takes; others are none here.
    _NUMBER = r"^-?[0-9]+(\.[0-9]{1,200})?([eE][-+]?[0-9]{1,3})?$"
    #: Beyond all of these.
    _INFINITY = "1e5999"

    def __init__(self, json: sa.ColumnElement[str]) -> None:
        # What it is shows in how it is written; each look at it may parse the document once more.
        self.json = sa.collate(json, "C")
        self.is_there = self.json.isnot(None)
        moment = _moment_in(self.json)
        self.is_text = sa.or_(self.json.like('"%'), moment.isnot(None))
        node = sa.cast(self.json, postgresql.JSON)
        text = node.op("#>>", return_type=sa.Text())(sa.cast([], postgresql.ARRAY(sa.Text)))
        self.text = sa.collate(sa.func.coalesce(moment, text, type_=sa.Text), "C")
        infinities: list[Any] = [
            (self.json == json, sa.cast(sign + self._INFINITY, sa.Numeric))
            for json, sign in zip(INFINITIES, ("", "-"), strict=True)
        ]
        self.number = sa.case((self.json.regexp_match(self._NUMBER), sa.cast(self.json, sa.Numeric)), *infinities)

    def among(self, condition: Clause) -> tuple[Argument, sa.Select[Any], sa.ColumnElement[int]]:
        # The offset keeps PostgreSQL from putting the expression into every place where its value is used.
        found = sa.select(self.json.label("json"), tasks.c.number).where(condition).offset(0).subquery()
        return _PostgresArgument(found.c.json), sa.select().select_from(found), found.c.number

    def written(self, text: str) -> Clause:
        return sa.func.strpos(tasks.c.arguments, text, type_=sa.Integer) > 0

    def same_json(self, json: str) -> Clause:
        return self.json == json

    def compare_number(self, comparison: Comparison, number: Decimal) -> Clause:
        text = str(number) if number.is_finite() else ("-" if number < 0 else "") + self._INFINITY
        compared: Clause = comparison.compare(self.number, sa.cast(sa.literal(text, sa.Text), sa.Numeric))
        return sa.func.coalesce(compared, sa.false())

    @property
    def ties(self) -> list[sa.ColumnElement[Any]]:
        return []

    @property
    def exact(self) -> sa.ColumnElement[str]:
        return self.json


def _float(number: Decimal) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.copysign(math.inf, number)


def _decimal(number: float) -> Decimal | None:
    return Decimal(repr(number)) if math.isfinite(number) else None
