"""The values that a sweep takes: so many of a range."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from taskq_kernel.errors import InvalidParameter
from taskq_kernel.parameters import shown

if TYPE_CHECKING:
    from taskq_kernel.parameters import Parameter

#: How many points one sweep of a form may have, and how many it has unless somebody says.
MOST, USUAL = 200, 12


def is_swept(parameter: Parameter) -> bool:
    """Whether a parameter can be swept: a number that is not chosen from a few."""
    return parameter.kind in ("whole", "number") and not parameter.choices


def usual_range(parameter: Parameter) -> tuple[str, str]:
    """From where to where it is swept unless somebody says."""
    default: Any = parameter.default
    around = abs(default) or 1
    low = parameter.minimum if parameter.minimum is not None else default - around
    high = parameter.maximum if parameter.maximum is not None else default + around
    if parameter.kind == "whole":
        low, high = math.ceil(low), math.floor(high)
    return f"{low:.10g}", f"{high:.10g}"


def values_of(parameter: Parameter, low: str, high: str, count: str) -> Sequence[float]:
    """The values of a sweep, as it is typed.

    Raises
    ------
    InvalidParameter
        If an end is none that the parameter takes, or the number of points is none.
    """
    first, last = _end(parameter, "From", low), _end(parameter, "To", high)
    if not first < last:
        raise InvalidParameter("high", f"is {shown(last)}: give more than {shown(first)}, where it starts.", "To")
    points = _count(count)
    step = (last - first) / (points - 1)
    every = [first + place * step for place in range(points - 1)] + [last]
    if parameter.kind == "whole":
        return sorted({round(one) for one in every})
    # Without the dust of binary fractions.
    return [float(f"{one:.12g}") for one in every]


def pilot_of(values: Sequence[float]) -> list[float]:
    """Three of a sweep's values, from its lower half, where runs tend to be short: all where there are no more."""
    if len(values) <= 3:
        return list(values)
    return [values[0], values[len(values) // 4], values[len(values) // 2]]


def _end(parameter: Parameter, called: str, text: str) -> Any:
    try:
        return parameter.read(text)
    except InvalidParameter as problem:
        raise InvalidParameter("low" if called == "From" else "high", problem.problem, called) from None


def _count(text: str) -> int:
    try:
        points = int(text)
    except ValueError:
        points = 0
    if not 2 <= points <= MOST:
        raise InvalidParameter("count", f"is “{text.strip()[:20]}”: give a whole number from 2 to {MOST}.", "Points")
    return points
