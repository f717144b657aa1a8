"""Which tasks are selected: those selected one by one, and all that fit a filter but for some.

What all match is not a list of ids, however many match: it is the filter as it was when it was
chosen, which tasks that come later do not fit.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from taskq_widgets.table.query import Query
from taskq_widgets.table.values import UNENDED, Row

#: What is kept of a task that was selected by itself.
KEPT = ("id", "number", "name", "code", "createdAt", "status", "batch", "point", "version")


@dataclass(frozen=True)
class Chosen:
    """Tasks that an action is about.

    Attributes
    ----------
    ids
        These, one by one.
    query
        And all that match this.
    """

    ids: list[str] = field(default_factory=list)
    query: Query | None = None


class Selection:
    """What is selected in a table; safe to use from several threads.

    Attributes
    ----------
    revision
        Grows with every change.
    included
        Rows selected one by one, by id, in the order in which they were.
    query
        All that match this are selected, where it is given.
    excluded
        Rows that match it and are not.
    counts
        How many match it, by status; whoever asks the service puts it here.
    """

    def __init__(self) -> None:
        self.revision = 0
        self.included: dict[str, Row] = {}
        self.query: Query | None = None
        self.excluded: dict[str, Row] = {}
        self.counts: dict[str, int] = {}
        self._guard = threading.RLock()

    # ---- changes

    def clear(self) -> None:
        """Select nothing."""
        with self._guard:
            self.included, self.excluded, self.query, self.counts = {}, {}, None, {}
            self.revision += 1

    def add(self, rows: Iterable[Row]) -> None:
        """Select rows besides what is selected."""
        with self._guard:
            for row in rows:
                if self.excluded.pop(row["id"], None) is None and not self._fits(row):
                    self.included[row["id"]] = {name: row.get(name) for name in KEPT}
            self.revision += 1

    def remove(self, rows: Iterable[Row]) -> None:
        """Select rows no more."""
        with self._guard:
            for row in rows:
                self.included.pop(row["id"], None)
                if self._fits(row):
                    self.excluded[row["id"]] = row
            self.revision += 1

    def choose(self, query: Query, counts: dict[str, int], among: Collection[str] = ()) -> None:
        """Select all that match, ``among`` what is selected, and nothing else but what was and does not match."""
        with self._guard:
            self.query, self.counts, self.excluded = query, counts, {}
            self.included = {key: row for key, row in self.included.items() if key not in among}
            self.revision += 1

    def update(self, tasks: Iterable[Row]) -> None:
        """Take in changed tasks."""
        with self._guard:
            for kept in (self.included, self.excluded):
                for task in tasks:
                    row = kept.get(task["id"])
                    if row is not None and int(task["version"]) >= int(row["version"]):
                        kept[task["id"]] = {**row, "status": task["status"], "version": task["version"]}
                        self.revision += row["status"] != task["status"]

    def forget(self, ids: Iterable[str]) -> None:
        """Drop tasks that are gone."""
        with self._guard:
            for key in ids:
                gone = [self.included.pop(key, None), self.excluded.pop(key, None)]
                self.revision += any(gone)

    # ---- questions

    def _fits(self, row: Row) -> bool:
        return self.query is not None and self.query.matches(row, time.time())

    def __contains__(self, row: Row) -> bool:
        with self._guard:
            return row["id"] in self.included or (row["id"] not in self.excluded and self._fits(row))

    def statuses(self) -> Counter[str]:
        """Return how many tasks of each status are selected."""
        with self._guard:
            found = Counter(self.counts if self.query is not None else {})
            found.update(row["status"] for row in self.included.values())
            found.subtract(row["status"] for row in self.excluded.values())
            return found

    def figures(self, hidden: int) -> list[int]:
        """Return all, those that have not ended, those that run, those not in view, and those with a value."""
        found = self.statuses()
        unended = sum(found[status] for status in UNENDED)
        return [found.total(), unended, found["RUNNING"], hidden, found["FINISHED"]]

    def for_action(self, action: str) -> Any:
        """Return a test for rows that an action applies to: what has not ended can be cancelled, the rest retried."""
        return lambda row: action == "delete" or (row["status"] in UNENDED) == (action == "cancel")
