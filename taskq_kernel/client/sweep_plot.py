"""A sweep as a picture, with matplotlib."""

from __future__ import annotations

import time
from decimal import Decimal
from math import isfinite, nan
from numbers import Real
from typing import TYPE_CHECKING, Any, Protocol

from taskq_kernel.client.progress import in_notebook
from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import InvalidTask, SetupError

if TYPE_CHECKING:
    import pandas as pd

#: Up to how many colours are lines of their own.
_LINES = 10
#: Up to how many characters the name of a line is written as it is.
_LONG = 8
#: How often a picture is drawn anew while points arrive, in seconds.
_REDRAW_S = 1.0
#: What stands between the arguments and the values of a frame.
_FIRST_OWN, _LAST_OWN = "status", "number"
_SECONDS = "seconds"


class Plottable(Protocol):
    """What is drawn: a `Sweep`."""

    name: str

    @property
    def done(self) -> bool:
        """Whether nothing more happens to any point."""

    def counts(self) -> dict[TaskStatus, int]:
        """How many points have each status."""

    def frame(self) -> pd.DataFrame:
        """One row a point."""


def plot(
    sweep: Plottable, x: str | None = None, y: str | None = None, color: str | None = None, *, ax: Any = None,
    live: bool | None = None, usual: str = "",
) -> Any:
    """Draw the points that have a value.

    Where ``x`` and ``y`` are both arguments it is a heat map of ``color``, or dots in its colours where no
    grid is, as of samples; where ``color`` has few values, a line for each; else dots.

    Parameters
    ----------
    x, y, color : str, optional
        Columns of `Sweep.frame`. Default: the first argument that is not the same for all points, the value (of
        its fields what ``usual`` says, or the first that is a number), and the next such argument, if there is one.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: a figure of its own.
    live : bool, optional
        Draw it anew while points arrive, until all are done; interrupting the cell ends the
        drawing and nothing else. Default: in a notebook, where the sweep is not done and no ``ax`` is given.
    usual : str
        What is drawn without ``y``, where the values have such a field: what a recipe names.

    Returns
    -------
    matplotlib.axes.Axes
        Where it was drawn.

    Raises
    ------
    InvalidTask
        If there is no such column, or the one that is drawn has no numbers.
    SetupError
        If matplotlib is not installed.
    """
    pyplot = _pyplot()
    own = ax is None
    if own:
        _, ax = pyplot.subplots()
    live = in_notebook() and own and not sweep.done if live is None else live
    if live:
        _draw_until_done(sweep, x, y, color, ax, usual)
    else:
        draw(sweep.frame(), x, y, color, ax, sweep.name, usual)
    return ax


def _pyplot() -> Any:
    try:
        # late: few have it, and it takes long to load
        import matplotlib.pyplot as pyplot
    except ImportError:
        raise SetupError("plots need matplotlib: pip install 'taskq-kernel[sweep]'") from None
    return pyplot


def _draw_until_done(
    sweep: Plottable, x: str | None, y: str | None, color: str | None, ax: Any, usual: str
) -> None:
    # late: there is an IPython only in a notebook
    from IPython import display

    show: Any = display.display
    handle = bar = None
    drawn: int | None = None
    try:
        while True:
            began = time.monotonic()
            counts = sweep.counts()
            if counts[TaskStatus.FINISHED] != drawn:  # else the picture is what it was
                drawn = counts[TaskStatus.FINISHED]
                frame = sweep.frame()
                if bar is not None:
                    bar.remove()  # it gives the room back that it took
                ax.clear()
                bar = draw(frame, x, y, color, ax, sweep.name, usual)
                if handle is None:
                    handle = show(ax.figure, display_id=True)
                else:
                    handle.update(ax.figure)
            if not counts[TaskStatus.QUEUEING] + counts[TaskStatus.RUNNING]:
                break
            time.sleep(max(_REDRAW_S, time.monotonic() - began))  # a long table is read for half of the time at most
    except KeyboardInterrupt:
        pass
    finally:
        _pyplot().close(ax.figure)  # else the notebook shows it once more


def draw(
    frame: pd.DataFrame, x: str | None, y: str | None, color: str | None, ax: Any, title: str = "", usual: str = ""
) -> Any:
    """Draw a sweep's frame into axes; the colour bar beside them, if there is one."""
    names = list(frame.columns)
    arguments, own, values = _parts(frame)
    there = frame[frame[own[0]] == "FINISHED"]
    seconds = next((name for name in own if name.rstrip("_") == _SECONDS), _SECONDS)
    varying = [name for name in arguments if _varies(frame[name])]
    x = x or next(iter([*varying, *arguments, *values]))
    y = y or _usual(there, values, usual, seconds)
    for name in filter(None, (x, y, color)):
        if name not in names and len(there):  # before, nobody knows the fields of the values
            raise InvalidTask(f"there is no column {name!r}: the frame has {', '.join(names)}")
    others = (name for name in varying if name not in (x, y))
    color = color or next((name for name in others if _is_line_each(frame[name]) or _is_numbers(frame[name])), None)
    bar = None
    if there.empty:
        pass
    elif {x, y} <= set(arguments):
        shade = color if color is not None and color not in arguments else _usual(there, values, usual, seconds)
        _check_numbers(there, "color", shade, [*values, seconds])
        placed = _placed(frame, x, y)
        draw_them = _scattered if _is_scattered(placed, x, y) else _heat_map
        bar = draw_them(placed, placed.loc[there.index], x, y, shade, ax)
    else:
        _check_numbers(there, "y", y, [*values, seconds])
        if color is not None and not _is_line_each(frame[color]):
            _check_numbers(there, "color", color, [*arguments, *values, seconds])
        placed = _placed(frame, x)
        if color is not None and _is_line_each(frame[color]):
            _lines(placed, placed.loc[there.index], x, y, color, ax)
        else:
            bar = _dots(placed.loc[there.index], x, y, color, ax)
    if x in arguments and bar is None:
        _span(frame[x], ax)
    _write_dates_briefly(ax)
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    left = len(frame) - len(there)
    ax.set_title(f"{title}: {len(there)} of {len(frame)} points" if left else title)
    return bar


def _parts(frame: pd.DataFrame) -> tuple[list[str], list[str], list[str]]:
    """The arguments of a frame, what it has of its own, and the values; an argument may have the name of what it has.

    What is its own comes later then, with an underscore behind its name; its status is its only category.
    """
    names = list(frame.columns)
    kinds = [str(kind) for kind in frame.dtypes]
    first = kinds.index("category") if "category" in kinds else names.index(_FIRST_OWN)
    last = next(place for place in range(first, len(names)) if names[place].rstrip("_") == _LAST_OWN)
    return names[:first], names[first : last + 1], names[last + 1 :]


def _varies(column: pd.Series[Any]) -> bool:
    kept = column.map(repr) if column.dtype == object else column
    return len(kept.drop_duplicates()) > 1


def _usual(there: pd.DataFrame, values: list[str], usual: str, seconds: str) -> str:
    """What goes up unless somebody says: of the values' fields ``usual``, or the first that is a number."""
    numbers = [name for name in values if _is_numbers(there[name])]
    if usual in numbers:
        return usual
    return next(iter([*numbers, *values]), seconds)


def _is_numbers(column: pd.Series[Any]) -> bool:
    kept = column.dropna().infer_objects()
    if kept.dtype == object:  # beyond 64 bits, fractions, decimals
        return len(kept) > 0 and all(isinstance(cell, Real | Decimal) for cell in kept)
    return bool(kept.dtype.kind in "iufb")


def _is_line_each(column: pd.Series[Any]) -> bool:
    """Whether it has so few values that each is a line of its own."""
    return int(_texts(column).nunique()) <= _LINES


def _check_numbers(there: pd.DataFrame, role: str, name: str, alike: list[str]) -> None:
    if not _is_numbers(there[name]):
        others = ", ".join(other for other in alike if _is_numbers(there[other]))
        raise InvalidTask(f"{name!r} has no numbers to be drawn: give as {role} one of {others}")


def _floats(column: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers as they are drawn; what no float64 holds is not."""
    if column.dtype != object:
        return column.astype("float64")
    return column.map(_float, na_action="ignore").astype("float64")


def _float(cell: Any) -> float:
    try:
        return float(cell)
    except OverflowError:
        return nan


def _texts(column: pd.Series[Any]) -> pd.Series[Any]:
    """A column of unlike things, lists or dictionaries as texts, which can be told apart and sorted."""
    return column.map(str) if column.dtype == object else column


def _placed(frame: pd.DataFrame, *names: str) -> pd.DataFrame:
    """The frame with some columns as axes can have them: numbers, moments, or texts."""
    odd = [name for name in names if frame[name].dtype == object]
    return frame.assign(
        **{name: _floats(frame[name]) if _is_numbers(frame[name]) else _texts(frame[name]) for name in odd}
    )


def _is_scattered(frame: pd.DataFrame, x: str, y: str) -> bool:
    """Whether two arguments are no grid: each place of one has a single one of the other."""
    if not (_is_numbers(frame[x]) and _is_numbers(frame[y])):
        return False
    wide, high = int(frame[x].nunique()), int(frame[y].nunique())
    return min(wide, high) > 1 and len(frame[[x, y]].drop_duplicates()) <= max(wide, high)


def _write_dates_briefly(ax: Any) -> None:
    """Say year and month once, and not at each mark: else they are written over each other."""
    # late: as above
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    for axis in (ax.xaxis, ax.yaxis):
        locator = axis.get_major_locator()
        if isinstance(locator, AutoDateLocator):
            axis.set_major_formatter(ConciseDateFormatter(locator))


def _span(places: pd.Series[Any], ax: Any) -> None:
    """Room for all points from the start, so that the picture fills in and does not jump."""
    if places.dtype.kind not in "iuf":
        return
    finite = [place for place in map(float, places.dropna()) if isfinite(place)]
    if finite:
        low, high = min(finite), max(finite)
        margin = 0.05 * (high - low) or 0.5
        ax.set_xlim(low - margin, high + margin)


def _lines(frame: pd.DataFrame, there: pd.DataFrame, x: str, y: str, color: str, ax: Any) -> None:
    """A line for each value of ``color``, through the mean where a place has several points."""
    groups = list(frame.groupby(_texts(frame[color]), sort=True))
    labels = _labels([value for value, _points in groups])
    for place, (label, (_value, points)) in enumerate(zip(labels, groups, strict=True)):  # all: each keeps its colour
        group = there.loc[there.index.intersection(points.index)]
        mean = _floats(group[y]).groupby(group[x], sort=True).mean()
        ax.plot(mean.index, mean, marker="o", markersize=3, color=f"C{place}", label=label)
    ax.legend(title=color)


def _labels(values: list[Any]) -> list[str]:
    """Values as texts; floats with as few digits as tell them apart, six or all."""
    short = [f"{value:.6g}" if isinstance(value, float) and len(str(value)) > _LONG else str(value) for value in values]
    return short if len(set(short)) == len(short) else list(map(str, values))


def _dots(there: pd.DataFrame, x: str, y: str, color: str | None, ax: Any) -> Any:
    if color is None:
        ax.plot(there[x], _floats(there[y]), "o", markersize=3)
        return None
    drawn = ax.scatter(there[x], _floats(there[y]), c=_floats(there[color]), s=9)
    return ax.figure.colorbar(drawn, ax=ax, label=color)


def _scattered(frame: pd.DataFrame, there: pd.DataFrame, x: str, y: str, color: str, ax: Any) -> Any:
    """A dot for each pair of arguments, with room for all from the start."""
    bar = _dots(there, x, y, color, ax)
    ax.update_datalim(frame[[x, y]].astype("float64").to_numpy())
    ax.autoscale_view()
    return bar


def _heat_map(frame: pd.DataFrame, there: pd.DataFrame, x: str, y: str, color: str, ax: Any) -> Any:
    """A cell for each pair of arguments; those without a value are empty."""
    cells = there.assign(**{color: _floats(there[color])})
    table = cells.pivot_table(index=y, columns=x, values=color, aggfunc="mean")
    table = table.reindex(index=sorted(frame[y].dropna().unique()), columns=sorted(frame[x].dropna().unique()))
    wide, high = _edges(table.columns, ax.xaxis), _edges(table.index, ax.yaxis)
    drawn = ax.pcolormesh(wide, high, table.to_numpy(), shading="flat")
    return ax.figure.colorbar(drawn, ax=ax, label=color)


def _edges(places: pd.Index[Any], axis: Any) -> Any:
    """Between which places of an axis cells are drawn: half way to their neighbours; one alone is one wide."""
    # late: as above
    import numpy as np

    axis.update_units(list(places))
    at = np.asarray(axis.convert_units(list(places)), dtype="float64")
    if len(at) < 2:
        return np.concatenate([at - 0.5, at + 0.5])
    between = (at[1:] + at[:-1]) / 2
    return np.concatenate([[2 * at[0] - between[0]], between, [2 * at[-1] - between[-1]]])
