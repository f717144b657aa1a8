"""Tasks that are shown in a notebook's cell, kept current there until they are done.

What a cell shows is an output with an id, and changes in place: JupyterLab and Notebook do so after the cell has
ended, too, and save what it shows last. Whoever knows no such outputs shows it as it was. No widget is needed.

One thread looks after all that a client shows. It wakes when the feed tells of one of these tasks, and sends only
what looks otherwise than before: what is sent to a page counts as activity of its kernel.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from taskq_kernel.client.progress import ESTIMATE_S, Output, duration_text, in_notebook
from taskq_kernel.client.session import Session
from taskq_kernel.domain import TaskStatus

if TYPE_CHECKING:
    from taskq_kernel.client.feed import Changes
    from taskq_kernel.client.task_cache import Entry

#: How often an output is changed at most, in seconds.
REDRAW_S = 0.25

Bundle = dict[str, str]


class Shown(Protocol):
    """What can be shown live: a task, or tasks that are one."""

    @property
    def live(self) -> tuple[Session, Sequence[Entry]]:
        """Their client, and what is known of them."""
        ...

    def live_bundle(self, left: str) -> Bundle:
        """How they look, by MIME type; ``left`` is how long they still take, in words, empty if that is not known."""
        ...


def show_live(shown: Shown) -> None:
    """Show it in the cell that runs, live; for its ``_ipython_display_``.

    Raises
    ------
    NotImplementedError
        If nothing changes any more, or this is no notebook: IPython shows it as anything else then.
    """
    if not in_notebook() or not _follows(shown):
        raise NotImplementedError
    _outputs_of(shown.live[0]).add(_Row(shown))


@contextmanager
def shown_live(shown: Shown) -> Iterator[None]:
    """Show it live while somebody waits for it; what the cell shows after that takes its place.

    Of a Ctrl-C it stays, and goes on.
    """
    if not in_notebook():
        yield
        return
    # late: there is an IPython only in a notebook
    from IPython import display

    # What is shown next takes the place of all that the cell shows now.
    clear: Any = partial(display.clear_output, wait=True)
    row = _Row(shown)
    _outputs_of(shown.live[0]).add(row)
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException:
        clear()
        raise
    row.draw()  # where nothing comes after it
    clear()


def _follows(shown: Shown) -> bool:
    client, entries = shown.live
    # One that was unpickled where its client is not has none yet.
    return isinstance(client, Session) and not client.closed and not all(entry.done for entry in entries)


def _outputs_of(client: Session) -> _Outputs:
    with client.cache.lock:
        outputs: _Outputs = client.extras.setdefault("live", _Outputs())
    return outputs


class _Row:
    """One output, and how it looked last."""

    def __init__(self, shown: Shown) -> None:
        self.client, self.entries = shown.live
        self._shown = shown
        self._output = Output()
        self._lock = threading.Lock()
        self._drawn: Bundle = {}
        self._pace = Pace()
        self._ids = {entry.id for entry in self.entries}
        #: Ends that its tasks are followed.
        self.stop: Callable[[], None] = lambda: None

    @property
    def over(self) -> bool:
        """Whether it changes no more."""
        return not _follows(self._shown) or self.client.feed.error is not None

    def concerns(self, changes: Changes) -> bool:
        """Whether one of its tasks is among those that have changed."""
        return changes.anew or not self._ids.isdisjoint([*(row["id"] for row in changes.tasks), *changes.deleted])

    def draw(self) -> None:
        """Show how it is now, if that looks otherwise."""
        with self._lock:
            left = self._pace.left(self.entries, time.monotonic())
            bundle = self._shown.live_bundle(left)
            if bundle != self._drawn:
                self._drawn = bundle
                self._output.show(bundle)


class Pace:
    """How long tasks still take, from how far they have come since they were first looked at.

    It is said anew when they have come further, and not with each second: what is sent to a page has a reason.
    """

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        self._done = -1.0
        self._said = ""

    def left(self, entries: Sequence[Entry], now: float) -> str:
        """How long they still take at this time, in words; empty where there is no pace yet."""
        done = sum(_fraction(entry) for entry in entries) / max(1, len(entries))
        if self._first is None and any(entry.row["status"] == TaskStatus.RUNNING for entry in entries):
            self._first = now, done
        if self._first is not None and done != self._done:
            self._done, self._said = done, _left(self._first, done, now)
        return self._said


def _left(first: tuple[float, float], done: float, now: float) -> str:
    since, before = first
    if now - since < ESTIMATE_S or not before < done < 1:
        return ""
    return f"{duration_text((now - since) * (1 - done) / (done - before))} left"


def _fraction(entry: Entry) -> float:
    return 1.0 if entry.done else float(entry.row.get("progress") or 0.0)


class _Outputs:
    """The outputs of one client that are not over yet.

    While there are some, a thread looks after them. It holds the client, which nobody else may do any longer, and
    ends with the last of them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: list[_Row] = []
        self._news = threading.Event()
        self._running = False

    def add(self, row: _Row) -> None:
        """Show one, and keep it current from now on."""
        row.draw()
        row.stop = row.client.cache.wait_for(row.entries, lambda _: self._news.set())
        with self._lock:
            self._rows.append(row)
            started, self._running = self._running, True
        if not started:
            threading.Thread(target=self._run, args=(row.client,), name="taskq-live", daemon=True).start()
        self._news.set()

    def _run(self, client: Session) -> None:
        stop = client.feed.subscribe(self._hear, on_state=lambda _: self._news.set())
        try:
            while self._look():
                time.sleep(REDRAW_S)
                self._news.wait()
                self._news.clear()
        finally:
            stop()

    def _hear(self, changes: Changes) -> None:
        with self._lock:
            concerned = any(row.concerns(changes) for row in self._rows)
        if concerned:
            self._news.set()

    def _look(self) -> bool:
        """Draw what has changed; whether there is anything left to look after."""
        with self._lock:
            rows = list(self._rows)
        for row in rows:
            over = row.over  # before it is drawn: what it was drawn with may have changed by then
            row.draw()
            if over:
                row.stop()
                with self._lock:
                    self._rows.remove(row)
        with self._lock:
            self._running = bool(self._rows)
            return self._running
