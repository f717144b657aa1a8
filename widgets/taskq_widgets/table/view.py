"""The table as a widget: traits, messages, and the thread that pushes.

A browser sends messages with a ``type``, and the ``view`` that it displays:

========== ====================================================================================
``open``   a display begins; ``first``, ``count``, and ``query`` when it had one before
``close``  a display ends
``alive``  somebody looks at it; every 5 s while that is so, and answered; ``selection_count`` as in ``select``
``window`` rows in sight: ``first``, ``count``
``query``  a new filter or order: ``query``; ``query_count``, the browser's count of them; ``count`` of rows
``select`` ``op``: ``only``, ``add``, ``remove`` (``ids``), ``range`` (``ids``: from, to; ``keep``), ``all``, ``none``;
           ``selection_count``, the browser's count of these
``open_task`` ``id`` and ``part``: ``task`` or ``code``
``action`` ``action``: ``cancel``, ``retry``, ``delete``, ``copy``, ``csv``, ``reload``
``batches`` ``count``: how many rows of batches it wants
``act_on_batch`` ``action``: ``cancel``, ``resume``; ``id`` of the batch
``share``        ``of``: the batch that a link is made to; ``revoke``: a link to it that ends
========== ====================================================================================

Python sends ``patch`` (see `Screen.patch`), ``here`` (the answer to ``alive``), ``reopen`` (it
does not know that view), ``ids`` to copy, ``csv`` (the file is the message's buffer), ``shared``
(a link, see `taskq_widgets.panels.sharing`), and ``say`` (a line for the user).
A patch goes to one view, says which in ``view``, and goes out at most ten times a second.
"""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets

from taskq_kernel.client.feed import Changes
from taskq_kernel.errors import InvalidTask, TaskqError
from taskq_widgets.assets import bundle, stylesheet
from taskq_widgets.panels.panel import Panel
from taskq_widgets.table.query import Query
from taskq_widgets.table.screen import Screen
from taskq_widgets.table.selection import Chosen, Selection
from taskq_widgets.table.selection_actions import chosen_for, count_hidden, rows_of, select, select_all
from taskq_widgets.table.source import WHOLE, Source

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

#: After a patch that could not be made or sent, the wait before the next attempt.
RETRY_S = 1.0

ActionHandler = Callable[[str, Chosen], None]
OpenHandler = Callable[[str, str], None]


class TableView(Panel):
    """A live table of the tasks of a source.

    What waits for the source runs on a thread of the table, which lives only while somebody looks.

    Parameters
    ----------
    source
        The tasks.
    query
        Filter and order to begin with.
    **traits
        Any of the traits below.

    Attributes
    ----------
    source : Source
        The tasks.
    columns : list of str
        Columns to show, in order; empty for as many as fit. ``argument.n`` shows the argument ``n``.
    widths : dict of str to float
        Widths of columns in pixels, where they are not to be as wide as fits.
    density : {"comfortable", "compact"}
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
    opened : str
        The id of the task that is open elsewhere: its row is marked.
    chips : bool
        Whether statuses and their counts are shown as chips that filter.
    me : str
        The owner of what whoever looks submits: a chip shows that owner's tasks alone. Empty for no such chip.
    may_change : bool
        Whether whoever looks may cancel, run again, delete and share; else none of that is offered.
    """

    _esm = bundle("table")
    _css = stylesheet("table", "toolbar", "batches", "sharing", "cards")

    columns = traitlets.List(traitlets.Unicode()).tag(sync=True)
    widths = traitlets.Dict(value_trait=traitlets.Float(), key_trait=traitlets.Unicode()).tag(sync=True)
    density = traitlets.Enum(["comfortable", "compact"], "comfortable").tag(sync=True)
    state = traitlets.Enum(["loading", "ready", "error"], "loading").tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    away = traitlets.Unicode().tag(sync=True)
    height = traitlets.Unicode("560px").tag(sync=True)
    label = traitlets.Unicode("Tasks").tag(sync=True)
    opened = traitlets.Unicode().tag(sync=True)
    chips = traitlets.Bool(True).tag(sync=True)
    me = traitlets.Unicode().tag(sync=True)
    may_change = traitlets.Bool(True).tag(sync=True)

    _handlers: ClassVar[dict[str, str]] = {
        "open": "_on_open", "window": "_on_window", "query": "_on_query", "select": "_on_select",
        "open_task": "_on_open_task", "action": "_on_action", "batches": "_on_batches",
        "act_on_batch": "_on_act_on_batch", "share": "_on_share",
    }  # fmt: skip

    def __init__(self, source: Source, query: Query | None = None, **traits: Any) -> None:
        self.source = source
        self._query = query or Query()
        self._screens: dict[str, Screen] = {}
        self._selection = Selection()
        self._todo: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._action_handlers: list[ActionHandler] = []
        self._open_handlers: list[OpenHandler] = []
        self._query_handlers: list[Callable[[Query], None]] = []
        self._batch_handlers: list[Callable[[str, str], None]] = []
        super().__init__(**traits)
        self._leave_source = source.on_changes(self._on_changes)

    # ---- for the page that holds the table

    def on_action(self, handler: ActionHandler) -> None:
        """Call ``handler(action, chosen)`` when the user acts on the selection.

        ``action`` is ``cancel``, ``retry`` or ``delete``, confirmed by the user, with what it applies
        to, or ``reload`` from the error state, with nothing. Handlers run on the table's thread:
        hand long work to another.
        """
        self._action_handlers.append(handler)

    def on_open(self, handler: OpenHandler) -> None:
        """Call ``handler(id, part)`` when the user opens a task; ``part`` is ``task`` or ``code``."""
        self._open_handlers.append(handler)

    def on_query(self, handler: Callable[[Query], None]) -> Callable[[], None]:
        """Call ``handler(query)`` when the user filters or sorts on any screen; return what ends that."""
        self._query_handlers.append(handler)
        return lambda: self._query_handlers.remove(handler)

    def on_batch_action(self, handler: Callable[[str, str], None]) -> None:
        """Call ``handler(action, id)`` when the user has a batch cancelled or resumed."""
        self._batch_handlers.append(handler)

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

    # ---- what is in hand

    def window(self) -> pd.DataFrame:
        """Return the rows that the first screen has, as a DataFrame; what a row does not show is not there."""
        with self._guard:
            loaded = [screen.loaded.rows for screen in self._screens.values() if screen.loaded is not None]
        return self._frame(loaded[0] if loaded else ())

    def frame(self) -> pd.DataFrame:
        """Return all tasks that match the query, as a DataFrame, arguments as columns."""
        return self._frame(self.source.every(self._query, WHOLE))

    def selection(self) -> pd.DataFrame:
        """Return the selected tasks as a DataFrame."""
        return self._frame(rows_of(self._selection, self.source, self._query, WHOLE))

    def _frame(self, rows: Any) -> pd.DataFrame:
        from taskq_widgets.table.frames import frame_of

        return frame_of(rows)

    def say(self, text: str, kind: str = "info") -> None:
        """Show a line to the user for a few seconds; ``kind`` is ``info`` or ``error``."""
        self.send({"type": "say", "text": text, "kind": kind})

    def close(self) -> None:
        """Take the widget off every screen, and stop its thread."""
        if not self._closed:
            self._leave_source()
        super().close()

    # ---- messages from the browser

    def _on_open(self, content: dict[str, Any]) -> None:
        view = str(content["view"])
        with self._guard:
            query = Query.from_json(content["query"]) if content.get("query") else self._query
            screen = self._screens[view] = Screen(view, query, query_count=int(content.get("query_count", 0)))
            screen.selection_count = int(content.get("selection_count", 0))
            screen.look_at(int(content["first"]), int(content["count"]))

    def _forget(self, view: str) -> None:
        """Forget a display; it opens again by itself when it comes back."""
        super()._forget(view)
        self._screens.pop(view, None)

    def _screen(self, content: dict[str, Any]) -> Screen | None:
        """Return the screen that a message is from; ask it to open again when it is not known."""
        view = str(content["view"])
        with self._guard:
            screen = self._screens.get(view)
        if screen is None:
            self.send({"type": "reopen", "view": view})
        return screen

    def _on_alive(self, content: dict[str, Any]) -> None:
        if screen := self._screen(content):
            with self._guard:
                screen.selection_count = int(content.get("selection_count", screen.selection_count))

    def _on_window(self, content: dict[str, Any]) -> None:
        if screen := self._screen(content):
            with self._guard:
                screen.look_at(int(content["first"]), int(content["count"]))

    def _on_query(self, content: dict[str, Any]) -> None:
        query = Query.from_json(content["query"])
        query_count, count = int(content["query_count"]), int(content["count"])
        if screen := self._screen(content):
            with self._guard:
                screen.query = self._query = query
                screen.query_count = query_count
                screen.look_at(0, count)
            self._tell(self._query_handlers, screen.query)

    def _on_select(self, content: dict[str, Any]) -> None:
        if screen := self._screen(content):
            self._do(lambda: self._select(screen, content))

    def _select(self, screen: Screen, content: dict[str, Any]) -> None:
        try:
            if content["op"] == "all":
                select_all(self._selection, self.source, screen.query)
            else:
                select(self._selection, screen, self.source, content)
        finally:  # whatever came of it: the browser waits to hear what is selected
            with self._guard:
                screen.selection_count = int(content.get("selection_count", screen.selection_count))

    def _on_open_task(self, content: dict[str, Any]) -> None:
        self._tell(self._open_handlers, str(content["id"]), str(content.get("part", "task")))

    def _on_batches(self, content: dict[str, Any]) -> None:
        if screen := self._screen(content):
            screen.batches.look_at(int(content["count"]))

    def _on_act_on_batch(self, content: dict[str, Any]) -> None:
        if content["action"] in ("cancel", "resume"):
            self._tell(self._batch_handlers, content["action"], str(content["id"]))

    def _on_share(self, content: dict[str, Any]) -> None:
        """Make a link to a batch, where there is a service."""

    def _on_action(self, content: dict[str, Any]) -> None:
        action, view = str(content["action"]), str(content["view"])
        if action == "reload":
            self._tell(self._action_handlers, action, Chosen())
        self._do(lambda: self._act_on(action, view))

    def _act_on(self, action: str, view: str) -> None:
        """Do with the selection what the user asked for."""
        with self._guard:
            screen = self._screens.get(view)
        query = self._query if screen is None else screen.query
        if action == "copy":
            ids = [row["id"] for row in rows_of(self._selection, self.source, query, "id")]
            self.send({"type": "ids", "view": view, "ids": ids})
        elif action == "csv":
            from taskq_widgets.table.frames import as_csv

            rows = list(rows_of(self._selection, self.source, query, WHOLE))
            self.send({"type": "csv", "view": view, "count": len(rows)}, buffers=[as_csv(rows)])
        elif action == "reload":
            self._read_again()
        else:
            self._tell(self._action_handlers, action, chosen_for(self._selection, self.source, action))

    # ---- pushing

    def _do(self, call: Callable[[], None]) -> None:
        """Have something done on the table's thread, in the order of the messages."""
        self._todo.put(call)
        self._refresh_soon()

    def _on_changes(self, changes: Changes) -> None:
        """Put in what the feed tells, on its thread."""
        self._selection.update(changes.tasks)
        self._selection.forget(changes.deleted)
        with self._guard:
            for screen in self._screens.values():
                screen.take(changes)
        self._wake.set()

    def _read_again(self) -> None:
        """Read all windows again."""
        with self._guard:
            for screen in self._screens.values():
                screen.not_before = float("-inf")
                screen.read_again()
                screen.batches.read_again()
        self._wake.set()

    def _fresh_screens(self) -> list[Screen]:
        """Return the screens that are looked at."""
        views = self._fresh_views()
        with self._guard:
            return [self._screens[view] for view in views if view in self._screens]

    def _refresh(self) -> None:
        """Do what messages asked for, and patch the screens that are looked at."""
        while not self._todo.empty():
            self._guarded(self._todo.get())
        for screen in self._fresh_screens():
            self._guarded(self._bring, screen)

    @property
    def _pause_s(self) -> float:
        """How long to wait for something to do: until a window is to be read again."""
        screens = self._fresh_screens()
        nexts = [one for screen in screens for one in (screen.next_read(), screen.batches.next_read(screen.query))]
        return min(max(0.0, min(nexts, default=5.0) - time.monotonic()), 5.0)

    def _guarded(self, call: Callable[..., None], *arguments: Any) -> None:
        """Do something that must not end the thread."""
        try:
            call(*arguments)
        except TaskqError as error:
            log.info("table: %s", error)
            self._on_refusal(error)
        except Exception:
            log.exception("table: a patch could not be made; the screens are sent afresh")
            with self._guard:
                for screen in self._screens.values():
                    screen.forget()
            time.sleep(RETRY_S)
            self._wake.set()

    def _on_refusal(self, error: TaskqError) -> None:
        """Say what the service does not answer; a connection that is lost is told by the feed."""

    def _bring(self, screen: Screen) -> None:
        """Read what a screen lacks, and send it what its browser lacks."""
        read, began = False, time.monotonic()
        if screen.next_read() <= time.monotonic():
            if screen.answers_query:
                self._send_patch(screen)  # what the feed has told does not wait for what the service is asked for
            try:
                for _ in screen.read(self.source):
                    self._send_patch(screen)
            except InvalidTask as error:
                self._on_bad_query(screen, error)
                return
            read = True
            if self.state == "loading":
                self.state = "ready"
        count_hidden(screen, self._selection, self.source, anew=read)
        if read:
            screen.took = time.monotonic() - began
        self._send_patch(screen)
        if screen.batches.next_read(screen.query) <= time.monotonic():
            screen.batches.read(self.source, screen.query)
            self._send_patch(screen)

    def _on_bad_query(self, screen: Screen, error: InvalidTask) -> None:
        """Sort by number where the service does not sort as it was asked to, and say why."""
        if not screen.query.by_argument:
            raise error
        screen.sort_by_number()
        self.say(str(error), "error")
        self._wake.set()

    def _send_patch(self, screen: Screen) -> None:
        with screen.lock:
            patch = screen.patch(self._selection)
        if patch is not None:
            self.send({"type": "patch", "view": screen.view, **patch})
