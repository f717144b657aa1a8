"""What a view of the table asks for: which tasks, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from taskq_widgets.table.columns import STATUSES

#: Columns that a view can be sorted by.
SORTABLE = ("number", "name", "code", "value", "status", "progress", "seconds", "worker", "attempt", "created",
            "started", "finished", "priority", "queue", "owner")  # fmt: skip


@dataclass(frozen=True)
class Query:
    """A filter and an order.

    Attributes
    ----------
    text
        Found in a task's name, code, value or error, in any case; or a task's number.
    statuses
        Any of these; empty for all.
    after, before
        Bounds on the time of creation, seconds since 1970.
    within_s
        Created in the last so many seconds: a window that moves on by itself.
    sort, descending
        The column to sort by, one of `SORTABLE`. Ties go by number; rows without a value come last either way.
    """

    text: str = ""
    statuses: frozenset[str] = frozenset()
    after: float | None = None
    before: float | None = None
    within_s: float | None = None
    sort: str = "number"
    descending: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "statuses", frozenset(self.statuses))
        if unknown := self.statuses - set(STATUSES):
            raise ValueError(f"unknown status {sorted(unknown)[0]!r}; there are {', '.join(STATUSES)}")
        if self.sort not in SORTABLE:
            raise ValueError(f"cannot sort by {self.sort!r}; sort by one of {', '.join(SORTABLE)}")

    @property
    def is_filter(self) -> bool:
        """Whether this leaves any task out."""
        return replace(self, sort="number", descending=True) != Query()

    def to_json(self) -> dict[str, Any]:
        """Return this query as the browser writes it."""
        content = {field.name: getattr(self, field.name) for field in fields(self)}
        return content | {"statuses": [status for status in STATUSES if status in self.statuses]}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Query:
        """Return the query in a browser's message; names that are not of a query are left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in content.items() if name in known})
