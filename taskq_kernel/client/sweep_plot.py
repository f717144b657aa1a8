"""A sweep as a picture, with matplotlib."""

from __future__ import annotations

import time
from math import isfinite
from typing import TYPE_CHECKING, Any, Protocol

from taskq_kernel.client.progress import in_notebook
from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import InvalidTask, SetupError

if TYPE_CHECKING:
    import pandas as pd

#: Up to how many colours are lines of their own.
_LINES = 10
#: How often a picture is drawn anew while points arrive, in seconds.
_REDRAW_S = 1.0
#: What stands between the arguments and the values of a frame.
_FIRST_OWN, _LAST_OWN = "status", "number"


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

    Where ``x`` and ``y`` are both arguments it is a heat map of ``color``; where ``color`` has few
    values, a line for each; else dots.

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
    first = names.index(_FIRST_OWN)
    arguments, values = names[:first], names[names.index(_LAST_OWN) + 1 :]
    there = frame[frame["status"] == "FINISHED"]
    varying = [name for name in arguments if _varies(frame[name])]
    x = x or next(iter([*varying, *arguments, *values]))
    y = y or _usual(there, values, usual)
    color = color or next((name for name in varying if name not in (x, y)), None)
    for name in filter(None, (x, y, color)):
        if name not in names and len(there):  # before, nobody knows the fields of the values
            raise InvalidTask(f"there is no column {name!r}: the frame has {', '.join(names)}")
    bar = None
    if y in values and y in there and len(there) and not _is_numbers(there[y]):
        others = ", ".join(name for name in [*values, "seconds"] if _is_numbers(there[name]))
        raise InvalidTask(f"{y!r} has no numbers to be drawn: give as y one of {others}")
    if there.empty:
        pass
    elif {x, y} <= set(arguments):
        shade = color if color is not None and color not in arguments else values[0] if values else "seconds"
        bar = _heat_map(frame, there, x, y, shade, ax)
    elif color is not None and frame[color].nunique() <= _LINES:
        _lines(frame, there, x, y, color, ax)
    else:
        bar = _dots(there, x, y, color, ax)
    if x in arguments and bar is None:
        _span(frame[x], ax)
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    left = len(frame) - len(there)
    ax.set_title(f"{title}: {len(there)} of {len(frame)} points" if left else title)
    return bar


def _varies(column: pd.Series[Any]) -> bool:
    kept = column.map(repr) if column.dtype == object else column
    return len(kept.drop_duplicates()) > 1


def _usual(there: pd.DataFrame, values: list[str], usual: str) -> str:
    """What goes up unless somebody says: of the values' fields ``usual``, or the first that is a number."""
    numbers = [name for name in values if _is_numbers(there[name])]
    if usual in numbers:
        return usual
    return next(iter([*numbers, *values]), "seconds")


def _is_numbers(column: pd.Series[Any]) -> bool:
    return column.dropna().infer_objects().dtype.kind in "iufb"


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
    for place, (value, points) in enumerate(frame.groupby(color, sort=True)):  # all, so that each keeps its colour
        group = there.loc[there.index.intersection(points.index)]
        mean = group.astype({y: "float64"}).groupby(x, sort=True)[y].mean()
        ax.plot(mean.index, mean, marker="o", markersize=3, color=f"C{place}", label=str(value))
    ax.legend(title=color)


def _dots(there: pd.DataFrame, x: str, y: str, color: str | None, ax: Any) -> Any:
    if color is None:
        ax.plot(there[x], there[y].astype("float64"), "o", markersize=3)
        return None
    drawn = ax.scatter(there[x], there[y].astype("float64"), c=there[color].astype("float64"), s=9)
    return ax.figure.colorbar(drawn, ax=ax, label=color)


def _heat_map(frame: pd.DataFrame, there: pd.DataFrame, x: str, y: str, color: str, ax: Any) -> Any:
    """A cell for each pair of arguments; those without a value are empty."""
    table = there.astype({color: "float64"}).pivot_table(index=y, columns=x, values=color, aggfunc="mean")
    table = table.reindex(index=sorted(frame[y].dropna().unique()), columns=sorted(frame[x].dropna().unique()))
    drawn = ax.pcolormesh(table.columns, table.index, table.to_numpy(), shading="nearest")
    return ax.figure.colorbar(drawn, ax=ax, label=color)
