"""One place where a table is displayed, and what the browser there already has.

The same widget may be shown in two cells, or in two browsers. Each *screen* has its own
filter, order and scroll position; data and selection are the widget's. A screen remembers
what it was sent, and makes patches of the difference: rows that came into sight whole,
of the others the cells that changed, and nothing when nothing did.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from taskq_widgets.table.cells import SOURCES, row
from taskq_widgets.table.model import Slots, TableModel
from taskq_widgets.table.projection import Projection
from taskq_widgets.table.query import Query

#: The most rows a browser may ask for at once.
MAX_ROWS = 400


@dataclass
class Screen:
    """The state of one display of the table.

    Attributes
    ----------
    view
        The id that the browser gave it.
    query
        Its filter and order.
    asked
        The browser's own count of its queries; a patch says which one it answers.
    picked
        The browser's own count of its changes to the selection, likewise.
    window
        The rows in sight: the place of the first in the order, and how many. Replaced, never changed.
    beat
        When the browser last said that the screen is looked at, in seconds of a monotonic clock.
    """

    view: str
    query: Query
    asked: int = 0
    picked: int = 0
    window: tuple[int, int] = (0, 40)
    beat: float = float("-inf")
    _sent: dict[str, Any] = field(default_factory=dict)
    _rows: dict[str, list[Any]] = field(default_factory=dict)
    _made: dict[int, tuple[int, list[Any]]] = field(default_factory=dict)
    _seen: tuple[Any, ...] = ()

    def forget(self) -> None:
        """Forget what was sent: the browser starts afresh."""
        self._sent, self._rows, self._made, self._seen = {}, {}, {}, ()

    def look_at(self, first: int, count: int) -> None:
        """Move the window to ``count`` rows from ``first`` on."""
        self.window = max(0, first), max(0, min(count, MAX_ROWS))

    def patch(self, model: TableModel, projection: Projection) -> dict[str, Any] | None:
        """Return what the browser lacks, or None when it lacks nothing.

        ``head`` holds those of the figures around the table that changed; ``first`` and ``ids``
        the rows in sight when these changed; ``rows`` the whole of rows that came into sight;
        ``cells`` of the others what changed, as pairs of place and value.
        """
        query, asked, picked, (first, count) = self.query, self.asked, self.picked, self.window
        state = (projection, projection.edition, model.selection_revision, first, count, query, asked, picked)
        if state == self._seen:
            return None
        self._seen = state
        order = projection.order
        first = max(0, min(first, len(order) - count))
        slots, ids, rows = self._rows_of(model, order[first : first + count])
        patch: dict[str, Any] = self._new_rows(ids, rows)
        head = _figures(model, projection, slots, ids) | {"query": query.to_json(), "asked": asked, "picked": picked}
        if changed := self._changes(head):
            patch["head"] = changed
        return (patch | self._changes({"ids": ids, "first": first})) or None

    def _rows_of(self, model: TableModel, slots: Slots) -> tuple[Slots, list[str], list[list[Any]]]:
        """Return slots, ids and rows of those still there, making again only the rows that changed."""
        snap = model.snapshot(("id", "alive", "changed"), slots)
        alive = np.flatnonzero(snap["alive"])  # one may have been deleted since the order was made
        slots, ids = snap.slots[alive], snap["id"][alive].tolist()
        changed = snap["changed"][alive].tolist()
        stale = [i for i, slot in enumerate(slots.tolist()) if self._made.get(slot, (-1,))[0] != changed[i]]
        if stale:
            source = model.snapshot(SOURCES, slots[stale])
            made = zip(*(source[name].tolist() for name in SOURCES), strict=True)
            for i, values in zip(stale, made, strict=True):
                self._made[int(slots[i])] = (changed[i], row(*values))
        self._made = {slot: self._made[slot] for slot in slots.tolist()}
        return slots, ids, [cells for _, cells in self._made.values()]

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


def _figures(model: TableModel, projection: Projection, slots: Slots, ids: list[str]) -> dict[str, Any]:
    """Return what stands around the rows: how many there are, and what is selected."""
    chosen, order = model.selection(), projection.order
    hidden = chosen.count - _selected_in(model, order)
    in_sight = model.snapshot(("selected",), slots)["selected"].tolist()
    return {
        "total": len(order),
        "all": len(model),
        "counts": projection.facets,
        "selection": [chosen.count, chosen.cancellable, chosen.running, hidden, chosen.finished],
        "selected": [task_id for task_id, selected in zip(ids, in_sight, strict=True) if selected],
    }


def _selected_in(model: TableModel, order: Slots) -> int:
    """Return how many of the slots in an order are selected."""
    return int(np.count_nonzero(model.snapshot(("selected",), order)["selected"]))
