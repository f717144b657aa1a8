"""One task in full: its result, its code, its log, its error, its history."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets

from taskq_kernel.client import operations, why
from taskq_kernel.errors import NotFound, TaskqError
from taskq_widgets.assets import bundle, stylesheet
from taskq_widgets.live import in_background, live_tasks
from taskq_widgets.panels.facts import facts_of, head_of, history_of, problem_of
from taskq_widgets.panels.highlight import pieces
from taskq_widgets.panels.kept import PanelFiles
from taskq_widgets.panels.log_lines import PanelLog
from taskq_widgets.panels.panel import Panel
from taskq_widgets.panels.provenance import FORMS, file_of, made_of
from taskq_widgets.panels.series import PanelSeries
from taskq_widgets.panels.sharing import answer_share
from taskq_widgets.panels.transfers import Transfers
from taskq_widgets.panels.value import PanelValue

if TYPE_CHECKING:
    from taskq_kernel.client.client import Client
    from taskq_kernel.client.feed import Changes
    from taskq_kernel.client.task_cache import Entry

#: How often the log of a running task is read while it is looked at, in seconds.
LOG_S = 1.0

EditHandler = Callable[[dict[str, Any]], None]


class TaskDetail(Panel):
    """All there is to know about one task.

    Parameters
    ----------
    client : Client, optional
        The connection; the kernel's own unless given.
    task : Task, int or str, optional
        The task, its number or its UUID; without one the panel is empty until `show`.
    **traits
        ``tab``, ``theme``, and what every ipywidget has.

    Attributes
    ----------
    state : {"empty", "loading", "ready", "gone", "error"}
        With ``message`` where that says more.
    tab : {"result", "files", "code", "log", "error", "made", "history"}
        The tab that is open.
    height : str
        The height of the whole, a CSS length; empty for what the content takes.
    """

    _esm = bundle("detail")
    _css = stylesheet("panel", "detail", "made", "sharing", "picture", "result", "log")
    _handlers: ClassVar[dict[str, str]] = {
        "act": "_on_act", "tab": "_on_tab", "log": "_on_log", "whole": "_on_whole", "slice": "_on_slice",
        "look": "_on_look", "show": "_on_show", "open": "_on_open", "share": "_on_share",
        "reproduce": "_on_reproduce",
        **dict.fromkeys(("file", "file-next", "file-end"), "_on_file"),
    }  # fmt: skip

    state = traitlets.Enum(["empty", "loading", "ready", "gone", "error"], "empty").tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    tab = traitlets.Enum(["result", "files", "code", "log", "error", "made", "history"], "result").tag(sync=True)
    height = traitlets.Unicode("").tag(sync=True)
    editable = traitlets.Bool(False).tag(sync=True)
    #: Whether whoever looks may cancel, run again and share at all; not those whose token runs recipes alone.
    may_change = traitlets.Bool(True).tag(sync=True)
    #: Whether a page that was reloaded comes back to the task that was open on it.
    recalls = traitlets.Bool(False).tag(sync=True)
    head = traitlets.Dict().tag(sync=True)
    facts: traitlets.List[list[Any]] = traitlets.List().tag(sync=True)
    code: traitlets.List[list[str]] = traitlets.List().tag(sync=True)
    result = traitlets.Dict().tag(sync=True)
    series: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    #: A line that has the series in Python.
    series_python = traitlets.Unicode().tag(sync=True)
    #: The files of its folder that were kept; empty where none are to be.
    kept = traitlets.Dict().tag(sync=True)
    problem = traitlets.Dict().tag(sync=True)
    history: traitlets.List[list[Any]] = traitlets.List().tag(sync=True)
    #: How its value was made, and what can be done with that.
    made = traitlets.Dict().tag(sync=True)
    #: What a repetition of it has come to, or that it runs.
    again = traitlets.Dict().tag(sync=True)

    def __init__(self, client: Client | None = None, task: Any = None, **traits: Any) -> None:
        self._live = live_tasks(client)
        self._id: str | None = None
        #: The task in the client's cache, and what was read of it that no change tells, such as its history.
        self._entry: Entry | None = None
        self._row: dict[str, Any] = {}
        self._why: dict[str, Any] = {}
        self._stale = False
        self._acting = False
        self._recalled = False
        self._value = PanelValue(self._live)
        self._series = PanelSeries()
        self._files = PanelFiles()
        self._log = PanelLog()
        self._transfers = Transfers(self.send)
        self._edit_handlers: list[EditHandler] = []
        super().__init__(recalls=task is None, **traits)
        self._leave = self._live.on_changes(self._on_changes)
        self._leave_state = self._live.on_state(lambda _: self._again())
        if task is not None:
            self.show(task, tab=traits.get("tab"))

    def close(self) -> None:
        """Take the widget off every screen."""
        self._leave()
        self._leave_state()
        super().close()

    def show(self, task: Any, tab: str | None = None) -> None:
        """Show another task: a `Task`, a number or a UUID; on ``tab``, or the one that tells most."""
        with self._guard:
            self._recalled = False
            self._id = str(getattr(task, "id", task))
            self._entry, self._stale = None, True
            self._value, self._log, self._files = PanelValue(self._live), PanelLog(), PanelFiles()
        with self._together():
            self.state, self.message, self.tab, self.again = "loading", "", tab or "result", {}
            self._tab_is_open = tab is None
        self._refresh_soon()

    def on_edit(self, handler: EditHandler) -> None:
        """Call ``handler(task)`` when the user wants to edit and resubmit; ``task`` as GraphQL gives it."""
        self._edit_handlers.append(handler)
        self.editable = True

    # -- from the browser

    def _on_act(self, content: dict[str, Any]) -> None:
        if content["action"] == "edit":
            self._tell(self._edit_handlers, self._data)
        elif content["action"] in ("cancel", "retry") and self._data:
            with self._guard:
                if self._acting:
                    return  # a second click: it would run twice
                self._acting = True
            in_background(self._act, content["action"], self._data["id"])

    def _on_show(self, content: dict[str, Any]) -> None:
        """Show what was open on the page before it was reloaded, if nothing is open."""
        tab = content.get("tab")
        if self._id is None:
            self.show(str(content["id"]), tab if tab in self.traits()["tab"].values else None)
            self._recalled = True

    def _on_open(self, content: dict[str, Any]) -> None:
        """Show the task that this one waits for, has its value from, or repeats."""
        self.show(str(content["id"]))

    def _on_share(self, content: dict[str, Any]) -> None:
        """Make a link to the task, or revoke one."""
        if content.get("of") == self._data.get("id"):
            in_background(lambda: self.send(answer_share(self._live.client, content)))

    def _on_reproduce(self, _content: dict[str, Any]) -> None:
        """Run it again with everything the same, and tell what that came to."""
        if self._data and self.again.get("state") != "running":
            self._say_again(self._data["id"], "running", "It is run again.")
            in_background(self._reproduce, self._data["id"])

    def _reproduce(self, task_id: str) -> None:
        try:
            made = self._live.client.task(task_id).reproduce(elsewhere=True)
            self._say_again(task_id, "running", f"Task {made.task.number} runs it again with everything the same.")
            made.wait()
            self._say_again(task_id, "same" if made.verdict else "different", str(made))
        except TaskqError as error:
            self._say_again(task_id, "different", f"It could not be reproduced: {error}")

    def _say_again(self, task_id: str, state: str, text: str) -> None:
        with self._together():
            if self._id is not None and self._data.get("id") == task_id:  # else another one is open
                self.again = {"state": state, "text": text}

    def _on_tab(self, content: dict[str, Any]) -> None:
        with self._together():  # what is read at the same time chooses either before this, or none
            self._tab_is_open = False
            self.tab = content["tab"]

    def _on_log(self, content: dict[str, Any]) -> None:
        """Send a display the log that it lacks."""
        with self._guard:
            first = content["first"] if content["attempt"] == self._log.attempt else 0
            self.send(self._log.message(int(first)) | {"view": content["view"]})

    def _on_file(self, content: dict[str, Any]) -> None:
        """Send a display a file, piece by piece: the value, the series, or a file that was kept."""
        value, files, data, form = self._value, self._files, self._data, str(content.get("form"))
        if form == "kept":
            name = str(content.get("name"))
            self._transfers.answer(content, lambda: files.contents(data, name))
            return
        if form in FORMS:
            client = self._live.client
            self._transfers.answer(content, lambda: file_of(client, data, form))
            return
        self._transfers.answer(content, self._series.csv if form == "series" else lambda: value.file(data, form))

    def _on_look(self, content: dict[str, Any]) -> None:
        """Look into a file that was kept."""
        self._files.choose(str(content.get("name")))

    def _on_whole(self, _content: dict[str, Any]) -> None:
        """Show all of the value."""
        self._value.whole = True

    def _on_slice(self, content: dict[str, Any]) -> None:
        """Show another slice of an array of more than two dimensions."""
        self._value.slice = int(content["at"])

    def _act(self, action: str, task_id: str) -> None:
        try:
            if action == "cancel":
                self._live.client.cancel(task_id)
            elif (task := self._live.client.task(task_id).retry()).id != task_id:
                self.show(task)  # what finished keeps its value: a new task runs
        except TaskqError as error:
            self.send({"type": "say", "text": f"Could not {action}: {error}"})
        finally:
            self._acting = False

    # -- from the feed

    @property
    def _data(self) -> dict[str, Any]:
        """All that is known of the task; nothing where there is none."""
        with self._guard:
            return {} if self._entry is None else self._row | self._entry.row | self._why

    def _on_changes(self, changes: Changes) -> None:
        with self._guard:
            entry = self._entry
            if entry is None:
                return
            told = entry.deleted or any(task["id"] == entry.id for task in changes.tasks)
            # What happened before was not told when it starts anew: in another database it may not even be there.
            moved = any(entry.row[name] != self._row[name] for name in ("status", "attempt"))
            self._stale = self._stale or changes.anew or moved or entry.deleted
            if entry.deleted:
                self._entry = None
        if changes.anew or told:
            self._refresh_soon()

    def _again(self) -> None:
        """Look again: the service came back, or went."""
        if self.state in ("error", "loading"):
            with self._guard:
                self._stale = self._id is not None
        self._refresh_soon()

    # -- on the panel's thread

    @property
    def _pause_s(self) -> float:
        due = LOG_S if self._stale or self._follows_log() else 5.0
        return min(due, self._series_due_in(self._data))

    def _series_due_in(self, data: dict[str, Any]) -> float:
        """In how many seconds the series are to be read: they are seen beside the result alone."""
        return self._series.due_in(data) if self.tab == "result" else float("inf")

    def _refresh(self) -> None:
        with self._guard:
            task_id, stale = self._id, self._stale
        if task_id is None:
            return
        if stale:
            self._read(task_id)
        elif self._data.get("status") == "QUEUEING":
            self._read_why_it_waits()
        data = self._data
        if data:
            with suppress(TaskqError):  # asked again in a moment
                self._live.me()
            if self._series_due_in(data) <= 0:
                self._series.read(self._live.transport, data)
            if self.tab == "files" and self._files.due(data):
                self._files.read(self._live.transport, data)
            self._show(data)
            if self._follows_log():
                self._read_log(data)

    def _read(self, task_id: str) -> None:
        client = self._live.client
        try:
            with client.cache.reading():
                row = operations.get(client.transport, task_id, operations.ALL)
                entry = client.cache.track(row)
        except NotFound:
            with self._guard:
                if self._id != task_id:
                    return  # another one is shown meanwhile
                self._entry, self._stale = None, False
            with self._together():
                self.state, self.message = "gone", "This task was deleted."
                if self._recalled:  # nobody has asked for it
                    self.state, self.message, self._id = "empty", "", None
            return
        except TaskqError as error:
            if self.state == "loading":
                self.state, self.message = "error", str(error)
            return  # asked again in a moment
        with self._guard:
            if self._id == task_id:
                self._row, self._entry, self._why = row, entry, {"why": row.get("why")}
                # What the feed told since may be newer than what was read, and the history longer.
                self._stale = entry.deleted or entry.version > int(row["version"])
                if self._stale:
                    self._wake.set()

    def _read_why_it_waits(self) -> None:
        """Ask again why it waits: no change of the task tells of that."""
        with suppress(TaskqError):
            row = self._row
            found = operations.get(self._live.transport, row["id"], why.FIELDS)
            with self._guard:
                if self._row is row:
                    self._why = {"why": found["why"]}

    def _show(self, data: dict[str, Any]) -> None:
        result, series = self._value.shown(data), self._series.shown(data)
        kept = self._files.shown(data)
        with self._together():
            if self._entry is None or self._entry.id != data["id"]:
                return  # another one is shown meanwhile, or this one is gone
            self.may_change = not self._live.runs_recipes_only
            self.head = head_of(data)
            self.facts = facts_of(data)
            self.code = pieces(data["code"])
            self.result = result
            self.series = series
            self.series_python = self._value.in_python(data, "series", "()") if series else ""
            self.kept = kept
            self.problem = problem_of(data)
            self.history = history_of(data)
            self.made = made_of(data)
            if self._tab_is_open:
                self.tab = "error" if data["status"] == "FAILED" else "result"
            self.state = "ready"

    # -- the log

    def _follows_log(self) -> bool:
        return self.tab == "log" and bool(self._data) and not self._log.complete

    def _read_log(self, data: dict[str, Any]) -> None:
        """Read what is new of the log, and send it to all displays."""
        log = self._log
        before = log.attempt
        try:
            first = log.read(self._live.transport, data["id"])
        except TaskqError:
            return  # asked again in a moment
        with self._guard:
            if log is not self._log:
                return  # another task is shown meanwhile
            if first is None:
                self._log = PanelLog()  # another attempt has begun: it is read from its beginning
                self._wake.set()
            elif first < len(log) or log.complete or before < 0:
                self.send(log.message(first))
