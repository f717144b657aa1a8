"""What a view of the table asks for: which tasks, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from taskq_kernel.argument_conditions import check_name
from taskq_kernel.argument_terms import Typed, read_typed
from taskq_kernel.client.argument_filter import as_input
from taskq_kernel.client.argument_order import ARGUMENT
from taskq_widgets.table.columns import SORTABLE
from taskq_widgets.table.values import STATUSES, Row, seconds_of


@dataclass(frozen=True)
class Query:
    """A filter and an order.

    Attributes
    ----------
    text
        As it is typed: conditions on arguments, such as ``n=200``, and beside them what is found in a
        task's name or code, in any case; or a task's number.
    statuses
        Any of these; empty for all.
    after, before
        Bounds on the time of creation, seconds since 1970; ``before`` itself is out.
    within_s
        Created in the last so many seconds: a window that moves on by itself.
    batch
        The id of a batch: its points alone.
    points
        Whether the points of batches are among the tasks; None for wherever a filter asks for some, so that a table
        without one has a row for a batch, and not one for each of its points.
    owner
        Only this owner's.
    sort, descending
        The column to sort by, one of `SORTABLE` or an argument's, such as ``argument.n``. Ties go by number;
        rows without a value come last either way.
    """

    text: str = ""
    statuses: frozenset[str] = frozenset()
    after: float | None = None
    before: float | None = None
    within_s: float | None = None
    batch: str | None = None
    points: bool | None = None
    owner: str | None = None
    sort: str = "number"
    descending: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "statuses", frozenset(self.statuses))
        if unknown := self.statuses - set(STATUSES):
            raise ValueError(f"unknown status {sorted(unknown)[0]!r}; there are {', '.join(STATUSES)}")
        if self.by_argument:
            check_name(self.sort.removeprefix(ARGUMENT))
        elif self.sort not in SORTABLE:
            raise ValueError(f"cannot sort by {self.sort!r}; sort by one of {', '.join(SORTABLE)}")

    @property
    def folds(self) -> bool:
        """Whether the points of batches are left out."""
        return not self.points if self.points is not None else not (self.batch or self._narrows or self.text.strip())

    @property
    def shows_batches(self) -> bool:
        """Whether there are rows for batches: the newest, those with the text in their name, or the open one."""
        return bool(self.batch) or (self.points is None and not self._narrows)

    @property
    def _narrows(self) -> bool:
        """Whether it asks for a status, a time or an argument, which tasks have and batches have not."""
        times = (self.after, self.before, self.within_s)
        return bool(self.statuses or self.typed.terms) or any(one is not None for one in times)

    @property
    def by_argument(self) -> bool:
        """Whether it sorts by an argument."""
        return self.sort.startswith(ARGUMENT)

    @property
    def typed(self) -> Typed:
        """What the text was taken for."""
        return _read(self.text)

    def taken(self) -> str:
        """Return what the text was taken for, in a sentence; empty where it is text alone."""
        typed = self.typed
        if not typed.terms:
            return ""
        *shown, last = [term.shown for term in typed.terms]
        conditions = f"{', '.join(shown)} and {last}" if shown else last
        arguments = "the arguments" if shown else "the argument"
        beside = f", and “{typed.text}” in their name or code" if typed.text else ""
        return f"Tasks with {arguments} {conditions}{beside}."

    def to_filter(self, now: float) -> dict[str, Any]:
        """Return the filter as GraphQL's ``TaskFilter``; ``now`` in seconds since 1970."""
        after = self.since(now)
        given: dict[str, Any] = {
            "search": self.typed.text, "arguments": [as_input(condition) for condition in self.typed.conditions],
            "status": [status for status in STATUSES if status in self.statuses],
            "createdAfter": None if after is None else _instant(after),
            "createdBefore": None if self.before is None else _instant(self.before), "batch": self.batch,
            "owner": self.owner,
        }  # fmt: skip
        return {name: value for name, value in given.items() if value} | ({"isPoint": False} if self.folds else {})

    def to_order(self) -> list[tuple[str, str]]:
        """Return the order as field and direction."""
        return [(self.sort if self.by_argument else SORTABLE[self.sort], "DESC" if self.descending else "ASC")]

    def since(self, now: float) -> float | None:
        """Return the earliest time of creation, if there is one."""
        bounds = [self.after, None if self.within_s is None else now - self.within_s]
        return max((bound for bound in bounds if bound is not None), default=None)

    def fixed(self, now: float, before: float) -> Query:
        """Return the filter as it is now: a window that moves on stands still, and what comes later is out."""
        before = before if self.before is None else min(before, self.before)
        return replace(self, after=self.since(now), within_s=None, before=before, points=not self.folds)

    def ordering(self, other: Query) -> Query:
        """Return another filter in this order."""
        return replace(other, sort=self.sort, descending=self.descending)

    def only(self, statuses: frozenset[str]) -> Query:
        """Return the same filter for these statuses."""
        return replace(self, statuses=statuses)

    def matches(self, row: Row, now: float) -> bool:
        """Tell whether a row fits the filter, as the service would."""
        created, after = seconds_of(row["createdAt"]), self.since(now)
        if (after is not None and created < after) or (self.before is not None and created >= self.before):
            return False
        if self.statuses and row["status"] not in self.statuses:
            return False
        if self.batch and row["batch"] != self.batch:
            return False
        if self.owner and row["owner"] != self.owner:
            return False
        if self.folds and row.get("point") is not None:
            return False
        arguments = row.get("arguments") or {}
        if not all(condition.holds(arguments) for condition in self.typed.conditions):
            return False
        text = self.typed.text.casefold()
        texts = (row["name"] or "").casefold(), (row["code"] or "").casefold()
        return any(text in one for one in texts) or text.removeprefix("#") == str(row["number"])

    def and_also(self, other: Query) -> Query | None:
        """Return the filter of what fits both, where one filter can say that."""
        text = _both(self.text.strip(), other.text.strip())
        if text is None:
            return None
        points = not (self.folds or other.folds)
        both = self.statuses & other.statuses if self.statuses and other.statuses else self.statuses | other.statuses
        no_status = self.statuses and other.statuses and not both
        if no_status or _differ(self.batch, other.batch) or _differ(self.owner, other.owner):
            return replace(self, after=0.0, before=0.0, within_s=None)  # nothing
        afters = [bound for bound in (self.after, other.after) if bound is not None]
        befores = [bound for bound in (self.before, other.before) if bound is not None]
        return replace(
            self, text=text, statuses=both, after=max(afters, default=None),
            before=min(befores, default=None), within_s=self.within_s or other.within_s,
            batch=self.batch or other.batch, points=points, owner=self.owner or other.owner,
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Return this query as the browser writes it."""
        content = {field.name: getattr(self, field.name) for field in fields(self)}
        return content | {"statuses": [status for status in STATUSES if status in self.statuses]}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Query:
        """Return the query in a browser's message; names that are not of a query are left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in content.items() if name in known})


_read = lru_cache(maxsize=64)(read_typed)


def _both(mine: str, others: str) -> str | None:
    """A text that says what two say together; None where they look for two texts."""
    if not mine or not others or mine == others:
        return mine or others
    if _read(mine).text and _read(others).text:
        return None
    both = f"{mine} {others}"
    # Conditions are known by their own texts, so nothing is made of both that neither of them says.
    return both if _said(_read(both)) == _said(_read(mine)) | _said(_read(others)) else None


def _differ(mine: str | None, others: str | None) -> bool:
    return bool(mine and others and mine != others)


def _said(typed: Typed) -> set[str]:
    return {*(term.shown for term in typed.terms), typed.text} - {""}


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
