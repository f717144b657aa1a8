"""One place where a table is displayed, and what the browser there already has.

The same widget may be shown in two cells, or in two browsers. Each *screen* has its own
filter, order and scroll position; the selection is the widget's. A screen keeps the rows
that were read for it last, and puts in what the feed tells of these. It remembers what it
was sent, and makes patches of the difference: rows that came into sight whole, of the others
the cells that changed, and nothing when nothing did.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from taskq_kernel.client.feed import Changes
from taskq_widgets.table.batch_window import BatchWindow
from taskq_widgets.table.cells import cells_of
from taskq_widgets.table.query import Query
from taskq_widgets.table.selection import Selection
from taskq_widgets.table.source import Figures, Source
from taskq_widgets.table.values import Row

#: The most rows a browser may ask for at once.
MAX_ROWS = 400
#: A window is read again so soon after the last time, in seconds; and not before so many times what that took.
AGAIN_S = 0.25
AGAIN_TIMES = 4.0
#: After the service has not answered, the wait before the next attempt.
RETRY_S = 2.0


@dataclass(frozen=True)
class LoadedRows:
    """Rows that were read, and where they stand in the order."""

    query: Query
    first: int
    rows: tuple[Row, ...]

    def covers(self, first: int, count: int, total: int) -> bool:
        """Whether a window is all here."""
        return self.first <= first and min(first + count, total) <= self.first + len(self.rows)


@dataclass
class Screen:
    """The state of one display of the table.

    Attributes
    ----------
    view
        The id that the browser gave it.
    query
        Its filter and order.
    query_count
        The browser's own count of its queries; a patch says which one it answers.
    selection_count
        The browser's own count of its changes to the selection, likewise.
    window
        The rows in sight: the place of the first in the order, and how many. Replaced, never changed.
    loaded, figures
        What was read last.
    batches
        The rows of batches above the tasks.
    hidden
        How many selected tasks are not in this view; -1 where nobody can tell.
    """

    view: str
    query: Query
    query_count: int = 0
    selection_count: int = 0
    window: tuple[int, int] = (0, 40)
    loaded: LoadedRows | None = None
    figures: Figures = field(default_factory=Figures)
    batches: BatchWindow = field(default_factory=BatchWindow)
    hidden: int = 0
    #: From when on it is read again, seconds of a monotonic clock; None where nothing has changed.
    due: float | None = None
    #: For which selection and query `hidden` was counted.
    counted: tuple[int, Query] | None = None
    #: Before then it is not read, seconds of a monotonic clock.
    not_before: float = float("-inf")
    #: How long it took to read it, in seconds.
    took: float = 0.0
    #: Where rows that were selected stood.
    places: dict[str, int] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _read: float = float("-inf")
    _answers: int = -1
    _meanwhile: dict[str, Row] | None = None
    _sent: dict[str, Any] = field(default_factory=dict)
    _rows: dict[str, list[Any]] = field(default_factory=dict)
    _made: dict[str, tuple[Row, list[Any]]] = field(default_factory=dict)

    def forget(self) -> None:
        """Forget what was sent: the browser starts afresh."""
        self._sent, self._rows, self._made = {}, {}, {}

    def look_at(self, first: int, count: int) -> None:
        """Move the window to ``count`` rows from ``first`` on."""
        self.window = max(0, first), max(0, min(count, MAX_ROWS))

    # ---- what changes

    def take(self, changes: Changes) -> None:
        """Put in what the feed tells of the rows that are here; whatever else it tells, the service is asked."""
        with self.lock:
            if self._meanwhile is not None:
                self._meanwhile |= {task["id"]: task for task in changes.tasks}
            if self.loaded is not None:
                self.loaded = replace(self.loaded, rows=tuple(_updated(self.loaded.rows, changes.tasks)))
            self.batches.take(changes)
            self.read_again()

    def read_again(self) -> None:
        """Read the window again, soon, but not too often."""
        if self.due is None:
            self.due = self._read + max(AGAIN_S, AGAIN_TIMES * self.took)

    def next_read(self) -> float:
        """Return when the window is to be read, seconds of a monotonic clock: the past if it is not here."""
        return max(self._wanted(), self.not_before)

    @property
    def answers_query(self) -> bool:
        """Whether the rows that are here are those of the query."""
        return self.loaded is not None and self.loaded.query == self.query

    def _wanted(self) -> float:
        if self.loaded is None or not self.answers_query:
            return float("-inf")
        first, count = self._clamped(self.figures.total)
        if not self.loaded.covers(first, count, self.figures.total):
            return float("-inf")
        dues = [] if self.due is None else [self.due]
        if self.query.within_s:  # the filter moves on with the time
            dues.append(self._read + max(1.0, self.query.within_s / 300))
        return min(dues, default=float("inf"))

    def read(self, source: Source) -> Iterator[None]:
        """Read rows and figures; stop where something can be shown already.

        A new query shows its rows first: what it takes to count them all may be long.
        """
        query, query_count = self.query, self.query_count
        self._meanwhile, self.due = {}, None
        try:
            fresh = self.loaded is None or self.loaded.query != query
            if fresh:
                first, count = self.window
                rows: Sequence[Row] = source.rows(query, first, count, None)
                end = first + len(rows)
                total = end + (len(rows) == count)
                before = self.figures if self.figures.all else replace(self.figures, all=total)
                self._put(query, query_count, first, rows, replace(before, total=total))
                if query.text.strip():
                    yield
            figures = source.figures(query)
            first, count = self._clamped(figures.total)
            loaded = self.loaded
            if fresh and loaded is not None and loaded.query == query and loaded.first == first:
                rows = loaded.rows
            else:
                rows = source.rows(query, first, count, figures.total)
            self._put(query, query_count, first, rows, figures)
        except Exception:
            self.due = time.monotonic()
            self.not_before = self.due + RETRY_S
            raise
        finally:
            self._meanwhile = None
            self._read = time.monotonic()

    def sort_by_number(self) -> None:
        """Give up an order that the service does not give; the browser is told what there is instead."""
        with self.lock:
            self.query = replace(self.query, sort="number", descending=True)
            self._sent.pop("query", None)  # the browser shows the order that it has asked for
            self.not_before = float("-inf")

    def _put(self, query: Query, query_count: int, first: int, rows: Sequence[Row], figures: Figures) -> None:
        with self.lock:
            if query != self.query:
                return  # another one was asked for since
            self.loaded = LoadedRows(query, first, tuple(_updated(rows, (self._meanwhile or {}).values())))
            self.figures, self._answers = figures, query_count

    def _clamped(self, total: int) -> tuple[int, int]:
        first, count = self.window
        return max(0, min(first, total - count)), count

    # ---- places

    def rows_at(self, ids: Iterable[str]) -> list[Row]:
        """Return the rows of those ids that are here, and note where they stand."""
        wanted = set(ids)
        found: list[Row] = []
        if self.loaded is not None:
            for place, row in enumerate(self.loaded.rows, self.loaded.first):
                if row["id"] in wanted:
                    self.places[row["id"]] = place
                    found.append(row)
        return found

    # ---- what is sent

    def patch(self, selection: Selection) -> dict[str, Any] | None:
        """Return what the browser lacks, or None when it lacks nothing.

        ``head`` holds those of the figures around the table that changed; ``first`` and ``ids``
        the rows in sight when these changed; ``rows`` the whole of rows that came into sight;
        ``cells`` of the others what changed, as pairs of place and value.
        """
        loaded, figures = self.loaded, self.figures
        if loaded is None:
            return None
        ids = [row["id"] for row in loaded.rows]
        patch: dict[str, Any] = self._new_rows(ids, self._cells(loaded.rows))
        head = {
            "total": figures.total, "all": figures.all, "counts": dict(figures.counts),
            "selection": selection.figures(self.hidden),
            "selected": [row["id"] for row in loaded.rows if row in selection],
            "query": loaded.query.to_json(), "taken": loaded.query.taken(), "query_count": self._answers,
            "selection_count": self.selection_count,
            "batches": self.batches.cells, "batches_total": self.batches.total,
        }  # fmt: skip
        if changed := self._changes(head):
            patch["head"] = changed
        return (patch | self._changes({"ids": ids, "first": loaded.first})) or None

    def _cells(self, rows: Iterable[Row]) -> list[list[Any]]:
        """Return what each row says, making again only the rows that changed."""
        before, self._made = self._made, {}
        for row in rows:
            old = before.get(row["id"])
            self._made[row["id"]] = old if old is not None and old[0] is row else (row, cells_of(row))
        return [cells for _, cells in self._made.values()]

    def _new_rows(self, ids: list[str], rows: list[list[Any]]) -> dict[str, Any]:
        """Return whole rows and single cells that the browser lacks, and note that it has them."""
        whole: dict[str, list[Any]] = {}
        cells: dict[str, list[Any]] = {}
        for task_id, new in zip(ids, rows, strict=True):
            old = self._rows.get(task_id)
            if old is None:
                whole[task_id] = new
            elif old is not new and old != new:
                cells[task_id] = [[i, cell] for i, cell in enumerate(new) if cell != old[i]]
        self._rows = dict(zip(ids, rows, strict=True))
        return {name: part for name, part in (("rows", whole), ("cells", cells)) if part}

    def _changes(self, now: dict[str, Any]) -> dict[str, Any]:
        """Return what differs from what was sent, and note it as sent."""
        changed = {name: value for name, value in now.items() if self._sent.get(name, _sentinel) != value}
        self._sent |= changed
        return changed


_sentinel = object()


def _updated(rows: Iterable[Row], changes: Iterable[Row]) -> Iterable[Row]:
    """Return rows with what changed of them, unless that is older."""
    by_id = {task["id"]: task for task in changes}
    for row in rows:
        new = by_id.get(row["id"])
        yield row if new is None or int(new["version"]) < int(row["version"]) else {**row, **new}
