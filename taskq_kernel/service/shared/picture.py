"""Pictures that the service draws itself: lines, dots and heat maps, as shapes that a template writes as SVG.

matplotlib is no part of the service. What is drawn here is what `Sweep.plot` draws by default, in the colours of the
page, so that it can be read in the light, in the dark and on paper.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

#: The room for the drawing, and around it for what stands there, in SVG's own unit.
WIDTH, HEIGHT = 560.0, 300.0
LEFT, TOP, RIGHT, BOTTOM = 64.0, 12.0, 16.0, 44.0
#: Lines of one picture: as many colours can be told apart.
LINES = 10
#: Points of one line: more than there are dots of a screen beside one another tell nothing.
POINTS = 2_000
#: Cells of a heat map along one side.
CELLS = 100
#: Shades of a heat map.
SHADES = 9


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis, and what stands there."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """Points that belong together, in SVG's unit."""

    points: Sequence[tuple[float, float]]
    colour: int
    label: str = ""

    @property
    def path(self) -> str:
        """The points as a polyline has them."""
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in self.points)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a heat map: where, how large, which shade, and what it says."""

    x: float
    y: float
    width: float
    height: float
    shade: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn.

    Attributes
    ----------
    about : str
        What it shows, in a sentence, for those who do not see it.
    lines, cells
        What stands in it; ``joined`` says whether the lines are drawn, or their points alone.
    x_ticks, y_ticks, x_label, y_label, key
        What stands around it; ``key`` is what tells the colours apart.
    """

    about: str
    lines: Sequence[Line] = ()
    cells: Sequence[Cell] = ()
    x_ticks: Sequence[Tick] = ()
    y_ticks: Sequence[Tick] = ()
    x_label: str = ""
    y_label: str = ""
    key: str = ""
    shades: Sequence[str] = ()
    joined: bool = True
    note: str = ""
    size: tuple[float, float] = field(default=(LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM))


@dataclass(frozen=True, slots=True)
class Series:
    """Numbers to be drawn as one line."""

    x: Sequence[float]
    y: Sequence[float]
    label: str = ""


class Scale:
    """An axis: from numbers to places.

    Parameters
    ----------
    low, high : float
        The smallest and the largest number.
    start, stop : float
        Where these stand, in SVG's unit.
    """

    def __init__(self, low: float, high: float, start: float, stop: float) -> None:
        if high / 2 == low / 2:  # also of numbers so small that halves do not tell them apart
            margin = max(abs(low) * 0.05, 0.5)
            low, high = max(low - margin, -sys.float_info.max), min(high + margin, sys.float_info.max)
        self.low, self.high, self._start, self._stop = low, high, start, stop

    def __call__(self, number: float) -> float:
        # Halves: the difference of two numbers may be more than a number can be.
        part = (number / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        return self._start + part * (self._stop - self._start)

    def ticks(self) -> list[Tick]:
        """Round numbers along the axis, about five."""
        ends = [Tick(self(number), short(number)) for number in (self.low, self.high)]
        span = self.high - self.low
        if not math.isfinite(span) or span / 5 <= 1e-300:  # powers of ten are no longer exact there
            return ends
        power = 10.0 ** math.floor(math.log10(span / 5))
        step = next((power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= 6), power * 10)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        if not 1 <= last - first <= 20:  # numbers so close to one another that no round one tells them apart
            return ends
        return [Tick(self(place * step), short(place * step)) for place in range(first, last + 1)]


def short(number: float) -> str:
    """A number beside an axis."""
    text = f"{number:.6g}"
    return text if text != "-0" else "0"


def draw_lines(
    series: Sequence[Series], *, x_label: str, y_label: str, key: str = "", about: str, joined: bool = True,
    note: str = "",
) -> Picture | None:
    """Draw lines; None where there is nothing to be drawn."""
    all_x = [x for one in series for x in one.x]
    all_y = [y for one in series for y in one.y]
    if not all_x:
        return None
    x_scale = Scale(min(all_x), max(all_x), LEFT + 8, LEFT + WIDTH - 8)
    y_scale = Scale(min(all_y), max(all_y), TOP + HEIGHT - 8, TOP + 8)
    lines = [
        Line([(x_scale(x), y_scale(y)) for x, y in zip(one.x, one.y, strict=True)], place % LINES, one.label)
        for place, one in enumerate(series)
    ]
    return Picture(
        about, lines=lines, x_ticks=x_scale.ticks(), y_ticks=y_scale.ticks(), x_label=x_label, y_label=y_label,
        key=key, joined=joined, note=note,
    )


def draw_heat_map(
    table: dict[tuple[float, float], float], *, x_label: str, y_label: str, key: str, about: str,
    downwards: bool = False,
) -> Picture | None:
    """Draw a cell for each pair of numbers; None where there is none, or are too many.

    The second number of a pair grows upwards, as on an axis, or ``downwards``, as the rows of a matrix are written.
    """
    columns, rows = sorted({x for x, _ in table}), sorted({y for _, y in table})
    if not table or len(columns) > CELLS or len(rows) > CELLS:
        return None
    low, high = min(table.values()), max(table.values())
    shade = Scale(low, high, 0, SHADES)
    width, height = WIDTH / len(columns), HEIGHT / len(rows)
    x_places = {x: LEFT + place * width for place, x in enumerate(columns)}
    from_top = rows if downwards else rows[::-1]
    y_places = {y: TOP + place * height for place, y in enumerate(from_top)}
    cells = [
        Cell(
            x_places[x], y_places[y], width, height, min(SHADES - 1, max(0, int(shade(value)))),
            f"{x_label} = {short(x)}, {y_label} = {short(y)}: {short(value)}",
        )
        for (x, y), value in table.items()
    ]
    bounds = [low + (high - low) * place / (SHADES - 1) for place in range(SHADES)]
    return Picture(
        about, cells=cells, x_label=x_label, y_label=y_label, key=key, shades=[short(bound) for bound in bounds],
        x_ticks=[Tick(x_places[x] + width / 2, short(x)) for x in _some(columns)],
        y_ticks=[Tick(y_places[y] + height / 2, short(y)) for y in _some(rows)],
    )


def _some(places: Sequence[float]) -> Sequence[float]:
    """At most eight of them, evenly."""
    return places[:: math.ceil(len(places) / 8)]


def thinned(series: Series) -> Series:
    """A line of so few points as a screen shows; the smallest and the largest of each stretch stay."""
    if len(series.x) <= POINTS:
        return series
    kept: list[int] = []
    stretch = math.ceil(len(series.x) / (POINTS / 2))
    for start in range(0, len(series.x), stretch):
        places = range(start, min(start + stretch, len(series.x)))
        low, high = min(places, key=series.y.__getitem__), max(places, key=series.y.__getitem__)
        kept += sorted({low, high})
    return Series([series.x[place] for place in kept], [series.y[place] for place in kept], series.label)


def picture_of_array(array: np.ndarray[Any, Any]) -> Picture | None:
    """An array as a line over its places, or as a heat map; None where it is too small or too large for one."""
    # late: the service starts without numpy, which few pages need
    import numpy as np

    if array.dtype.kind not in "iuf" or not 3 <= array.size <= 1 << 20:
        return None
    if array.ndim == 1:
        finite = np.isfinite(array)
        places = (np.nonzero(finite)[0] + 1).tolist()
        series = thinned(Series(places, array[finite].astype("float64").tolist()))
        return draw_lines([series], x_label="place", y_label="entry", about=f"The {array.size:,} entries as a line")
    if array.ndim == 2 and min(array.shape) >= 3 and max(array.shape) <= CELLS:
        table = {
            (column + 1.0, row + 1.0): float(array[row, column])
            for row in range(array.shape[0]) for column in range(array.shape[1]) if np.isfinite(array[row, column])
        }
        about = f"The {array.shape[0]} × {array.shape[1]} entries as a heat map"
        return draw_heat_map(
            table, x_label="column", y_label="row", key="entry", about=about, downwards=True
        )
    return None
