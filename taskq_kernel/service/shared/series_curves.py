"""What a task has reported as series of numbers: a curve for each on its page, and all of their points as CSV.

Each series has a picture of its own, as in the panel of a task: a loss and a temperature share no scale.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from taskq_kernel import exact_json
from taskq_kernel.domain import ValueKind
from taskq_kernel.errors import InvalidJSON
from taskq_kernel.service.shared.exports import csv_lines
from taskq_kernel.service.shared.picture import Picture, Series, draw_lines, thinned
from taskq_kernel.service.shared.value_blocks import CELL, cut
from taskq_kernel.values import decode

#: Curves that stand on a page; a task has no more series.
CURVES = 32

#: The points of a series: each its step and its value, NaN where there was none.
_Points = Sequence[tuple[float, float]]


def curves(reported: str | None) -> list[Picture]:
    """A picture of each series in which there is a number.

    Parameters
    ----------
    reported : str or None
        The series of a task as they are stored. What is none of a series is left out: it is no reason for a page
        to be missing.
    """
    drawn = (_curve(name, count, points) for name, count, points in list(_series(reported))[:CURVES])
    return [picture for picture in drawn if picture is not None]


def series_csv(reported: str | None) -> bytes | None:
    """All points that are kept, a row for each, as `Task.series` has them; None where there is none."""
    rows = [(name, step, value) for name, _, points in _series(reported) for step, value in points]
    return b"".join(csv_lines([("series", "step", "value"), *rows])) if rows else None


def _curve(name: str, count: int, points: _Points) -> Picture | None:
    # A gap in the numbers is a gap in the curve: each stretch is a line, and all have the one colour.
    stretches = [list(those) for there, those in groupby(points, key=_is_number) if there]
    lines = [thinned(Series([step for step, _ in those], [value for _, value in those])) for those in stretches]
    about = f"{cut(name, CELL)}: {count:,} report{'' if count == 1 else 's'}"
    picture = draw_lines(lines, x_label="step", y_label=name, about=about)
    return picture and replace(picture, lines=[replace(line, colour=0) for line in picture.lines])


def _is_number(point: tuple[float, float]) -> bool:
    return all(map(math.isfinite, point))


def _series(reported: str | None) -> Iterator[tuple[str, int, _Points]]:
    """The name of each, how many reports there were, and its points."""
    try:
        data = exact_json.decode_kept((reported or "{}").encode())
    except InvalidJSON:
        return
    for name, one in data.items() if isinstance(data, Mapping) else ():
        try:
            steps, values = ([_number(item) for item in one[part]] for part in ("steps", "values"))
            yield str(name), int(one["count"]), list(zip(steps, values, strict=True))
        except (LookupError, TypeError, ValueError, ArithmeticError):
            continue


def _number(item: Any) -> float:
    number = math.nan if item is None else decode(ValueKind.JSON, item)
    # A step that is whole is written so.
    return number if isinstance(number, int) and abs(number) < 1 << 53 else float(number)
