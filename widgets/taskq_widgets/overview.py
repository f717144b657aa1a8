"""The overview: where everything stands, in one line; its chips filter a table."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets

from taskq_kernel.client import operations
from taskq_kernel.errors import TaskqError
from taskq_widgets.assets import bundle, stylesheet
from taskq_widgets.live import LiveState, live_tasks
from taskq_widgets.panels.panel import Panel
from taskq_widgets.table.values import STATUSES

if TYPE_CHECKING:
    from taskq_kernel.client.client import Client
    from taskq_kernel.client.feed import Changes
    from taskq_widgets.task_table import TaskTable

#: How often the service is asked for its statistics while somebody looks, in seconds.
ASK_S = 2.0
#: How often while tasks change.
COUNT_S = 0.3
#: The time of the last answer is shown anew so often when nothing else is new.
STAMP_S = 5.0
#: What is said to those whose token runs recipes alone.
SEES_RECIPES = "You see what recipes have made. Workers, slots and the pace are shown to those who may submit code."


class Overview(Panel):
    """Counts per status, slots, the throughput of the last hour, and whether all parts are there.

    Parameters
    ----------
    client : Client, optional
        The connection; the kernel's own unless given.
    table : TaskTable, optional
        The table that the chips filter; without one they only count.
    **traits
        ``theme``, and what every ipywidget has.

    Attributes
    ----------
    counts : dict of str to int
        Tasks per status.
    figures : dict
        ``slots``, ``busy``, ``workers``, ``pace`` (ended in the last minute), ``hour`` (pairs of
        finished and failed, a pair a minute), ``broker``, ``blocked`` (why the broker takes nothing),
        ``unserved`` (queues that no worker serves) and ``waiting`` (not yet with the broker).
    state : {"loading", "ready", "away", "refused"}
        Where the service stands, with ``reason``.
    updated : float
        When the service was last heard of, in seconds since 1970.
    """

    _esm = bundle("overview")
    _css = stylesheet("panel", "overview", "board")
    _handlers: ClassVar[dict[str, str]] = {"filter": "_on_filter"}

    counts = traitlets.Dict().tag(sync=True)
    figures = traitlets.Dict().tag(sync=True)
    chosen = traitlets.List(traitlets.Unicode()).tag(sync=True)
    filters = traitlets.Bool(False).tag(sync=True)
    state = traitlets.Enum(["loading", "ready", "away", "refused"], "loading").tag(sync=True)
    reason = traitlets.Unicode().tag(sync=True)
    #: Why there are no figures, where the token may not see them.
    withheld = traitlets.Unicode().tag(sync=True)
    updated = traitlets.Float(0.0).tag(sync=True)
    #: The model of the board that it is part of: what the page saves of that in the notebook's file.
    board = traitlets.Unicode().tag(sync=True)

    @property
    def _pause_s(self) -> float:
        return COUNT_S if self._changed else ASK_S

    def __init__(self, client: Client | None = None, *, table: TaskTable | None = None, **traits: Any) -> None:
        self._live = live_tasks(client)
        self._queried = float("-inf")
        self._changed = True
        #: The last change that the feed has told of.
        self._version = 0
        self._table = table
        super().__init__(filters=table is not None, counts=dict.fromkeys(STATUSES, 0), **traits)
        self._leave: list[Callable[[], None]] = [
            self._live.on_state(lambda _: self._show_state()),
            self._live.on_changes(self._on_changes),
        ]
        if table is not None:
            self.chosen = sorted(table.query.statuses)
            self._leave.append(table.on_query(lambda query: self.set_trait("chosen", sorted(query.statuses))))

    def close(self) -> None:
        """Take the widget off every screen."""
        for leave in self._leave:
            leave()
        self._leave.clear()
        super().close()

    def _on_filter(self, content: dict[str, Any]) -> None:
        statuses = [status for status in STATUSES if status in content["statuses"]]
        self.chosen = statuses
        if self._table is not None:
            self._table.filter(statuses=frozenset(statuses))

    def _on_changes(self, changes: Changes) -> None:
        self._version = changes.version if changes.anew else max(self._version, changes.version)
        self._changed = True
        self._wake.set()

    def _show_state(self) -> None:
        self._queried = float("-inf")
        self._changed = True
        self._refresh_soon()

    def _refresh(self) -> None:
        with self._together():
            state: LiveState = self._live.state
            self.state, self.reason = state.name, state.reason
            if time.monotonic() - self._queried >= self._pause_s - 0.05 and state.name != "refused":
                self._queried = time.monotonic()
                self._query(time.time())

    def _query(self, now: float) -> None:
        """Take counts and figures from one answer, which is one state of the database: they fit one another."""
        self._changed = False
        try:
            counts, figures = self._read()
        except TaskqError:
            return  # the live feed says that the service is away, and why
        if (counts, figures) != (self.counts, self.figures) or now - self.updated >= STAMP_S:
            self.counts, self.figures, self.updated = counts, figures, round(now, 1)

    def _read(self) -> tuple[dict[str, int], dict[str, Any]]:
        """Counts and figures; no figures where the token may not see those of the fleet."""
        self._live.me()
        if self._live.runs_recipes_only:
            self.withheld = SEES_RECIPES
            return operations.counts(self._live.transport, {}).counts, {}
        statistics = self._live.statistics(self._version)
        self._changed = self._changed or statistics["version"] < self._version
        return {one["status"]: one["count"] for one in statistics["counts"]}, _figures(statistics)


def _figures(statistics: dict[str, Any]) -> dict[str, Any]:
    return {
        "slots": statistics["slots"],
        "busy": statistics["busy"],
        "workers": statistics["workersOnline"],
        "pace": round(statistics["finishedPerMinute"]),
        "hour": [[one["finished"], one["failed"]] for one in statistics["lastHour"]],
        "broker": statistics["brokerConnected"],
        "blocked": statistics["brokerBlocked"] or "",
        "unserved": statistics["unservedQueues"],
        "waiting": statistics["outboxLength"],
    }
