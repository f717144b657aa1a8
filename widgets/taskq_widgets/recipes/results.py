"""A recipe's result, as the recipe says that it is shown.

What comes out is of the forms of `taskq_widgets.panels.results`, and of three more:

========== ======================================================================
``number`` ``text``, with its uncertainty and unit; ``label``
``chart``  ``chart``: curves over numbers, see `chart`
``heat``   ``picture``, with ``label``, and ``x_label`` and ``y_label`` at its sides
========== ======================================================================

Each has ``rest``: rows of a name and a value for the numbers and texts of the result that are not shown already, of
which the recipe's help may speak.

A result that has not what the recipe says is shown as any other, with a ``note`` that says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from taskq_kernel.domain import ValueKind
from taskq_kernel.value_text import is_tagged, null_word, written
from taskq_widgets.panels import pictures
from taskq_widgets.panels.results import Shown, present

if TYPE_CHECKING:
    from taskq_kernel.recipe_file import Show

#: Other entries of a result that stand below what is shown of it, and how long the text of one may be.
MOST_REST, REST_LIMIT = 12, 200


class NotShown(ValueError):
    """A result has not what its recipe says; the message is a sentence for people."""


def shown_as(show: Show, kind: str, data: Any, text: str = "", julia_type: str = "") -> Shown:
    """Make a result ready to be shown as its recipe says.

    Parameters
    ----------
    show
        How the recipe says that it is shown.
    kind, data, text, julia_type
        The value, as `taskq_widgets.panels.results.present` takes it.
    """
    try:
        null = null_word(text, julia_type, "nothing")
        return _FORMS[show.kind](show, kind, data) | {"rest": _rest(show, kind, data, null)}
    except NotShown as problem:
        return present(kind, data, text, julia_type) | {"note": str(problem)}


def number_of(data: Any, name: str) -> float | None:
    """A number of a result by its field, or the result itself; None where it is none."""
    try:
        found = pictures.number(field_of(data, name))
    except NotShown:
        return None
    return found if found is not None and math.isfinite(found) else None


def numbers_in(data: Any) -> list[str]:
    """The fields of a result that are numbers."""
    if not isinstance(data, Mapping) or is_tagged(data):
        return []
    return [name for name, value in data.items() if value is not None and pictures.number(value) is not None]


def field_of(data: Any, name: str) -> Any:
    """A field of a result; the result itself for an empty name.

    Raises
    ------
    NotShown
        If it has none such.
    """
    if not name:
        return data
    for fields in (data, data.get("columns") if isinstance(data, Mapping) else None):
        if isinstance(fields, Mapping) and name in fields:
            return fields[name]
    raise NotShown(f"The recipe shows “{name}”, which this result has not.")


def _rest(show: Show, kind: str, data: Any, null: str) -> list[list[str]]:
    """The entries of a result that stand below what is drawn of it: those that are one number or text each."""
    if kind != ValueKind.JSON or not isinstance(data, Mapping) or is_tagged(data):
        return []
    drawn = {show.value, show.error, show.x, *show.y, *show.columns}
    rest = [
        [_said(name), _short(other, null)] for name, other in data.items()
        if name not in drawn and not _has_parts(other)
    ]  # fmt: skip
    return rest[:MOST_REST]


def _has_parts(value: Any) -> bool:
    return isinstance(value, list) or (isinstance(value, Mapping) and not is_tagged(value))


def _short(value: Any, null: str) -> str:
    """A number or a text in a row of its own."""
    if not isinstance(value, str):
        return written(value, null=null, limit=REST_LIMIT)
    return value if len(value) <= REST_LIMIT else value[:REST_LIMIT] + "…"


# -- a number ------------------------------------------------------------------------------


def uncertain(value: float, error: float | None) -> str:
    """A number with its standard error: as many digits as the error leaves, which has two.

    >>> uncertain(0.911342, 0.00417)
    '0.9113 ± 0.0042'
    """
    if error is None or not math.isfinite(error) or error <= 0 or not math.isfinite(value):
        return f"{value:.10g}"
    digits = 1 - math.floor(math.log10(float(f"{error:.1e}")))
    if -4 <= digits <= 12:
        places = max(0, digits)
        return f"{round(value, digits):,.{places}f} ± {round(error, digits):,.{places}f}".replace(",", "\u202f")
    power = math.floor(math.log10(max(abs(value), error)))
    scale = 10.0**power
    places = max(0, digits + power)
    return f"({value / scale:.{places}f} ± {error / scale:.{places}f}) × 10^{power}"


def _number(show: Show, _kind: str, data: Any) -> Shown:
    value = pictures.number(field_of(data, show.value))
    if value is None:
        raise NotShown(f"The recipe shows a number{_named(show.value)}, and this is none.")
    error = pictures.number(field_of(data, show.error)) if show.error else None
    unit = f" {show.unit}" if show.unit else ""
    return {
        "form": "number", "text": uncertain(value, error) + unit, "label": show.label or _said(show.value),
        "uncertain": error is not None,
    }  # fmt: skip


# -- curves --------------------------------------------------------------------------------


def chart(
    curves: Sequence[tuple[str, Sequence[Sequence[float | None]]]], x_label: str, y_label: str,
    span: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """What a browser has to know of curves.

    Parameters
    ----------
    curves
        The name of each, and its points: x, y, and the standard error of y or None.
    x_label, y_label
        What stands at the axes.
    span
        What x reaches over, where that is known before all points are.
    """
    every = [point for _, points in curves for point in points if point[1] is not None]
    xs = [point[0] for _, points in curves for point in points if point[0] is not None]
    # A standard error is drawn to either side.
    ends = [y for _, y, e in every if y is not None for y in (y - (e or 0.0), y + (e or 0.0))]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    return {
        "curves": [{"name": name, "points": [list(point) for point in points]} for name, points in curves],
        "x_label": x_label, "y_label": y_label, "low": low, "high": high,
        "span": list(span) if span else [min(xs), max(xs)] if xs else [0.0, 1.0],
    }  # fmt: skip


def _line(show: Show, _kind: str, data: Any) -> Shown:
    columns = [_numbers(data, name) for name in show.y]
    count = min(map(len, columns))
    xs = _numbers(data, show.x) if show.x else [float(place) for place in range(1, count + 1)]
    errors = _numbers(data, show.error) if show.error and len(columns) == 1 else None
    curves = []
    for name, ys in zip(show.y, columns, strict=True):
        places = range(min(count, len(xs)))
        points = [
            [xs[at], _finite(ys[at]), None if errors is None or at >= len(errors) else _finite(errors[at])]
            for at in places if math.isfinite(xs[at])
        ]  # fmt: skip
        curves.append((_said(name), thinned(points)))
    y_label = show.y_label or (_said(show.y[0]) if len(show.y) == 1 else "")
    return {"form": "chart", "chart": chart(curves, show.x_label or _said(show.x) or "place", y_label)}


def thinned(points: list[list[float | None]]) -> list[list[float | None]]:
    """Few enough points for a screen; of each stretch the least, the greatest and a gap stay."""
    heights = [math.nan if y is None else y for _, y, _ in points]
    return [[points[at - 1][0], y, None if y is None else points[at - 1][2]] for at, y in pictures.thinned(heights)]


def _numbers(data: Any, name: str) -> list[float]:
    values = field_of(data, name)
    found = pictures.numbers(values) if isinstance(values, list) and values else None
    if found is None:
        raise NotShown(f"The recipe shows numbers in a row{_named(name)}, and these are none.")
    return found


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


# -- the others ----------------------------------------------------------------------------


def _heat_map(show: Show, _kind: str, data: Any) -> Shown:
    matrix = field_of(data, show.value)
    rows = [pictures.numbers(row) for row in matrix] if _is_matrix(matrix) else [None]
    picture = None if None in rows else pictures.heat([row for row in rows if row is not None])
    if picture is None:
        raise NotShown(f"The recipe shows a matrix of numbers{_named(show.value)}, and this is none that can be drawn.")
    sides = {"xs": _span(data, show.x), "ys": _span(data, show.y[0] if show.y else "")}
    return {
        "form": "heat", "picture": picture | sides, "label": show.label or _said(show.value),
        "x_label": show.x_label or _said(show.x), "y_label": show.y_label or _said(show.y[0] if show.y else ""),
    }  # fmt: skip


def _is_matrix(value: Any) -> bool:
    return isinstance(value, list) and len(pictures.shape(value)) == 2


def _span(data: Any, name: str) -> list[float] | None:
    """From where to where the places of a side go."""
    if not name:
        return None
    values = _numbers(data, name)
    return [values[0], values[-1]] if math.isfinite(values[0]) and math.isfinite(values[-1]) else None


def _table(show: Show, kind: str, data: Any) -> Shown:
    if not show.columns:
        return present(kind, data)
    columns = {name: field_of(data, name) for name in show.columns}
    if any(not isinstance(values, list) for values in columns.values()):
        raise NotShown("The recipe shows a table, and this result has none.")
    return present("TABLE", {"columns": {_said(name): values for name, values in columns.items()}})


def _picture(show: Show, kind: str, data: Any) -> Shown:
    value = field_of(data, show.value) if show.value else data
    if kind == "MIME" and not show.value:
        return present("MIME", value)
    if isinstance(value, Mapping) and any(str(name).startswith("image/") for name in value):
        return present("MIME", value)
    if isinstance(value, str) and value.lstrip().startswith("<svg"):
        return present("MIME", {"image/svg+xml": value})
    raise NotShown(f"The recipe shows a picture{_named(show.value)}, and this is none.")


def _named(name: str) -> str:
    return f", “{name}”" if name else ""


def _said(name: str) -> str:
    """A field's name as people write it."""
    return name.replace("_", " ")


_FORMS = {"number": _number, "line": _line, "heatmap": _heat_map, "table": _table, "picture": _picture}
