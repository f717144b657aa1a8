"""Numbers made ready to be drawn: few enough for a screen, and nothing of note left out.

What is too much for the points of a screen is thinned. Of each stretch of a line the
smallest and the largest number stay, so a single peak among a million is seen; of each
block of a matrix the number that is furthest from the median. What cannot be drawn (NaN,
infinities, missing) is a gap, and is counted.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from statistics import median
from typing import Any

Picture = dict[str, Any]

#: A line of more numbers than three times this is cut into this many stretches.
STRETCHES = 300
#: A matrix with a side longer than this is cut into blocks.
MOST_A_SIDE = 128
#: Less than this many numbers are read faster than they are looked at.
LEAST_NUMBERS, LEAST_CELLS = 5, 16


def number(value: Any) -> float | None:
    """Return a value as a number to draw, NaN where it is missing; None where it is no number."""
    match value:
        case bool():
            return None
        case int() | float() | Decimal():
            return _real(value)
        case None:
            return math.nan
        case {"$float": str(name)}:
            return float(name)
        case {"$rational": [int(over), int(under)]}:
            try:
                return over / under
            except (ZeroDivisionError, OverflowError):
                return math.inf if over > 0 else -math.inf
    return None


def _real(value: float | Decimal) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def numbers(values: Sequence[Any]) -> list[float] | None:
    """Return values as numbers to draw, NaN where one is missing; None where one of them is no number."""
    found = []
    for value in values:
        one = number(value)
        if one is None:
            return None
        found.append(one)
    return found


def line(values: Sequence[float]) -> Picture | None:
    """Return numbers in a row as a line, each point with its index, from 1; None where there is none to draw."""
    finite = [value for value in values if math.isfinite(value)]
    if len(values) < LEAST_NUMBERS or len(finite) < 2:
        return None
    said = [f"{len(values):,} numbers"]
    if len(values) > 3 * STRETCHES:
        said.append(f"of every {math.ceil(len(values) / STRETCHES):,} the smallest and the largest are drawn")
    return {
        "kind": "line", "count": len(values), "points": thinned(values), "low": min(finite), "high": max(finite),
        "text": "; ".join([*said, *_gaps(values)]),
    }  # fmt: skip


def curve(name: str, count: int, steps: Sequence[float], values: Sequence[float]) -> Picture | None:
    """Return a series as a line over its steps; None where there is no number to draw.

    Parameters
    ----------
    name
        What it is called.
    count
        How many reports there were, of which these are the points that are kept.
    steps, values
        Where each point stands, and its number.
    """
    points = [(step, value) for step, value in zip(steps, values, strict=True) if math.isfinite(step)]
    finite = [value for _, value in points if math.isfinite(value)]
    if not finite:
        return None
    steps, values = zip(*points, strict=True)
    said = f"{count:,} report{'' if count == 1 else 's'}"
    return {
        "kind": "line", "count": len(values), "points": [[steps[at - 1], value] for at, value in thinned(values)],
        "low": min(finite), "high": max(finite), "steps": [min(steps), max(steps)], "name": name,
        "text": "; ".join([said, *_gaps(values)]),
    }  # fmt: skip


def thinned(values: Sequence[float]) -> list[list[Any]]:
    """Return the place, from 1, and the number of each point that is drawn; None for the number is a gap."""
    if len(values) <= 3 * STRETCHES:
        return [[at, _drawn(value)] for at, value in enumerate(values, 1)]
    return list(_ends_of_stretches(values))


def _ends_of_stretches(values: Sequence[float]) -> Iterator[list[Any]]:
    width = math.ceil(len(values) / STRETCHES)
    for start in range(0, len(values), width):
        stretch = range(start, min(start + width, len(values)))
        there = [at for at in stretch if math.isfinite(values[at])]
        if there:
            ends = {min(there, key=values.__getitem__), max(there, key=values.__getitem__)}
            yield from ([at + 1, values[at]] for at in sorted(ends))
        if len(there) < len(stretch):
            yield [stretch[-1] + 1, None]


def heat(rows: Sequence[Sequence[float]]) -> Picture | None:
    """Return a matrix of numbers as the cells of a heat map; None where there is too little to draw."""
    height, width = len(rows), len(rows[0])
    every = [value for row in rows for value in row]
    finite = [value for value in every if math.isfinite(value)]
    if min(height, width) < 2 or len(every) < LEAST_CELLS or not finite:
        return None
    block = math.ceil(height / MOST_A_SIDE), math.ceil(width / MOST_A_SIDE)
    said = [f"{height:,} × {width:,} numbers"]
    if block != (1, 1):
        said.append(f"of every {block[0]:,} × {block[1]:,} the one furthest from the median is drawn")
    return {
        "kind": "heat", "rows": height, "columns": width, "block": block, "cells": _blocks(rows, block, finite),
        "low": min(finite), "high": max(finite), "text": "; ".join([*said, *_gaps(every)]),
    }  # fmt: skip


def _blocks(rows: Sequence[Sequence[float]], block: tuple[int, int], finite: Sequence[float]) -> list[list[Any]]:
    if block == (1, 1):
        return [[_drawn(value) for value in row] for row in rows]
    middle = median(finite)
    high, wide = block
    return [
        [
            max(
                (value for row in rows[top : top + high] for value in row[left : left + wide] if math.isfinite(value)),
                key=lambda value: abs(value - middle),
                default=None,
            )
            for left in range(0, len(rows[0]), wide)
        ]
        for top in range(0, len(rows), high)
    ]


def _drawn(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _gaps(values: Sequence[float]) -> list[str]:
    gaps = (value for value in values if not math.isfinite(value))
    kinds = Counter("infinite" if math.isinf(value) else "NaN or missing" for value in gaps)
    return [f"{count:,} {'is' if count == 1 else 'are'} {kind}, and not drawn" for kind, count in kinds.items()]


def shape(data: Any) -> tuple[int, ...]:
    """Return the lengths of nested lists, outermost first, as deep as all of one depth have the same."""
    if not isinstance(data, list):
        return ()
    if not data:
        return (0,)
    first = shape(data[0])
    for item in data[1:]:
        if not first:
            break
        other = shape(item)
        common = 0
        while common < min(len(first), len(other)) and first[common] == other[common]:
            common += 1
        first = first[:common]
    return (len(data), *first)


def slice_of(data: list[Any], sizes: Sequence[int], at: int) -> tuple[list[list[Any]], str]:
    """Return one matrix of an array of more dimensions, and how Julia names it: ``[:, :, 2]``.

    Parameters
    ----------
    data
        Nested lists, the first index outermost.
    sizes
        Its lengths, all of them.
    at
        Which one, from 0, as Julia counts: the third index runs fastest.
    """
    places = []
    for size in sizes[2:]:
        at, place = divmod(at, size)
        places.append(place)

    def entry(cell: Any) -> Any:
        for place in places:
            cell = cell[place]
        return cell

    return [[entry(cell) for cell in row] for row in data], f"[:, :, {', '.join(str(place + 1) for place in places)}]"
