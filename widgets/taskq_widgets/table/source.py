"""Where a table has its tasks from: the service, a window at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from taskq_kernel.client import batch_operations, operations
from taskq_kernel.errors import NotFound
from taskq_widgets.table.batches import BATCH, BatchRows
from taskq_widgets.table.query import Query
from taskq_widgets.table.values import STATUSES, Row

if TYPE_CHECKING:
    from taskq_kernel.client.feed import Changes
    from taskq_widgets.live import LiveTasks

#: What the service is asked for when it is asked for a row.
ROW = f"{operations.ROW} point code arguments"
#: What it is asked for when the whole of a task is wanted.
WHOLE = operations.TASK
#: The most tasks that the service skips, from either end.
MAX_OFFSET = 1_000_000

Listener = Callable[["Changes"], None]


@dataclass(frozen=True)
class Figures:
    """How many tasks there are.

    Attributes
    ----------
    total
        Those that match.
    all
        Those there would be without a filter.
    counts
        Those of each status that match but for their status.
    """

    total: int = 0
    all: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", dict.fromkeys(STATUSES, 0) | dict(self.counts))


class Source(Protocol):
    """Tasks that can be filtered, ordered and counted, and that tell when they change.

    What asks may wait for the service, and raises a `TaskqError` where that cannot be reached.
    """

    def rows(self, query: Query, first: int, count: int, total: int | None) -> Sequence[Row]:
        """Return ``count`` rows from ``first`` on; ``total`` is how many match, where that is known."""

    def figures(self, query: Query) -> Figures:
        """Return how many tasks there are."""

    def every(self, query: Query, fields: str) -> Iterator[Row]:
        """Return every task that matches, in order."""

    def these(self, ids: Sequence[str], query: Query, fields: str) -> Iterator[Row]:
        """Return the tasks with these ids, in the order of a query, whatever its filter says."""

    def among(self, ids: Sequence[str], query: Query) -> int:
        """Return how many of these ids match."""

    def fitting(self, ids: Sequence[str], query: Query) -> set[str]:
        """Return those of these ids that match."""

    def newest(self) -> str | None:
        """Return when the newest task was created."""

    def batches(self, query: Query, count: int) -> BatchRows:
        """Return the batches that stand above the tasks, ``count`` at most: the newest, the named, or the open one."""

    def on_changes(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with what changes, on any thread; return what ends that."""


class ServiceTasks:
    """The tasks of a service.

    Parameters
    ----------
    live
        The connection.
    fixed
        A filter that always holds, with GraphQL's names: ``batch`` and ``owner``.
    """

    def __init__(self, live: LiveTasks, fixed: Mapping[str, str]) -> None:
        self._live = live
        self._fixed = dict(fixed)
        #: Whether there are batches: without any there are no points to be left out, and nothing to be looked through.
        self._any_batches: bool | None = None

    def filter(self, query: Query) -> dict[str, Any]:
        """Return all conditions as GraphQL's ``TaskFilter``."""
        conditions = query.to_filter(time.time()) | self._fixed
        if "isPoint" in conditions and not self._has_batches():
            del conditions["isPoint"]
        return conditions

    def _has_batches(self) -> bool:
        if "batch" in self._fixed:
            return False  # of one, each point has its row
        if self._any_batches is None:
            self._any_batches = self._batches(0)[1] > 0
        return self._any_batches

    def _batches(
        self, count: int, name: str | None = None, owner: str | None = None
    ) -> tuple[list[dict[str, Any]], int]:
        owner = self._fixed.get("owner", owner)
        return batch_operations.page(self._live.transport, first=count, name=name, owner=owner, fields=BATCH)

    def rows(self, query: Query, first: int, count: int, total: int | None) -> Sequence[Row]:
        """Return rows of the window, counted from the nearer end of the list."""
        window: dict[str, int] = {"first": count, "offset": min(first, MAX_OFFSET)}
        if total is not None and first > total - first - count:
            behind = max(0, total - first - count)
            window = {"last": min(count, total - first), "offset": min(behind, MAX_OFFSET)}
        return operations.window(self._live.transport, self.filter(query), ROW, query.to_order(), **window)

    def figures(self, query: Query) -> Figures:
        """Ask for all of them at once. Where points are left out for want of a filter, the statuses count them, too."""
        everything = self._fixed if query.owner is None else {"owner": query.owner} | self._fixed
        found = operations.counts(self._live.transport, self.filter(query), everything)
        unfiltered = query.folds and query.points is None
        return Figures(found.total, sum(found.everything.values()), found.everything if unfiltered else found.counts)

    def every(self, query: Query, fields: str) -> Iterator[Row]:
        """Read page by page."""
        return operations.pages(self._live.transport, self.filter(query), fields, order=query.to_order())

    def these(self, ids: Sequence[str], query: Query, fields: str) -> Iterator[Row]:
        """Read a thousand at a time."""
        for chunk in operations.chunks(ids, operations.ID_CHUNK):
            yield from operations.pages(
                self._live.transport, {"ids": list(chunk)}, fields, order=query.to_order()
            )

    def among(self, ids: Sequence[str], query: Query) -> int:
        """Count a thousand at a time."""
        return sum(operations.counts(self._live.transport, one, {})[0] for one in self._filters(ids, query))

    def fitting(self, ids: Sequence[str], query: Query) -> set[str]:
        """Read a thousand at a time."""
        filters = self._filters(ids, query)
        return {row["id"] for one in filters for row in operations.pages(self._live.transport, one, "id")}

    def _filters(self, ids: Sequence[str], query: Query) -> Iterator[dict[str, Any]]:
        for chunk in operations.chunks(ids, operations.ID_CHUNK):
            yield self.filter(query) | {"ids": list(chunk)}

    def newest(self) -> str | None:
        """Ask for the one with the highest number."""
        newest = [("NUMBER", "DESC")]
        found = operations.window(self._live.transport, self._fixed, "createdAt", newest, first=1, offset=0)
        return found[0]["createdAt"] if found else None

    def batches(self, query: Query, count: int) -> BatchRows:
        """Ask for them with how far they are, and why points failed."""
        if "batch" in self._fixed:
            return BatchRows()
        if query.batch:
            try:
                return BatchRows([batch_operations.get(self._live.transport, batch_id=query.batch, fields=BATCH)], 1)
            except NotFound:
                return BatchRows()
        name = query.typed.text or None
        rows, total = self._batches(count, name, query.owner)
        if name is None and query.owner is None:
            self._any_batches = total > 0
        return BatchRows(rows, total)

    def on_changes(self, listener: Listener) -> Callable[[], None]:
        """Listen to the feed, leaving out tasks that are none of these."""
        return self._live.on_changes(lambda changes: self._tell(listener, changes))

    def _tell(self, listener: Listener, changes: Changes) -> None:
        if self._fixed:
            mine = [task for task in changes.tasks if self._fixed.items() <= task.items()]
            changes = replace(changes, tasks=mine)
        if any(task.get("point") is not None for task in changes.tasks):
            self._any_batches = True  # known before the rows are read again, which is sooner than the batches are
        if changes.tasks or changes.deleted or changes.anew:
            listener(changes)
