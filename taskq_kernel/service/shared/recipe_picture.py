"""The picture of a recipe's result on its page: the curves or the heat map that the recipe says it is shown as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import Any

from taskq_kernel.domain import ValueKind
from taskq_kernel.errors import InvalidDeclaration, InvalidJSON
from taskq_kernel.recipe_file import Show, read_recipe
from taskq_kernel.service.shared.picture import CELLS, LINES, Picture, Series, draw_heat_map, draw_lines, thinned
from taskq_kernel.service.shared.value_blocks import StoredValue, finite


def picture_of_recipe(code: str, value: StoredValue) -> Picture | None:
    """What a recipe's result is drawn as; None where it says another form, or the result has not what it says.

    Parameters
    ----------
    code : str
        The recipe's file, of the version that made the result.
    value : StoredValue
        The result.
    """
    if value.kind not in (ValueKind.JSON, ValueKind.TABLE) or not value.readable:
        return None
    try:
        show, data = read_recipe(code).show, value.parsed()
        fields = data["columns"] if value.kind == ValueKind.TABLE else data
        return _FORMS[show.kind](show, fields) if show.kind in _FORMS else None
    except (InvalidDeclaration, InvalidJSON, ValueError, LookupError, TypeError, AttributeError, OSError):
        return None


def _curves(show: Show, fields: Mapping[str, Any]) -> Picture | None:
    if not 0 < len(show.y) <= LINES:
        return None
    columns = [_numbers(fields[name]) for name in show.y]
    places = _numbers(fields[show.x]) if show.x else [float(place) for place in range(1, len(columns[0]) + 1)]
    # What is no number is left out, and said; of columns of unequal lengths the common beginning is drawn.
    found = [[(x, y) for x, y in zip(places, ys, strict=False) if x is not None and y is not None] for ys in columns]
    left_out = sum(min(len(places), len(ys)) - len(those) for ys, those in zip(columns, found, strict=True))
    series = [
        thinned(Series([x for x, _ in those], [y for _, y in those], _said(name)))
        for name, those in zip(show.y, found, strict=True)
    ]
    y_label = show.y_label or (_said(show.y[0]) if len(show.y) == 1 else "")
    return draw_lines(
        series, x_label=show.x_label or _said(show.x) or "place", y_label=y_label,
        key="Curves" if len(show.y) > 1 else "", about=f"Curves of {', '.join(map(_said, show.y))}",
        note=f"{left_out:,} that are no numbers are left out." if left_out else "",
    )


def _heat_map(show: Show, fields: Mapping[str, Any]) -> Picture | None:
    matrix = [_numbers(row) for row in _listed(fields[show.value] if show.value else fields)]
    if len(matrix) < 2 or len(matrix[0]) < 2 or {len(row) for row in matrix} != {len(matrix[0])}:
        return None
    xs = _places(fields, show.x, len(matrix[0]))
    ys = _places(fields, show.y[0] if show.y else "", len(matrix))
    down, across = ceil(len(matrix) / CELLS), ceil(len(matrix[0]) / CELLS)
    table = {
        (xs[column], ys[row]): number
        for row in range(0, len(matrix), down) for column in range(0, len(matrix[0]), across)
        if (number := matrix[row][column]) is not None
    }  # fmt: skip
    label = show.label or _said(show.value)
    picture = draw_heat_map(
        table, x_label=show.x_label or _said(show.x) or "column",
        y_label=show.y_label or _said(show.y[0] if show.y else "") or "row", key=label or "entry",
        about=f"{label or 'The entries'} as a heat map", downwards=True,
    )  # fmt: skip
    if picture is None or (down, across) == (1, 1):
        return picture
    return replace(picture, note=f"Of {down} × {across} entries one is drawn, of {len(matrix):,} × {len(matrix[0]):,}.")


def _places(fields: Mapping[str, Any], name: str, count: int) -> Sequence[float]:
    """The places of a side: those that the result has, or from 1 on."""
    found = [one for one in _numbers(fields[name]) if one is not None] if name else []
    return found if len(set(found)) == count else [float(place) for place in range(1, count + 1)]


def _numbers(items: Any) -> list[float | None]:
    return [finite(item) for item in _listed(items)]


def _listed(items: Any) -> list[Any]:
    """Entries as a list, also of an array that was kept apart."""
    found = items.tolist() if hasattr(items, "tolist") else items
    if not isinstance(found, list):
        raise TypeError(type(items).__name__)
    return found


def _said(name: str) -> str:
    """A field's name as people write it."""
    return name.replace("_", " ")


_FORMS = {"line": _curves, "heatmap": _heat_map}
