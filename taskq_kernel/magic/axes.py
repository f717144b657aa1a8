"""``--sweep n=1:10``: what one argument goes through, as Julia would write it.

A range has the elements that it has in Julia: ``0.0:0.1:1.0`` has eleven, and its fourth is 0.3, which adding up
would miss.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from taskq_kernel.client.refusals import option
from taskq_kernel.errors import InvalidJSON, InvalidTask
from taskq_kernel.literals import JuliaValue, read_value

#: The most tasks of one cell; a definition's sweep takes a million.
MOST_POINTS = 100_000
#: Denominators up to which a float is taken for a fraction that somebody meant, as Julia takes it.
_SMALL = 1 << 24


def parse_axes(pairs: Iterable[str]) -> dict[str, list[Any]]:
    """Axes written as ``n=1:10`` or ``n=[1, 2, 4]``, by the names of their arguments.

    Raises
    ------
    InvalidTask
        If one has no name, a name that comes twice, or values that are no range and no list.
    """
    axes: dict[str, list[Any]] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name = name.strip()
        if not equals or not name:
            raise _refused("", f"is {pair!r}: write it as name=first:last, or name=[1, 2, 4]")
        if name in axes:
            raise _refused(name, "is given twice")
        axes[name] = _values(name, text)
    count = math.prod(map(len, axes.values()))
    if count > MOST_POINTS:
        raise _refused("", f"has {count:,} points: more than {MOST_POINTS:,} are for q.define(code).sweep()")
    return axes


def points(axes: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    """All combinations; the last axis runs fastest, as nested loops would go."""
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def _values(name: str, text: str) -> list[Any]:
    try:
        given = read_value(text)
    except InvalidJSON as error:
        raise _refused(name, f"cannot be read: {error}") from None
    if isinstance(given, JuliaValue) and given.tag == "$range":
        given = _elements(name, given.content)
    if not isinstance(given, list):
        raise _refused(name, f"is {text[:80]!r}: give a range such as 1:10 or 0.0:0.1:1.0, or a list such as [1, 2, 4]")
    if not given:
        raise _refused(name, f"is {text[:80]!r}, which has no values")
    return given


def _elements(name: str, parts: list[Any]) -> list[Any]:
    """What a range goes through; its parts are its first, its step where that is not one, and its last."""
    first, *step, last = (_exact(name, part) for part in parts)
    by = step[0] if step else Fraction(1)
    count = max(0, math.floor((last - first) / by) + 1)
    if count > MOST_POINTS:
        raise _refused(name, f"has {count:,} values: more than {MOST_POINTS:,} are for q.define(code).sweep()")
    exact = [first + place * by for place in range(count)]
    if any(isinstance(part, float) for part in parts):
        return [float(one) for one in exact]
    if any(isinstance(part, JuliaValue) for part in parts):
        return [JuliaValue("$rational", [one.numerator, one.denominator]) for one in exact]
    return [int(one) for one in exact]


def _exact(name: str, number: Any) -> Fraction:
    if isinstance(number, float):
        meant = Fraction(number).limit_denominator(_SMALL)
        return meant if float(meant) == number else Fraction(number)
    if isinstance(number, int):
        return Fraction(number)
    if isinstance(number, JuliaValue) and number.tag == "$rational":
        return Fraction(*number.content)
    raise _refused(name, "is a range of numbers that are too large to be counted: give a list")


def _refused(name: str, problem: str) -> InvalidTask:
    field = f"sweep.{name}".rstrip(".")
    return InvalidTask(problem, field, place=option(field))
