"""The batches above a table's tasks: a row each, however many points it has.

Which are shown follows from the table's filter: the newest while the table leaves points out, those with the text in
their name that is searched for, or the one that is open, whose points are what the table below has.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from taskq_widgets.table.batches import BatchRows, cells_of
from taskq_widgets.table.query import Query
from taskq_widgets.table.source import Source

if TYPE_CHECKING:
    from taskq_kernel.client.feed import Changes

#: Rows at first, and at most.
FIRST, MOST = 5, 500
#: They are read again so soon after the last time, in seconds; and not before so many times what that took.
AGAIN_S = 1.0
AGAIN_TIMES = 8.0
#: After the service has not answered, the wait before the next attempt.
RETRY_S = 2.0


@dataclass
class BatchWindow:
    """The batches that one display of a table shows.

    Attributes
    ----------
    count
        How many rows it wants.
    cells
        What each row says.
    total
        How many batches there are.
    """

    count: int = FIRST
    cells: list[dict[str, Any]] = field(default_factory=list)
    total: int = 0
    #: What was asked for last, and from when on it is asked again, seconds of a monotonic clock.
    _asked: tuple[Any, ...] | None = None
    _due: float = float("-inf")
    _not_before: float = float("-inf")
    _read: float = float("-inf")
    _took: float = 0.0

    def look_at(self, count: int) -> None:
        """Show so many rows."""
        self.count = max(FIRST, min(count, MOST))

    def take(self, changes: Changes) -> None:
        """Hear what has changed: of batches nothing but their points tells."""
        if changes.anew or changes.deleted or any(task.get("point") is not None for task in changes.tasks):
            self.read_again()

    def read_again(self) -> None:
        """Read them again, soon, but not too often."""
        self._due = min(self._due, self._read + max(AGAIN_S, AGAIN_TIMES * self._took))

    def next_read(self, query: Query) -> float:
        """Return when they are to be read, seconds of a monotonic clock."""
        due = float("-inf") if self._asked != self._question(query) else self._due
        return max(due, self._not_before)

    def _question(self, query: Query) -> tuple[Any, ...]:
        return query.batch, query.text.strip(), query.shows_batches, self.count

    def read(self, source: Source, query: Query) -> None:
        """Ask the source for what a query shows."""
        began = time.monotonic()
        question, self._due = self._question(query), float("inf")
        try:
            found = source.batches(query, self.count) if query.shows_batches else BatchRows()
        except Exception:
            self._due, self._not_before = began, began + RETRY_S
            raise
        self.cells, self.total, self._asked = [cells_of(one) for one in found.rows], found.total, question
        self._read = time.monotonic()
        self._took = self._read - began
