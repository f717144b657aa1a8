"""A sweep's frame drawn into matplotlib's axes: lines, dots, or a heat map."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from taskq_kernel.client import plot_columns as columns
from taskq_kernel.errors import InvalidTask

if TYPE_CHECKING:
    import pandas as pd

#: What is drawn where there are no values.
_SECONDS = "seconds"


def draw(
    frame: pd.DataFrame, x: str | None, y: str | None, color: str | None, ax: Any, title: str = "", usual: str = ""
) -> Any:
    """Draw a sweep's frame into axes; the colour bar beside them, if there is one."""
    names = list(frame.columns)
    arguments, own, values = columns.parts_of(frame)
    there = frame[frame[own[0]] == "FINISHED"]
    seconds = next((name for name in own if name.rstrip("_") == _SECONDS), _SECONDS)
    varying = [name for name in arguments if columns.varies(frame[name])]
    x = x or next(iter([*varying, *arguments, *values]))
    y = y or _usual(there, values, usual, seconds)
    for name in filter(None, (x, y, color)):
        if name not in names and len(there):  # before, nobody knows the fields of the values
            raise InvalidTask(f"there is no column {name!r}: the frame has {', '.join(names)}")
    others = (name for name in varying if name not in (x, y))
    color = color or next((name for name in others if columns.can_be_told_apart(frame[name])), None)
    bar = None
    if there.empty:
        pass
    elif {x, y} <= set(arguments):
        shade = color if color is not None and color not in arguments else _usual(there, values, usual, seconds)
        _check_numbers(there, "color", shade, [*values, seconds])
        placed = columns.placed(frame, x, y)
        draw_them = _scattered if columns.is_scattered(placed, x, y) else _heat_map
        bar = draw_them(placed, placed.loc[there.index], x, y, shade, ax)
    else:
        _check_numbers(there, "y", y, [*values, seconds])
        if color is not None and not columns.is_line_each(frame[color]):
            _check_numbers(there, "color", color, [*arguments, *values, seconds])
        placed = columns.placed(frame, x)
        if color is not None and columns.is_line_each(frame[color]):
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


def _usual(there: pd.DataFrame, values: list[str], usual: str, seconds: str) -> str:
    """What goes up unless somebody says: of the values' fields ``usual``, or the first that is a number."""
    numbers = [name for name in values if columns.is_numbers(there[name])]
    if usual in numbers:
        return usual
    return next(iter([*numbers, *values]), seconds)


def _check_numbers(there: pd.DataFrame, role: str, name: str, alike: list[str]) -> None:
    if not columns.is_numbers(there[name]):
        others = ", ".join(other for other in alike if columns.is_numbers(there[other]))
        why = " (a frame has no values of more than 64 KiB; results() has them)" if there[name].isna().all() else ""
        raise InvalidTask(f"{name!r} has no numbers to be drawn{why}: give as {role} one of {others}")


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
    groups = list(frame.groupby(columns.texts(frame[color]), sort=True))
    labels = columns.labels([value for value, _points in groups])
    for place, (label, (_value, points)) in enumerate(zip(labels, groups, strict=True)):  # all: each keeps its colour
        group = there.loc[there.index.intersection(points.index)]
        mean = columns.floats(group[y]).groupby(group[x], sort=True).mean()
        ax.plot(mean.index, mean, marker="o", markersize=3, color=f"C{place}", label=label)
    ax.legend(title=color)


def _dots(there: pd.DataFrame, x: str, y: str, color: str | None, ax: Any) -> Any:
    if color is None:
        ax.plot(there[x], columns.floats(there[y]), "o", markersize=3)
        return None
    drawn = ax.scatter(there[x], columns.floats(there[y]), c=columns.floats(there[color]), s=9)
    return ax.figure.colorbar(drawn, ax=ax, label=color)


def _scattered(frame: pd.DataFrame, there: pd.DataFrame, x: str, y: str, color: str, ax: Any) -> Any:
    """A dot for each pair of arguments, with room for all from the start."""
    bar = _dots(there, x, y, color, ax)
    ax.update_datalim(frame[[x, y]].astype("float64").to_numpy())
    ax.autoscale_view()
    return bar


def _heat_map(frame: pd.DataFrame, there: pd.DataFrame, x: str, y: str, color: str, ax: Any) -> Any:
    """A cell for each pair of arguments; those without a value are empty."""
    cells = there.assign(**{color: columns.floats(there[color])})
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
