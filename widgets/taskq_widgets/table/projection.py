"""One order of the tasks that match one query, kept up to date.

The order is a list of groups: rows with a value to sort by (numbers before texts), then
rows without one. Each group is sorted by value and, among equals, by number; *descending*
reads every group backwards. So rows without a value come last either way.

A few changed rows are taken out and put back at their places, found by bisection; after
many, all is filtered and sorted anew. Both happen on copies, with no lock held, and the
result replaces the old one in one assignment: a reader sees the one or the other.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from itertools import starmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskq_widgets.table.columns import STATUSES, Array
from taskq_widgets.table.model import Slots, Snapshot, TableModel
from taskq_widgets.table.query import Query

#: More changed rows than this are not put in place one by one.
_MANY = 2000

_TEXTS = {"name", "code", "worker", "queue", "owner"}
_NO_GROUP = -1
_GROUPS = 3


class Projection:
    """The slots that match a query, in its order.

    Attributes
    ----------
    query
        What this shows.
    order
        Slots from first to last. The array is replaced, never changed.
    facets
        Tasks per status that match the query but for its statuses.
    revision
        The model's revision that this has caught up with.
    edition
        Grows whenever a row that this looks at has changed.
    """

    def __init__(self, model: TableModel, query: Query, clock: Callable[[], float] = time.time) -> None:
        self.query = query
        self.order: Slots = np.empty(0, np.intp)
        self.facets: dict[str, int] = dict.fromkeys(STATUSES, 0)
        self.revision = -1
        self.edition = 0
        self._model = model
        self._refreshing = threading.Lock()
        self._clock = clock
        self._columns = [_source(query.sort), "value_number", "number", "status", "created", "alive",
                         "folded", "folded_code"]  # fmt: skip
        self._reset(0)

    def _reset(self, size: int) -> None:
        """Forget all rows, and make room for ``size`` of them."""
        key_dtype = object if self.query.sort in _TEXTS | {"value"} else np.float64
        self._keys: Array = np.zeros(size, key_dtype)
        self._numbers: NDArray[np.int64] = np.zeros(size, np.int64)
        self._status: NDArray[np.int8] = np.zeros(size, np.int8)
        self._created: NDArray[np.float64] = np.zeros(size)
        self._base: NDArray[np.bool_] = np.zeros(size, np.bool_)
        self._groups: list[Slots] = [np.empty(0, np.intp)] * _GROUPS

    def refresh(self) -> bool:
        """Catch up with the model; return whether any row that this looks at has changed."""
        with self._refreshing:
            return self._refresh()

    def _refresh(self) -> bool:
        with self._model.lock:
            changed = self._changed()
            if not len(changed):
                self.revision = self._model.revision
                return False
            whole = self.revision < 0 or len(changed) > _MANY
            snap = self._model.snapshot(self._columns, None if whole else changed)
        if whole:
            self._reset(snap.size)
        groups = self._note(snap)
        if whole:
            self._groups = [self._sorted(group, np.flatnonzero(groups == group)) for group in range(_GROUPS)]
        else:
            self._merge(snap.slots, groups)
        self._publish()
        self.revision = snap.revision
        self.edition += 1
        return True

    def _changed(self) -> Slots:
        """Return the slots to look at anew: changed rows, and those that have become too old."""
        changed = self._model.changed_since(self.revision)
        if self.query.within_s is None:
            return changed
        aged = np.flatnonzero(self._base & (self._created < self._clock() - self.query.within_s))
        return np.union1d(changed, aged)

    def _note(self, snap: Snapshot) -> Array:
        """Keep what is needed of rows, and return the group that each now belongs to."""
        if snap.size > len(self._base):
            self._grow(snap.size)
        base = self._matches(snap)
        groups, self._keys[snap.slots] = self._keyed(snap)
        for kept, name in ((self._numbers, "number"), (self._status, "status"), (self._created, "created")):
            kept[snap.slots] = snap[name]
        self._base[snap.slots] = base
        if self.query.statuses:
            wanted = [code for code, status in enumerate(STATUSES) if status in self.query.statuses]
            base = base & np.isin(snap["status"], wanted)
        return np.where(base, groups, _NO_GROUP)

    def _grow(self, size: int) -> None:
        more = max(size, 2 * len(self._base)) - len(self._base)
        for name in ("_keys", "_numbers", "_status", "_created", "_base"):
            array = getattr(self, name)
            setattr(self, name, np.concatenate([array, np.zeros(more, array.dtype)]))

    def _matches(self, snap: Snapshot) -> NDArray[np.bool_]:
        """Tell which rows match the query, whatever their status."""
        query = self.query
        found: NDArray[np.bool_] = snap["alive"].astype(np.bool_)
        if query.after is not None:
            found &= snap["created"] >= query.after
        if query.before is not None:
            found &= snap["created"] <= query.before
        if query.within_s is not None:
            found &= snap["created"] >= self._clock() - query.within_s
        if query.text.strip():
            found &= _contains(snap, query.text.strip())
        return found

    def _keyed(self, snap: Snapshot) -> tuple[Array, Array]:
        """Return the group and the key to sort by of each row."""
        sort, count = self.query.sort, len(snap.slots)
        column = snap[_source(sort)]
        if sort in _TEXTS:
            keys = _objects((text.casefold() for text in column), count)
            return np.where(keys == "", 1, 0), keys
        if sort == "value":
            texts = _objects((text.casefold() for text in column), count)
            numeric = ~np.isnan(snap["value_number"])
            return np.where(numeric, 0, np.where(texts == "", 2, 1)), np.where(
                numeric, snap["value_number"].astype(object), texts
            )
        numbers = column.astype(np.float64)
        return np.where(np.isnan(numbers), 1, 0), numbers

    def _key(self, group: int, slots: Slots) -> Array:
        """Return what a group is sorted by, alike for every row of one without values."""
        if group == self._last_group:
            return np.zeros(len(slots))
        keys = self._keys[slots]
        return keys.astype(np.float64) if self.query.sort == "value" and group == 0 else keys

    @property
    def _last_group(self) -> int:
        return 2 if self.query.sort == "value" else 1

    def _sorted(self, group: int, slots: Slots) -> Slots:
        """Sort slots of one group by key, then by number."""
        keys, numbers = self._key(group, slots), self._numbers[slots]
        if keys.dtype != object:
            return slots[np.lexsort((numbers, keys))]
        slots = slots[np.argsort(numbers, kind="stable")]
        texts = self._keys[slots].tolist()
        # Python sorts texts in half the time that numpy takes for objects.
        return slots[np.array(sorted(range(len(texts)), key=texts.__getitem__), np.intp)]

    def _merge(self, changed: Slots, groups: Array) -> None:
        """Take changed rows out of their groups and put them at their new places."""
        touched = np.zeros(len(self._base), np.bool_)
        touched[changed] = True
        for group, slots in enumerate(self._groups):
            kept = slots[~touched[slots]]
            coming = self._sorted(group, changed[groups == group])
            if len(coming):
                kept = np.insert(kept, self._places(group, kept, coming), coming)
            self._groups[group] = kept

    def _places(self, group: int, kept: Slots, coming: Slots) -> list[int]:
        """Return where in ``kept`` each coming row belongs."""
        keys, new_keys = self._key(group, kept), self._key(group, coming)
        lows = np.searchsorted(keys, new_keys, "left").tolist()
        highs = np.searchsorted(keys, new_keys, "right").tolist()
        numbers = self._numbers[kept]
        return list(
            starmap(
                lambda low, high, number: low + int(np.searchsorted(numbers[low:high], number)),
                zip(lows, highs, self._numbers[coming], strict=True),
            )
        )

    def _publish(self) -> None:
        step = -1 if self.query.descending else 1
        self.order = np.concatenate([slots[::step] for slots in self._groups])
        counts = np.bincount(self._status[self._base], minlength=len(STATUSES)).tolist()
        self.facets = dict(zip(STATUSES, counts, strict=True))


def _source(sort: str) -> str:
    """Return the column that a view is sorted by."""
    return "value_text" if sort == "value" else sort


def _contains(snap: Snapshot, text: str) -> NDArray[np.bool_]:
    """Tell which rows have the text in their name, value, error or code, or as their number."""
    needle = text.casefold()
    rows = zip(snap["folded"], snap["folded_code"], strict=True)
    found = np.fromiter((needle in own or needle in code for own, code in rows), np.bool_, len(snap.slots))
    digits = text.removeprefix("#")
    if digits.isascii() and digits.isdigit() and len(digits) < 19:
        found |= snap["number"] == int(digits)
    return found


def _objects(values: Iterable[Any], count: int) -> Array:
    return np.fromiter(values, object, count)
