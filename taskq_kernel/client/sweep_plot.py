"""A sweep as a picture, with matplotlib."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

from taskq_kernel.client.progress import in_notebook
from taskq_kernel.client.sweep_drawing import draw
from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import SetupError

if TYPE_CHECKING:
    import pandas as pd

#: How often a picture is drawn anew while points arrive, in seconds.
_REDRAW_S = 1.0


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
