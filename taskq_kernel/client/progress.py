"""What goes on while somebody waits: in a notebook, in a terminal, or nowhere."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType
from typing import Any, Protocol

from taskq_kernel.client.display import progress_html

#: How often the bar is drawn at most, in seconds.
_REDRAW_S = 0.1
#: After how long there is a pace to estimate from, in seconds.
ESTIMATE_S = 2.0


class _Screen(Protocol):
    def draw(self, done: int, total: int, text: str) -> None: ...

    def close(self) -> None: ...


class ProgressBar:
    """Counts tasks as they end.

    Parameters
    ----------
    total : int
        How many there are.
    before : int
        How many of them had ended before: they tell nothing about the pace.
    """

    def __init__(self, total: int, before: int = 0) -> None:
        self._total = total
        self._before = before
        self._done = 0
        self._failed = 0
        self._began = time.monotonic()
        self._drawn_at = 0.0
        self._screen = _screen()
        self._draw()

    def advance(self, status: str) -> None:
        """One more has ended, with this status."""
        self.show(self._done + 1, self._failed + (status != "FINISHED"))

    def show(self, done: int, failed: int) -> None:
        """So many have ended, and so many of these have no value."""
        self._done, self._failed = done, failed
        if time.monotonic() - self._drawn_at > _REDRAW_S or self._done == self._total:
            self._draw()

    def close(self) -> None:
        """No more will be drawn."""
        if self._screen is not None:
            self._draw()
            self._screen.close()

    def _draw(self) -> None:
        if self._screen is not None:
            self._drawn_at = time.monotonic()
            seconds = self._drawn_at - self._began
            left = _left(self._done - self._before, self._total - self._before, seconds)
            self._screen.draw(self._done, self._total, _text(self._done, self._failed, self._total, seconds) + left)


def in_notebook() -> bool:
    """Whether output goes to a notebook that can show HTML."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and getattr(shell, "kernel", None) is not None


def leave_line(text: str) -> None:
    """Leave a line in the notebook's output; nothing elsewhere, nor on a page that Voilà renders."""
    if in_notebook() and not os.environ.get("SERVER_SOFTWARE", "").startswith("voila"):
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def _screen() -> _Screen | None:
    if in_notebook():
        return _Notebook()
    return _Terminal() if sys.stderr is not None and sys.stderr.isatty() else None


class _Notebook:
    """An output cell's HTML, changed in place."""

    def __init__(self) -> None:
        self._output = Output()

    def draw(self, done: int, total: int, text: str) -> None:
        self._output.show({"text/plain": text, "text/html": progress_html(done, total, text)})

    def close(self) -> None:
        pass


class _Terminal:
    """A line on standard error, drawn by rich."""

    def __init__(self) -> None:
        # late: a notebook's progress is HTML, and needs no rich
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._progress = Progress(
            BarColumn(bar_width=40), TextColumn("{task.description}"), console=Console(stderr=True)
        )
        self._bar = self._progress.add_task("", total=None)
        self._progress.start()

    def draw(self, done: int, total: int, text: str) -> None:
        self._progress.update(self._bar, description=text, completed=done, total=max(total, 1))

    def close(self) -> None:
        self._progress.stop()


def _text(done: int, failed: int, total: int, seconds: float) -> str:
    unlucky = f", {failed} without a value" if failed else ""
    return f"{done} of {total} done{unlucky}, {seconds:.1f} s"


def _left(done: int, total: int, seconds: float) -> str:
    """The time that the rest takes at the pace so far."""
    if not 0 < done < total or seconds < ESTIMATE_S:
        return ""
    return f", {duration_text(seconds * (total - done) / done)} left"


def duration_text(seconds: float) -> str:
    """A duration as people say it: ``8 s``, ``3 min``, ``2.5 h``, ``4 d``."""
    for limit, unit, name in ((99.5, 1, "s"), (99.5 * 60, 60, "min"), (48 * 3600, 3600, "h")):
        if seconds < limit:
            shown = f"{seconds / unit:.1f}" if unit == 3600 and seconds / unit < 10 else f"{seconds / unit:.0f}"
            return f"{shown} {name}"
    return f"{seconds / 86400:.0f} d"


class Notice:
    """One line that says what is going on, and is gone in the end.

    In a notebook it is an output that changes in place; in a terminal a line on standard
    error; elsewhere plain lines on standard error.
    """

    def __init__(self) -> None:
        self._output = Output()
        self._in_notebook = in_notebook()
        self._in_terminal = sys.stderr is not None and sys.stderr.isatty()

    def __enter__(self) -> Notice:
        return self

    def __call__(self, text: str) -> None:
        """Say something else."""
        if self._in_notebook:
            self._output.show({"text/plain": text})
        elif self._in_terminal:
            _say(f"\r\x1b[2K{text} ...")
        elif sys.stderr is not None:
            _say(f"{text}\n")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._in_notebook:
            self._output.clear()
        elif self._in_terminal:
            _say("\r\x1b[2K")


class Output:
    """An output of a notebook's cell that changes in place."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, bundle: dict[str, str]) -> None:
        # late: there is an IPython only in a notebook
        from IPython import display

        if self._handle is None:
            show: Any = display.display
            self._handle = show(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)

    def clear(self) -> None:
        if self._handle is not None:
            self.show({"text/plain": ""})


def _say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
