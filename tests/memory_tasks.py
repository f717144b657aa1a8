"""A source of a table's tasks that the process holds itself, for tests without a service."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from taskq_widgets import Query, TableView
from taskq_widgets.table.batches import BatchRows
from taskq_widgets.table.frames import frame_of
from taskq_widgets.table.source import Figures

from taskq_kernel.client.feed import Changes


class MemoryTasks:
    """A source of tasks that the kernel holds itself."""

    def __init__(self) -> None:
        self.tasks: dict[str, dict[str, Any]] = {}
        self.batch_rows: list[dict[str, Any]] = []
        self._listeners: list[Callable[[Changes], None]] = []
        #: Counts the changes: what was put in order while one was made is not all there.
        self._changes = 0
        #: What was put in order last: by what, after which change, and the tasks in order.
        self._sorted: tuple[Query, int, list[dict[str, Any]]] | None = None

    def upsert(self, tasks: Iterable[dict[str, Any]]) -> None:
        """Add tasks, or bring them up to date where they are not older than what is here."""
        tasks = list(tasks)
        for task in tasks:
            old = self.tasks.get(task["id"])
            if old is None or int(task["version"]) >= int(old["version"]):
                self.tasks[task["id"]] = (old or {}) | task
        self._tell(tasks=tasks)

    def delete(self, ids: Sequence[str]) -> None:
        for one in ids:
            self.tasks.pop(one, None)
        self._tell(deleted=list(ids))

    def replace(self, tasks: list[dict[str, Any]]) -> None:
        """Take ``tasks`` as the whole set."""
        gone = [one for one in self.tasks if one not in {task["id"] for task in tasks}]
        self.tasks = {task["id"]: task for task in tasks}
        self._tell(tasks=tasks, deleted=gone)

    def _tell(self, **changes: Any) -> None:
        self._changes += 1
        for listener in list(self._listeners):
            listener(Changes(version=0, **changes))

    def on_changes(self, listener: Callable[[Changes], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def counts(self) -> Counter[str]:
        return Counter(task["status"] for task in list(self.tasks.values()))

    def frame(self) -> Any:
        return frame_of(sorted(self.tasks.values(), key=lambda task: task["number"])).reset_index()

    # ---- what a table asks

    def rows(self, query: Query, first: int, count: int, _total: int | None) -> list[dict[str, Any]]:
        return self._in_order(query)[first : first + count]

    def figures(self, query: Query) -> Figures:
        any_status = {"statuses": frozenset(), "points": not query.folds}
        others = Counter(task["status"] for task in self._matching(Query(**vars(query) | any_status)))
        every = Counter(task["status"] for task in list(self.tasks.values()))
        total = sum(count for status, count in others.items() if not query.statuses or status in query.statuses)
        return Figures(total, len(self.tasks), every if query.folds and query.points is None else others)

    def every(self, query: Query, _fields: str) -> Iterator[dict[str, Any]]:
        return iter(list(self._in_order(query)))

    def these(self, ids: Sequence[str], query: Query, _fields: str) -> Iterator[dict[str, Any]]:
        everything = Query(sort=query.sort, descending=query.descending, points=True)
        return iter([task for task in self._in_order(everything) if task["id"] in set(ids)])

    def among(self, ids: Sequence[str], query: Query) -> int:
        return len(self.fitting(ids, query))

    def fitting(self, ids: Sequence[str], query: Query) -> set[str]:
        return {task["id"] for task in self._matching(query)} & set(ids)

    def newest(self) -> str | None:
        return max((task["createdAt"] for task in list(self.tasks.values())), default=None)

    def batches(self, query: Query, count: int) -> BatchRows:
        if query.batch:
            found = [one for one in self.batch_rows if one["id"] == query.batch]
        else:
            found = [one for one in self.batch_rows if query.text.strip() in one["name"]]
        return BatchRows(found[:count], len(found))

    def _matching(self, query: Query) -> list[dict[str, Any]]:
        now = time.time()
        if query == Query(sort=query.sort, descending=query.descending, points=True):
            return list(self.tasks.values())
        return [task for task in list(self.tasks.values()) if query.matches(task, now)]

    def _in_order(self, query: Query) -> list[dict[str, Any]]:
        changes, known = self._changes, self._sorted
        if known is not None and known[:2] == (query, changes) and not query.within_s:
            return known[2]
        value = _value_of(query.sort)
        found = sorted(self._matching(query), key=lambda task: task["number"], reverse=query.descending)
        valued = [task for task in found if value(task) is not None]
        valued.sort(key=value, reverse=query.descending)
        order = valued + [task for task in found if value(task) is None]
        self._sorted = query, changes, order
        return order


def _value_of(sort: str) -> Callable[[dict[str, Any]], Any]:
    """What tasks are sorted by; arguments of one kind only."""
    if sort.startswith("argument."):
        return lambda task: task["arguments"].get(sort.removeprefix("argument."))
    field = {"created": "createdAt"}.get(sort, sort)
    return lambda task: task[field]


class MemoryTable(TableView):
    """A table of tasks that the kernel holds."""

    def __init__(self, **traits: Any) -> None:
        self.model = MemoryTasks()
        super().__init__(self.model, **traits)

    def upsert(self, tasks: Iterable[dict[str, Any]]) -> None:
        self.model.upsert(tasks)

    def select(self, numbers: Iterable[int]) -> None:
        """Make these the whole selection."""
        wanted = set(numbers)
        self._selection.clear()
        self._selection.add([task for task in self.model.tasks.values() if task["number"] in wanted])
        self._wake.set()

    def selected(self) -> list[int]:
        """Return the numbers of the selected tasks."""
        return sorted(self.selection().index.tolist())
