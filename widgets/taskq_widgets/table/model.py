"""All the tasks that a table knows, keyed by id.

The model takes tasks as GraphQL gives them, in batches, and hands out copies of columns.
Its lock is held while a batch is put in place or a column copied, never while anything is
parsed, filtered, sorted or formatted: whoever wants an order takes a copy, sorts it, and
catches up with what changed in the meantime (`taskq_widgets.table.projection`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from taskq_widgets.table.columns import STATUSES, Array, Columns, Task, as_column, column_values

if TYPE_CHECKING:
    import pandas as pd

Slots = NDArray[np.intp]

_CANCELLABLE = [STATUSES.index(status) for status in ("QUEUEING", "RUNNING")]

#: Columns of the frame, and where each comes from.
_FRAME = {
    "id": "id", "number": "number", "name": "name", "status": "status", "value": "value_text",
    "progress": "progress", "seconds": "seconds", "worker": "worker", "attempt": "attempt",
    "max_attempts": "max_attempts", "priority": "priority", "queue": "queue", "owner": "owner",
    "batch": "batch", "error": "error", "code": "code", "created_at": "created", "started_at": "started",
    "finished_at": "finished", "version": "version",
}  # fmt: skip


@dataclass(frozen=True)
class Snapshot:
    """Copies of columns at one revision of the model.

    Attributes
    ----------
    revision
        The revision: what changes later has a greater one.
    size
        Slots in use then.
    slots
        The slots that the copies hold, one value each.
    columns
        The copies by name of column.
    """

    revision: int
    size: int
    slots: Slots
    columns: dict[str, Array]

    def __getitem__(self, name: str) -> Array:
        return self.columns[name]


@dataclass(frozen=True)
class Selection:
    """What is selected, in numbers.

    Attributes
    ----------
    count
        Tasks selected.
    cancellable
        Those that have not ended.
    running
        Those of them that run.
    finished
        Those that hold a value, and are repeated by new tasks when they are run again.
    """

    count: int = 0
    cancellable: int = 0
    running: int = 0
    finished: int = 0


class TableModel:
    """Tasks keyed by id, safe to use from several threads.

    Attributes
    ----------
    lock
        Held while rows are put in place or copied; hold it to take several copies of one revision.
    revision
        Grows with every change of a task.
    selection_revision
        Grows with every change of the selection.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.revision = 0
        self.selection_revision = 0
        self._columns = Columns()
        self._slots: dict[str, int] = {}
        self._free: list[int] = []
        self._folded_codes: dict[str, str] = {}
        self._listeners: list[Callable[[], None]] = []

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, task_id: object) -> bool:
        return task_id in self._slots

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` after every change, on the thread that made it; return what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    # ---- tasks in and out

    def upsert(self, tasks: Iterable[Task]) -> int:
        """Add tasks, or bring those known up to date; return how many that changed.

        Parameters
        ----------
        tasks
            Mappings with the field names of GraphQL, ``id`` always among them. A field that is
            left out keeps its value. A task whose ``version`` is older than the one known is
            left alone, so batches may arrive in any order.
        """
        alike: dict[tuple[str, ...], dict[str, Task]] = {}
        for task in tasks:
            alike.setdefault(tuple(task), {})[task["id"]] = task
        return sum(self._put(list(batch.values())) for batch in alike.values())

    def replace(self, tasks: Iterable[Task]) -> None:
        """Take ``tasks`` as the whole set: bring these up to date and drop all others."""
        tasks = list(tasks)
        self.upsert(tasks)
        keep = {task["id"] for task in tasks}
        self.delete([task_id for task_id in list(self._slots) if task_id not in keep])

    def delete(self, ids: Iterable[str]) -> int:
        """Drop tasks by id; return how many were there."""
        with self.lock:
            slots = [slot for task_id in ids if (slot := self._slots.pop(task_id, None)) is not None]
            if slots:
                self.revision += 1
                columns = self._columns
                if columns["selected"][slots].any():
                    self.selection_revision += 1
                columns["alive"][slots] = columns["selected"][slots] = False
                columns["changed"][slots] = self.revision
                self._free += slots
        if slots:
            self._tell()
        return len(slots)

    def _put(self, tasks: list[Task]) -> int:
        """Upsert tasks with the same fields and no id twice."""
        values = column_values(tasks)  # the slow part, outside the lock
        ids = [task["id"] for task in tasks]
        with self.lock:
            self.revision += 1
            slots = self._slots_for(ids)
            if "version" in values:
                newer = values["version"] >= self._columns["version"][slots]
                slots = slots[newer]
                values = {name: column[newer] for name, column in values.items()}
            for name, column in values.items():
                self._columns[name][slots] = column
            self._columns["changed"][slots] = self.revision
            self._fold(slots, values.keys())
        if len(slots):
            self._tell()
        return len(slots)

    def _slots_for(self, ids: Sequence[str]) -> Slots:
        """Return the slot of each id, a new one for an id not known."""
        new = [task_id for task_id in ids if task_id not in self._slots]
        if new:
            reused = [self._free.pop() for _ in range(min(len(new), len(self._free)))]
            added = np.array([*reused, *self._columns.extend(len(new) - len(reused))], np.intp)
            self._slots.update(zip(new, added.tolist(), strict=True))
            columns = self._columns
            columns["id"][added] = as_column(new, object)
            columns["alive"][added] = True
            columns["selected"][added] = False
            columns["version"][added] = -1
            self._blank(added)
        return np.fromiter(map(self._slots.__getitem__, ids), np.intp, len(ids))

    def _blank(self, slots: Slots) -> None:
        """Fill new slots with what a field is when a task does not say."""
        for name, column in column_values([_EMPTY]).items():
            if name != "version":
                self._columns[name][slots] = column[0]

    def _fold(self, slots: Slots, given: Iterable[str]) -> None:
        """Bring the texts that the filter looks in up to date."""
        columns = self._columns
        if {"name", "value_text", "error"} & set(given):
            names, values, errors = (columns[name][slots] for name in ("name", "value_text", "error"))
            texts = zip(names, values, errors, strict=True)
            columns["folded"][slots] = as_column(["\n".join(text).casefold() for text in texts], object)
        if "code" in given:
            codes = [self._folded_code(code) for code in columns["code"][slots]]
            columns["folded_code"][slots] = as_column(codes, object)

    def _folded_code(self, code: str) -> str:
        """Return code in folded case, kept once for all the tasks of a sweep."""
        if len(self._folded_codes) > 4 * len(self._slots) + 1000:
            self._folded_codes.clear()
        return self._folded_codes.setdefault(code, code.casefold())

    def _tell(self) -> None:
        for listener in list(self._listeners):
            listener()

    # ---- copies for whoever sorts and shows

    def snapshot(self, names: Iterable[str], slots: Slots | None = None) -> Snapshot:
        """Return copies of columns, of all slots or of some."""
        with self.lock:
            size = self._columns.size
            if slots is None:
                slots = np.arange(size)
                columns = {name: self._columns[name].copy() for name in names}
            else:
                columns = {name: self._columns[name][slots] for name in names}
            return Snapshot(self.revision, size, slots, columns)

    def changed_since(self, revision: int) -> Slots:
        """Return the slots, deleted ones too, that changed after ``revision``."""
        with self.lock:
            return np.flatnonzero(self._columns["changed"] > revision)

    def counts(self) -> dict[str, int]:
        """Return how many tasks there are per status."""
        with self.lock:
            found = np.bincount(self._columns["status"][self._columns["alive"]], minlength=len(STATUSES))
        return dict(zip(STATUSES, found.tolist(), strict=True))

    def frame(self, slots: Slots | None = None) -> pd.DataFrame:
        """Return the tasks as a pandas DataFrame, in order of their numbers unless ``slots`` gives one.

        Times are in UTC. A value is a number where it is one, else its short text.
        """
        import pandas as pd  # here, not above: a table without exports needs none of it

        snap = self.snapshot([*_FRAME.values(), "alive", "value_number"], slots)
        if slots is None:
            rows = np.flatnonzero(snap["alive"])
            rows = rows[np.argsort(snap["number"][rows], kind="stable")]
        else:
            rows = np.flatnonzero(snap["alive"])
        data = {name: snap[source][rows] for name, source in _FRAME.items()}
        frame = pd.DataFrame(data)
        frame["status"] = pd.Categorical.from_codes(data["status"].tolist(), pd.Index(STATUSES), ordered=True)
        frame["value"] = _values(snap["value_number"][rows], data["value"])
        for name in ("created_at", "started_at", "finished_at"):
            frame[name] = pd.to_datetime(data[name], unit="s", utc=True).round("us")
        return frame

    # ---- selection

    def select(self, slots: Slots, on: bool = True) -> None:
        """Add slots to the selection, or take them out."""
        with self.lock:
            chosen = slots[self._columns["alive"][slots]]
            self._columns["selected"][chosen] = on
            self.selection_revision += 1
        self._tell()

    def select_only(self, slots: Slots) -> None:
        """Make slots the whole selection."""
        with self.lock:
            self._columns["selected"][:] = False
            self.select(slots)

    def selected(self) -> Slots:
        """Return the selected slots."""
        with self.lock:
            return np.flatnonzero(self._columns["selected"])

    def selection(self) -> Selection:
        """Return the selection in numbers."""
        with self.lock:
            status = self._columns["status"][self._columns["selected"]]
        open_ = int(np.isin(status, _CANCELLABLE).sum())
        running, finished = (int((status == STATUSES.index(name)).sum()) for name in ("RUNNING", "FINISHED"))
        return Selection(len(status), open_, running, finished)

    def slots_of(self, ids: Iterable[str]) -> Slots:
        """Return the slots of those ids that are known."""
        with self.lock:
            found = [self._slots[task_id] for task_id in ids if task_id in self._slots]
        return np.array(found, np.intp)

    def ids_of(self, slots: Slots) -> list[str]:
        """Return the ids in slots."""
        with self.lock:
            ids: list[str] = self._columns["id"][slots].tolist()
        return ids

    def statuses_of(self, slots: Slots) -> list[str]:
        """Return the statuses in slots."""
        with self.lock:
            codes = self._columns["status"][slots].tolist()
        return [STATUSES[code] for code in codes]


#: A task that says nothing of itself.
_EMPTY: dict[str, Any] = {
    "number": 0, "name": "", "code": "", "status": "QUEUEING", "valueText": "", "error": None, "progress": None,
    "progressMessage": "", "seconds": None, "worker": "", "attempt": 0, "maxAttempts": 1, "priority": 1,
    "queue": "", "owner": "", "batch": "", "createdAt": None, "startedAt": None, "finishedAt": None, "version": 0,
}  # fmt: skip


def _values(numbers: Array, texts: Array) -> list[Any]:
    """Return values for a frame: the number, the text, or None."""
    return [
        (text or None) if number != number else number  # NaN alone differs from itself
        for number, text in zip(numbers.tolist(), texts.tolist(), strict=True)
    ]
