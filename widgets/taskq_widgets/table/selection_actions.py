"""What the user does to the selection, where that takes the service: ranges, all that match, all that is selected."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from taskq_kernel.errors import InvalidTask
from taskq_widgets.table.query import Query
from taskq_widgets.table.screen import Screen
from taskq_widgets.table.selection import Chosen, Selection
from taskq_widgets.table.source import ROW, Source
from taskq_widgets.table.values import STATUSES, Row, seconds_of

#: Rows that are read at once.
_STEP = 1000
#: A range of more tasks than this is not selected one by one.
MOST = 20_000
#: The service keeps microseconds: what was created later than something was so by one at least.
_TICK_S = 1e-6


def select(selection: Selection, screen: Screen, source: Source, content: dict[str, Any]) -> None:
    """Do what a message says: select some rows, only these, a range, or none."""
    op, ids = content["op"], [str(one) for one in content.get("ids", ())]
    if op in ("only", "none") or (op == "range" and not content.get("keep")):
        selection.clear()
    rows = screen.rows_at(ids)
    if op in ("only", "add", "remove"):
        here = {row["id"] for row in rows}
        rows += source.these([one for one in ids if one not in here], screen.query, ROW)
        (selection.remove if op == "remove" else selection.add)(rows)
    elif op == "range":
        selection.add(_between(screen, source, ids))


def _between(screen: Screen, source: Source, ends: list[str]) -> list[Row]:
    """Return the rows from one end to the other, both included."""
    places = [screen.places[end] for end in ends if end in screen.places]
    if not places:
        return []
    low, high = min(places), max(places)
    if high - low >= MOST:
        raise InvalidTask(f"a range of {high - low + 1:,} tasks is too long to select: filter them, and select all")
    loaded = screen.loaded
    if loaded is not None and loaded.query == screen.query and loaded.covers(low, high + 1 - low, high + 1):
        return list(loaded.rows[low - loaded.first : high + 1 - loaded.first])
    rows: list[Row] = []
    while len(rows) <= high - low:
        more = source.rows(screen.query, low + len(rows), min(_STEP, high + 1 - low - len(rows)), screen.figures.total)
        if not more:
            break
        rows += more
    return rows


def select_all(selection: Selection, source: Source, query: Query) -> None:
    """Select all tasks that match a query now: by a filter that later ones do not fit."""
    newest = source.newest()
    fixed = query.fixed(time.time(), 0.0 if newest is None else seconds_of(newest) + _TICK_S)
    # The service tells which these are: of a task that is selected not all is kept that a filter may ask about.
    among = source.fitting(list(selection.included), fixed) if selection.included else set()
    selection.choose(fixed, _counts(source, fixed), among)


def _counts(source: Source, query: Query) -> dict[str, int]:
    counts = source.figures(query).counts
    return {status: counts[status] for status in query.statuses or STATUSES}


def count_hidden(screen: Screen, selection: Selection, source: Source, *, anew: bool) -> None:
    """Find out how many selected tasks a screen's filter leaves out, where anything changed since the last time."""
    state = (selection.revision, screen.query)
    if screen.counted == state and not anew:
        return
    screen.counted = state
    here = {row["id"] for row in screen.loaded.rows} if screen.loaded is not None else set()
    others = [one for one in list(selection.included) if one not in here]
    hidden = len(others) - source.among(others, screen.query) if others else 0
    chosen = selection.query
    if chosen is not None:
        if anew:
            selection.counts = _counts(source, chosen)
        both = chosen.and_also(screen.query)
        if both is None:
            screen.hidden = -1
            return
        hidden += sum(selection.counts.values()) - source.figures(both).total if both != chosen else 0
    screen.hidden = hidden


def rows_of(selection: Selection, source: Source, query: Query, fields: str) -> Iterator[Row]:
    """Return the selected tasks: all that match in the order of a query, then those selected one by one."""
    if selection.query is not None:
        chosen = query.ordering(selection.query)
        needed = fields if fields.startswith("id") else f"id {fields}"
        yield from (row for row in source.every(chosen, needed) if row["id"] not in selection.excluded)
    if selection.included:
        yield from source.these(list(selection.included), query, fields)


def chosen_for(selection: Selection, source: Source, action: str) -> Chosen:
    """Return what of the selection an action applies to: what has not ended can be cancelled, the rest retried."""
    applies = selection.for_action(action)
    ids = [row["id"] for row in selection.included.values() if applies(row)]
    query = selection.query
    if query is None:
        return Chosen(ids)
    wanted = query.statuses or frozenset(STATUSES)
    statuses = frozenset(status for status in wanted if applies({"status": status}))
    if not statuses:
        return Chosen(ids)
    if statuses != wanted:
        query = query.only(statuses)
    if not selection.excluded:
        return Chosen(ids, query)
    matching = (row["id"] for row in source.every(query, "id") if row["id"] not in selection.excluded)
    return Chosen([*ids, *matching])
