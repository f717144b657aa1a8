"""A batch as a picture: what `Sweep.plot` draws by default, of the points that have a value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from taskq_kernel import exact_json
from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import InvalidJSON
from taskq_kernel.service.shared.facts import parsed_arguments
from taskq_kernel.service.shared.picture import LINES, Picture, Series, draw_heat_map, draw_lines, thinned
from taskq_kernel.service.shared.recipe_words import Words
from taskq_kernel.service.shared.value_blocks import VALUE, cell, finite
from taskq_kernel.store.rows import TaskRow
from taskq_kernel.value_text import is_tagged

#: Arguments that are looked at.
_ARGUMENTS = 20


class Labels(NamedTuple):
    """What stands at the axes, and what the lines or the shades are."""

    x: str
    y: str
    second: str


def value_fields(row: TaskRow) -> dict[str, Any]:
    """A point's value by its fields: itself as ``value``, or those of a dictionary or named tuple."""
    if row.value_json is None:
        return {}
    try:
        data = exact_json.decode_kept(row.value_json.encode())
    except (InvalidJSON, ValueError, RecursionError):
        return {}
    if isinstance(data, dict) and not is_tagged(data):
        return {str(name): item for name, item in data.items()}
    return {VALUE: data}


def batch_picture(
    rows: Sequence[TaskRow], total: int, order: Sequence[str] = (), words: Words | None = None
) -> Picture | None:
    """The picture of a batch; None where there is none to be drawn.

    Against the first argument that is a number and not the same for all points stands what its recipe names for that,
    or the first number of the values. A second argument that is not the same for all makes a line for each of its
    values, where there are few; where it is a number with many, and the points lie on a grid, it makes a heat map.

    Parameters
    ----------
    total : int
        How many points there are.
    order : sequence of str
        The order of the arguments, as far as that is known.
    words : Words, optional
        What its recipe calls them.
    """
    words = words or Words()
    arguments = [given for row in rows if (given := parsed_arguments(row))]
    points = [
        (parsed_arguments(row), value_fields(row)) for row in rows if row.status == TaskStatus.FINISHED
    ]
    points = [(given, fields) for given, fields in points if given and fields]
    y = _number_drawn([fields for _, fields in points], words.swept)
    # By all points, so that the picture stays the same while they are computed.
    names = _order(arguments, order)
    varying = [name for name in names if _varies([given.get(name) for given in arguments])]
    x = next((name for name in [*varying, *names] if _all_numbers([given.get(name) for given, _ in points])), None)
    if x is None or y is None:
        return None
    second = next((name for name in varying if name != x), None)
    labels = Labels(words.argument(x), words.result(y), words.argument(second) if second else "")
    said = f"{labels.y} against {labels.x}" + (f", by {labels.second}" if second else "")
    about = f"{said}: {len(points):,} of {total:,} points"
    found = [
        (place, height, given.get(second) if second else None)
        for given, fields in points
        if (place := finite(given.get(x))) is not None and (height := finite(fields.get(y))) is not None
    ]
    groups = defaultdict(list)
    for place, height, other in found:
        groups[cell(other) if second else ""].append((place, height, other))
    if second and len(groups) > LINES:
        return _grid(found, labels, about) or _dots(found, labels, about)
    return _lines(groups, labels, about)


def _lines(groups: Mapping[str, Sequence[tuple[float, float, Any]]], labels: Labels, about: str) -> Picture | None:
    order = sorted(groups, key=lambda label: (finite(groups[label][0][2]) is None, finite(groups[label][0][2]) or 0.0))
    series = [thinned(_mean(groups[label], label)) for label in order]
    return draw_lines(series, x_label=labels.x, y_label=labels.y, key=labels.second, about=about)


def _mean(points: Sequence[tuple[float, float, Any]], label: str) -> Series:
    """A line through the mean where a place has several points."""
    heights = defaultdict(list)
    for place, height, _ in points:
        heights[place].append(height)
    places = sorted(heights)
    # Halves first: the sum of large numbers may be more than a number can be.
    return Series(places, [sum(one / len(heights[place]) for one in heights[place]) for place in places], label)


def _dots(found: Sequence[tuple[float, float, Any]], labels: Labels, about: str) -> Picture | None:
    order = sorted((place, height) for place, height, _ in found)
    series = thinned(Series([place for place, _ in order], [height for _, height in order]))
    return draw_lines([series], x_label=labels.x, y_label=labels.y, about=about, joined=False)


def _grid(found: Sequence[tuple[float, float, Any]], labels: Labels, about: str) -> Picture | None:
    """A heat map, where the points lie on a grid and leave no more than half of it empty."""
    heights = defaultdict(list)
    for place, height, other in found:
        row = finite(other)
        if row is None:
            return None
        heights[place, row].append(height)
    table = {where: sum(one / len(those) for one in those) for where, those in heights.items()}
    columns, rows = {column for column, _ in table}, {row for _, row in table}
    if min(len(columns), len(rows)) < 2 or len(table) * 2 < len(columns) * len(rows):
        return None
    return draw_heat_map(table, x_label=labels.x, y_label=labels.second, key=labels.y, about=about)


def _order(arguments: Sequence[Mapping[str, Any]], order: Sequence[str]) -> list[str]:
    """The names of arguments: in their order as far as that is known, and no more than are looked at."""
    there = dict.fromkeys(name for given in arguments for name in given)
    return sorted(there, key=lambda name: order.index(name) if name in order else len(order))[:_ARGUMENTS]


def _number_drawn(values: Sequence[Mapping[str, Any]], wanted: str) -> str | None:
    """The field that is drawn: the one that is wanted where it is a number, else the first number."""
    # Each value once: every point may have fields of its own.
    found: dict[str, bool] = {}
    for fields in values:
        for name, item in fields.items():
            found[name] = found.get(name, False) or finite(item) is not None
    return next((name for name in (wanted, *found) if found.get(name)), None)


def _all_numbers(items: Sequence[Any]) -> bool:
    return bool(items) and all(finite(item) is not None for item in items)


def _varies(items: Sequence[Any]) -> bool:
    return len({cell(item) for item in items}) > 1
