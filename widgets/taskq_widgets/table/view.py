"""The table as a widget: traits, messages, and the thread that pushes.

A browser sends messages with a ``type``, and the ``view`` that it displays:

========== ====================================================================================
``open``   a display begins; ``first``, ``count``, and ``query`` when it had one before
``close``  a display ends
``alive``  somebody looks at it; every 5 s while that is so, and answered; ``picked`` as in ``select``
``window`` rows in sight: ``first``, ``count``
``query``  a new filter or order: ``query``; ``asked``, the browser's count of them; ``count`` of rows
``select`` ``op``: ``only``, ``add``, ``remove`` (``ids``), ``range`` (``ids``: from, to; ``keep``), ``all``, ``none``;
           ``picked``, the browser's count of these
``open_task`` ``id`` and ``part``: ``task`` or ``code``
``action`` ``action``: ``cancel``, ``retry``, ``delete``, ``copy``, ``csv``, ``reload``
========== ====================================================================================

Python sends ``patch`` (see `Screen.patch`), ``here`` (the answer to ``alive``), ``reopen`` (it
does not know that view), ``ids`` to copy, ``csv`` (the file is the message's buffer), and ``say``
(a line for the user).
A patch goes to one view, says which in ``view``, and goes out at most ten times a second.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import traitlets

from taskq_widgets.assets import stylesheet
from taskq_widgets.guarded import GuardedWidget
from taskq_widgets.heartbeat import CellClock, is_fresh
from taskq_widgets.panels.assets import linked_script
from taskq_widgets.table.columns import Task
from taskq_widgets.table.export import as_csv
from taskq_widgets.table.model import Slots, TableModel
from taskq_widgets.table.projection import Projection
from taskq_widgets.table.query import Query
from taskq_widgets.table.screen import Screen

log = logging.getLogger(__name__)

#: At most so often a screen is patched.
FLUSH_S = 0.1
#: Changes that come together are pushed together: the wait after the first.
GATHER_S = 0.01
#: After a patch that could not be made or sent, the wait before the next attempt.
RETRY_S = 1.0
#: A display not heard of for so long is forgotten; it opens again by itself when it comes back.
FORGET_S = 3600.0

_cells = CellClock()
_cells.follow_ipython()

ActionHandler = Callable[[str, list[str]], None]
OpenHandler = Callable[[str, str], None]


class TableView(GuardedWidget):
    """A live table of tasks; what it shows is put in from Python.

    Parameters
    ----------
    model
        The tasks; a new empty set unless given. Several widgets may share one.
    query
        Filter and order to begin with.
    **traits
        Any of the traits below.

    Attributes
    ----------
    model : TableModel
        The tasks. ``upsert`` and ``delete`` on it, from any thread, are all it takes to update.
    columns : list of str
        Columns to show, in order; empty for as many as fit.
    density : {"comfortable", "compact"}
    theme : {"auto", "light", "dark"}
        ``auto`` follows the page.
    state : {"loading", "ready", "error"}
        ``loading`` until the first tasks are there; ``error`` shows ``message`` in the table's place.
    message : str
        What went wrong.
    away : str
        Why what is shown may be old, or empty. Shown above the table, which stays usable.
    height : str
        The greatest height of the whole, a CSS length.
    label : str
        What a screen reader calls the table.
    chips : bool
        Whether statuses and their counts are shown as chips that filter.
    """

    _esm = linked_script("table/table.js")
    _css = stylesheet("table/table.css")

    columns = traitlets.List(traitlets.Unicode()).tag(sync=True)
    density = traitlets.Enum(["comfortable", "compact"], "comfortable").tag(sync=True)
    theme = traitlets.Enum(["auto", "light", "dark"], "auto").tag(sync=True)
    state = traitlets.Enum(["loading", "ready", "error"], "loading").tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    away = traitlets.Unicode().tag(sync=True)
    height = traitlets.Unicode("560px").tag(sync=True)
    label = traitlets.Unicode("Tasks").tag(sync=True)
    chips = traitlets.Bool(True).tag(sync=True)

    _handlers: ClassVar[dict[str, str]] = {
        "open": "_on_open", "close": "_on_close", "alive": "_on_alive", "window": "_on_window",
        "query": "_on_query", "select": "_on_select", "open_task": "_on_open_task", "action": "_on_action",
    }  # fmt: skip

    def __init__(self, model: TableModel | None = None, query: Query | None = None, **traits: Any) -> None:
        self.model = TableModel() if model is None else model
        self._query = query or Query()
        self._screens: dict[str, Screen] = {}
        self._projections: dict[Query, Projection] = {}
        self._guard = threading.RLock()  # screens and callbacks; held for moments only
        self._wake = threading.Event()
        self._pusher: threading.Thread | None = None
        self._closed = False
        self._action_handlers: list[ActionHandler] = []
        self._open_handlers: list[OpenHandler] = []
        self._query_handlers: list[Callable[[Query], None]] = []
        self._watch_handlers: list[Callable[[bool], None]] = []
        self._leave_model = self.model.on_change(self._wake.set)
        super().__init__(**traits)
        self.on_msg(self._on_message)

    # ---- for the page that holds the table

    def on_action(self, handler: ActionHandler) -> None:
        """Call ``handler(action, ids)`` when the user acts on the selection.

        ``action`` is ``cancel``, ``retry`` or ``delete``, confirmed by the user, with the ids that
        it applies to, or ``reload`` from the error state, with none. Handlers run on the
        thread that reads messages: hand long work to another.
        """
        self._action_handlers.append(handler)

    def on_open(self, handler: OpenHandler) -> None:
        """Call ``handler(id, part)`` when the user opens a task; ``part`` is ``task`` or ``code``."""
        self._open_handlers.append(handler)

    def on_query(self, handler: Callable[[Query], None]) -> Callable[[], None]:
        """Call ``handler(query)`` when the user filters or sorts on any screen; return what ends that."""
        self._query_handlers.append(handler)
        return lambda: self._query_handlers.remove(handler)

    def on_watch(self, handler: Callable[[bool], None]) -> None:
        """Call ``handler(watched)`` when the first screen opens and after the last has gone quiet."""
        self._watch_handlers.append(handler)

    @property
    def watched(self) -> bool:
        """Whether any screen is looked at now."""
        with self._guard:
            return any(self._is_fresh(screen) for screen in self._screens.values())

    @property
    def query(self) -> Query:
        """The filter and order last used; setting it changes every screen."""
        return self._query

    @query.setter
    def query(self, query: Query) -> None:
        with self._guard:
            self._query = query
            for screen in self._screens.values():
                screen.query = query
        self._wake.set()

    def filter(self, **changes: Any) -> None:
        """Change parts of the query on every screen, such as ``filter(statuses={"FAILED"}, text="")``."""
        self.query = replace(self._query, **changes)

    @property
    def selection(self) -> list[str]:
        """The ids of the selected tasks."""
        return self.model.ids_of(self.model.selected())

    def say(self, text: str, kind: str = "info") -> None:
        """Show a line to the user for a few seconds; ``kind`` is ``info`` or ``error``."""
        self.send({"type": "say", "text": text, "kind": kind})

    def close(self) -> None:
        """Take the widget off every screen, and stop its thread."""
        if not self._closed:
            self._closed = True
            self._leave_model()
            self._wake.set()
        super().close()

    # ---- messages from the browser

    def _on_message(self, _widget: Any, content: Any, _buffers: Any) -> None:
        self._take(self._receive, content)

    def _receive(self, content: dict[str, Any]) -> None:
        name = self._handlers.get(str(content.get("type")))
        if name is None:
            log.warning("table: message of unknown type %r left aside", content.get("type"))
            return
        getattr(self, name)(content)

    def _on_open(self, content: dict[str, Any]) -> None:
        view = str(content["view"])
        with self._guard:
            query = Query.from_json(content["query"]) if content.get("query") else self._query
            screen = self._screens[view] = Screen(view, query, asked=int(content.get("asked", 0)))
            screen.picked = int(content.get("picked", 0))
            screen.look_at(int(content["first"]), int(content["count"]))
            screen.beat = time.monotonic()
        self._push_soon()

    def _on_close(self, content: dict[str, Any]) -> None:
        with self._guard:
            self._screens.pop(str(content["view"]), None)
        self._wake.set()

    def _screen(self, content: dict[str, Any]) -> Screen | None:
        """Return the screen that a message is from; ask it to open again when it is not known."""
        view = str(content["view"])
        with self._guard:
            screen = self._screens.get(view)
            if screen is not None:
                screen.beat = time.monotonic()
        if screen is None:
            self.send({"type": "reopen", "view": view})
        return screen

    def _on_alive(self, content: dict[str, Any]) -> None:
        self.send({"type": "here", "view": str(content["view"])})
        if screen := self._screen(content):
            with self._guard:
                screen.picked = int(content.get("picked", screen.picked))
            self._push_soon()

    def _on_window(self, content: dict[str, Any]) -> None:
        if screen := self._screen(content):
            with self._guard:
                screen.look_at(int(content["first"]), int(content["count"]))
            self._push_soon()

    def _on_query(self, content: dict[str, Any]) -> None:
        query, asked, count = Query.from_json(content["query"]), int(content["asked"]), int(content["count"])
        if screen := self._screen(content):
            with self._guard:
                screen.query = self._query = query
                screen.asked = asked
                screen.look_at(0, count)
            self._push_soon()
            self._tell(self._query_handlers, screen.query)

    def _on_select(self, content: dict[str, Any]) -> None:
        if (screen := self._screen(content)) is None:
            return
        slots = self.model.slots_of(content.get("ids", ()))
        order = self._order(screen.query)
        match content["op"]:
            case "only":
                self.model.select_only(slots)
            case "add" | "remove" as op:
                self.model.select(slots, op == "add")
            case "range":
                pick = self.model.select if content.get("keep") else self.model.select_only
                pick(_between(order, slots))
            case "all":
                self.model.select(order)
            case "none":
                self.model.select_only(slots[:0])
        with self._guard:
            screen.picked = int(content.get("picked", screen.picked))
        self._push_soon()

    def _on_open_task(self, content: dict[str, Any]) -> None:
        self._tell(self._open_handlers, str(content["id"]), str(content.get("part", "task")))

    def _on_action(self, content: dict[str, Any]) -> None:
        action, view, slots = str(content["action"]), str(content["view"]), self.model.selected()
        if action == "copy":
            ids = self.model.ids_of(self._in_order(view, slots))
            self.send({"type": "ids", "view": view, "ids": ids})
        elif action == "csv":
            table = as_csv(self.model, self._in_order(view, slots))
            self.send({"type": "csv", "view": view, "count": len(slots)}, buffers=[table])
        else:
            ids = [] if action == "reload" else self._applicable(action, slots)
            self._tell(self._action_handlers, action, ids)

    def _applicable(self, action: str, slots: Slots) -> list[str]:
        """Return the ids that an action applies to: what has not ended can be cancelled, the rest retried."""
        ids, statuses = self.model.ids_of(slots), self.model.statuses_of(slots)
        if action == "delete":
            return ids
        unended = ("QUEUEING", "RUNNING")
        return [i for i, status in zip(ids, statuses, strict=True) if (status in unended) == (action == "cancel")]

    def _in_order(self, view: str, slots: Slots) -> Slots:
        """Return slots as the screen shows them, those that its filter hides at the end."""
        with self._guard:
            screen = self._screens.get(view)
        if screen is None:
            return slots
        order = self._order(screen.query)
        return np.concatenate([order[np.isin(order, slots)], slots[~np.isin(slots, order)]])

    # ---- pushing

    def _is_fresh(self, screen: Screen) -> bool:
        return is_fresh(screen.beat, time.monotonic(), _cells)

    def _projection(self, query: Query) -> Projection:
        """Return the order for a query; screens with the same query share it."""
        with self._guard:
            if query not in self._projections:
                self._projections[query] = Projection(self.model, query)
            return self._projections[query]

    def _order(self, query: Query) -> Slots:
        """Return the slots that match a query, as shown last."""
        projection = self._projection(query)
        if projection.revision < 0:
            projection.refresh()
        return projection.order

    def _push_soon(self) -> None:
        """Wake the thread that pushes, which lives only while somebody looks."""
        self._wake.set()
        with self._guard:
            if self._pusher is None and not self._closed:
                self._pusher = threading.Thread(target=self._push, name="taskq table", daemon=True)
                self._pusher.start()
                starting = True
            else:
                starting = False
        if starting:
            self._tell_watch()

    def _push(self) -> None:
        """Patch the screens that are looked at until none is."""
        while screens := self._next_screens():
            began = time.monotonic()
            self._flush(screens)
            took = time.monotonic() - began
            time.sleep(max(FLUSH_S - took, took))  # never more than half of one core
        self._tell_watch()

    def _next_screens(self) -> list[Screen]:
        """Wait for a change, then return the screens that are looked at; with none, the thread is over."""
        if self._wake.wait(timeout=self._idle_s()):
            time.sleep(GATHER_S)
        self._wake.clear()
        with self._guard:
            screens = [] if self._closed else self._fresh_screens()
            if not screens:
                self._pusher = None
        return screens

    def _idle_s(self) -> float:
        """Return how long to wait for a change: briefly where a filter moves on with the time."""
        with self._guard:
            return 1.0 if any(screen.query.within_s for screen in self._screens.values()) else 5.0

    def _fresh_screens(self) -> list[Screen]:
        """Return the screens that are looked at, and forget those not heard of for long."""
        now = time.monotonic()
        self._screens = {view: screen for view, screen in self._screens.items() if now - screen.beat < FORGET_S}
        wanted = {screen.query for screen in self._screens.values()}
        self._projections = {query: kept for query, kept in self._projections.items() if query in wanted}
        return [screen for screen in self._screens.values() if self._is_fresh(screen)]

    def _flush(self, screens: list[Screen]) -> None:
        for screen in screens:
            try:
                projection = self._projection(screen.query)
                projection.refresh()
                patch = screen.patch(self.model, projection)
                if patch is not None:
                    self.send({"type": "patch", "view": screen.view, **patch})
            except Exception:
                log.exception("table: a patch could not be made; the screen is sent afresh")
                screen.forget()
                self._wake.set()
                time.sleep(RETRY_S)

    def _tell_watch(self) -> None:
        watched = self.watched
        for handler in list(self._watch_handlers):
            handler(watched)

    # ---- shortcuts to the model

    def upsert(self, tasks: Iterable[Task]) -> None:
        """Add tasks or bring them up to date, and show the table as ready."""
        self.model.upsert(tasks)
        if self.state == "loading":
            self.state = "ready"


def _between(order: Slots, ends: Slots) -> Slots:
    """Return the slots from one end to the other in an order, both included."""
    places = np.flatnonzero(np.isin(order, ends))
    return order[places.min() : places.max() + 1] if len(places) else ends[:0]
