"""Conditions on a task's arguments: ``n`` is 200, ``beta`` is above 0.5.

A condition means the same wherever it is decided: in SQL by `taskq_kernel.store.argument_values`, and
here for a task that is in hand. It asks about an argument itself, not about what lies within it.

* Numbers are compared by value: 200 finds the integer 200 and the float 200.0, and no text. An
  integer of any length is exact; a float is the number that is written for it. Infinities are
  numbers, NaN is none.
* Texts are compared by their characters' codes, and with texts alone; NUL counts as U+FFFD. Dates and times are
  texts here, as ISO 8601 writes them: ``day>=2026-01-02`` finds both.
* Anything else (truth values, ``nothing``, lists, objects, fractions, ranges, symbols) can be equal or
  not: it is equal to what has the same JSON.
* What has another type than the value is not equal to it, and neither below nor above it.
* A task without the argument fulfils no condition on it, ``NE`` included.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from taskq_kernel import exact_json
from taskq_kernel.argument_names import is_place, place_of, why_no_name
from taskq_kernel.errors import InvalidTask

#: How many conditions may be given at once.
MAX_CONDITIONS = 20
#: How long the JSON of a value that is asked for may be, in bytes.
MAX_VALUE_BYTES = 1000
#: The largest power of ten, either way, of a number that is asked for.
MAX_POWER = 1000

#: How infinities travel, and what they are.
INFINITIES = {'{"$float":"Infinity"}': Decimal("Infinity"), '{"$float":"-Infinity"}': Decimal("-Infinity")}


#: What dates and times travel under, and what stands there.
MOMENT_TAGS = ("$date", "$datetime", "$time")
MOMENT = re.compile(r"[-0-9:.T]+")


class Comparison(StrEnum):
    """How an argument stands to a value."""

    EQ = "EQ"
    NE = "NE"
    LT = "LT"
    LE = "LE"
    GT = "GT"
    GE = "GE"

    @property
    def compare(self) -> Callable[[Any, Any], Any]:
        """The same as a function of two values, or of a column and a value."""
        found: Callable[[Any, Any], Any] = getattr(operator, self.lower())
        return found


@dataclass(frozen=True, slots=True)
class ArgumentCondition:
    """A condition on one argument.

    Attributes
    ----------
    name : str
        The argument; ``"1"``, ``"2"``, ... go by position, which frames call ``arg1``, ``arg2``, ...
    comparison : Comparison
        How it stands to the value.
    value : object
        The value, as it travels: JSON.
    """

    name: str
    comparison: Comparison
    value: Any

    @property
    def json(self) -> str:
        """The value's JSON, as it would be stored."""
        return exact_json.encode(self.value).decode()

    @property
    def number(self) -> Decimal | None:
        """The value as a number; None where it is none."""
        return number_of(self.value)

    def check(self) -> ArgumentCondition:
        """The same condition.

        Raises
        ------
        InvalidTask
            If no argument can have this name, or the value cannot be compared so.
        """
        check_name(self.name)
        field = f"arguments.{self.name[:80]}"
        place = f"argument {self.name[:80]!r}"
        if len(self.json) > MAX_VALUE_BYTES:
            problem = f"is compared with a value of {len(self.json)} bytes as JSON: give at most {MAX_VALUE_BYTES}"
            raise InvalidTask(problem, field, place=place)
        number = self.number
        if number is None and text_of(self.value) is None and self.comparison not in (Comparison.EQ, Comparison.NE):
            alone = "numbers and texts alone, dates among them, are below or above others"
            problem = f"is compared with {self.json[:80]}: {alone}"
            raise InvalidTask(problem, field, place=place)
        if number and number.is_finite() and abs(number.adjusted()) > MAX_POWER:
            problem = f"is compared with {self.json[:80]}: give a number whose power of ten is at most {MAX_POWER:,}"
            raise InvalidTask(problem, field, place=place)
        return self

    def holds(self, arguments: Mapping[str, Any]) -> bool:
        """Whether a task with these arguments fulfils it."""
        place = place_of(self.name)
        if place is not None and replace(self, name=place).holds(arguments):
            return True
        if self.name not in arguments:
            return False
        found = arguments[self.name]
        if self.comparison is Comparison.NE:
            return not self._compares(operator.eq, found)
        return self._compares(self.comparison.compare, found)

    def _compares(self, compare: Callable[[Any, Any], Any], found: Any) -> bool:
        mine, number = number_of(found), self.number
        if mine is not None or number is not None:
            return mine is not None and number is not None and bool(compare(mine, number))
        text, wanted = text_of(found), text_of(self.value)
        if text is not None or wanted is not None:
            return text is not None and wanted is not None and bool(compare(without_nul(text), without_nul(wanted)))
        return compare is operator.eq and exact_json.encode(found).decode() == self.json


def check_name(name: str) -> str:
    """A name that an argument can have.

    Raises
    ------
    InvalidTask
        If none can have it.
    """
    reason = "" if is_place(name) else why_no_name(name)
    if reason:
        problem = f"is no name that Julia takes: {reason}"
        raise InvalidTask(problem, f"arguments.{name[:80]}", place=f"argument {name[:80]!r}")
    return name


def number_of(value: Any) -> Decimal | None:
    """An argument as a number, by the digits that are written for it; None where it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, dict) and value.keys() == {"$float"}:
        return INFINITIES.get(exact_json.encode(value).decode())
    return None


def text_of(value: Any) -> str | None:
    """An argument as a text, which dates and times are by their ISO form; None where it is none."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and len(value) == 1:
        tag, content = next(iter(value.items()))
        if tag in MOMENT_TAGS and isinstance(content, str) and MOMENT.fullmatch(content):
            return content
    return None


def without_nul(text: str) -> str:
    """A text as it is compared: no database has NUL in texts."""
    return text.replace("\0", "\ufffd")
