"""The tasks of a service, kept current in one place for all widgets of a kernel.

`LiveTasks` joins the client's live feed, one connection with a version as its cursor, to the
`TableModel` that the tables show. It reads all tasks once, newest first, while the feed
already runs, and from then on puts in what the feed brings. A row that the feed brings is
never overwritten by an older one that was read, so the two may come in any order.

The feed tells what changes in a task's life; what never does, such as the code, is read
once for each task that turns up. When the service was away, the feed goes on from its
cursor by itself; when it starts anew, everything is read again.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from taskq_kernel.client import operations
from taskq_kernel.client.transport import GraphQLTransport
from taskq_kernel.errors import Forbidden, TaskqError, Unauthorized
from taskq_widgets.table.model import TableModel

if TYPE_CHECKING:
    from taskq_kernel.client.client import Client
    from taskq_kernel.client.feed import Changes, FeedState

log = logging.getLogger(__name__)

#: What the service is asked for when it is asked for a row of the table.
ROW = (
    "id number name code queue priority maxAttempts owner batch createdAt status attempt version progress "
    "progressMessage valueType valueText error { name message } worker seconds startedAt finishedAt"
)
#: What the feed leaves out, because it never changes. No version: it fits every one.
_FIXED = "id code queue priority maxAttempts createdAt"
#: The pause before a page that could not be read is asked for again.
_AGAIN_S = 0.5
#: Statistics younger than this are not asked for again.
_STATISTICS_S = 1.0

_ATTRIBUTE = "_live_tasks"
_making = threading.Lock()

Row = Mapping[str, Any]


@dataclass(frozen=True)
class LiveState:
    """How far the copy of the tasks can be trusted.

    Attributes
    ----------
    name
        ``loading`` before the first tasks are there, ``ready``, ``away`` (it comes back by
        itself) or ``refused`` (it does not: the token).
    reason
        Why it is away or refused, for people.
    """

    name: str = "loading"
    reason: str = ""


class LiveTasks:
    """All tasks that a client may see; use `live_tasks` to get the one of a client.

    Attributes
    ----------
    client : Client
        The client.
    model : TableModel
        The tasks.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.model = TableModel()
        self._guard = threading.RLock()
        self._telling = threading.RLock()  # nobody hears of an older state after a newer one
        self._subsets: list[tuple[weakref.ref[TableModel], Callable[[Row], bool]]] = []
        self._state = LiveState()
        self._state_listeners: list[Callable[[LiveState], None]] = []
        self._change_listeners: list[Callable[[Changes], None]] = []
        self._started = False
        self._database = ""
        self._leave_feed: Callable[[], None] | None = None
        self._loaded = False
        self._generation = 0
        self._reading = False
        self._came: set[str] = set()  # told by the feed while everything is read
        self._gone: set[str] = set()
        self._bare: set[str] = set()  # tasks of which the fixed part is still to be read
        self._completer: threading.Thread | None = None
        self._codes: dict[str, str] = {}
        self._statistics: tuple[float, dict[str, Any]] | None = None
        self._asking = threading.Lock()

    def start(self) -> None:
        """Begin to follow the service, where that is not so already."""
        with self._guard:
            if self._started:
                return
            self._started = True
            # The feed outlives nobody: it holds this weakly, and the client holds this.
            self._leave_feed = self.client.feed.subscribe(
                _weakly(self._on_changes), on_state=_weakly(self._on_feed_state), on_retry=_weakly(self._on_retry)
            )
        self.client.feed.start()
        if self.client.feed.state.connected:  # it ran before: no event will say that it starts
            self._read_everything()

    @property
    def transport(self) -> GraphQLTransport:
        """The way to the service."""
        return self.client._transport

    @property
    def state(self) -> LiveState:
        """Where it stands."""
        return self._state

    def on_state(self, listener: Callable[[LiveState], None]) -> Callable[[], None]:
        """Call ``listener`` with every new state, and with the present one at once; return what ends that."""
        with self._telling:
            leave = self._join(self._state_listeners, listener)
            listener(self._state)
        return leave

    def on_changes(self, listener: Callable[[Changes], None]) -> Callable[[], None]:
        """Call ``listener`` with what the feed brings, on its thread; return what ends that."""
        return self._join(self._change_listeners, listener)

    def _join(self, listeners: list[Any], listener: Any) -> Callable[[], None]:
        with self._guard:
            listeners.append(listener)
        self.start()  # the last one may have left since

        def leave() -> None:
            with self._guard:
                if listener in listeners:
                    listeners.remove(listener)
            self._rest()

        return leave

    def _rest(self) -> None:
        """Follow the service no more, once the last widget is closed; the next one reads everything anew."""
        with self._guard:
            if self._state_listeners or self._change_listeners or self._leave_feed is None:
                return
            leave, self._leave_feed = self._leave_feed, None
            self._started = self._loaded = self._reading = False
            self._generation += 1  # what is being read is not wanted any more
            self._came.clear()
            self._gone.clear()
            self._state = LiveState()
        leave()

    def subset(self, fields: Mapping[str, Any]) -> TableModel:
        """Return a model of its own for the tasks whose fields, such as ``batch``, have these values.

        With no fields it is `model` itself. The fields must be among those that the feed tells.
        """
        if not fields:
            return self.model
        wanted = dict(fields)
        model = TableModel()
        with self._guard:
            self._subsets.append((weakref.ref(model), lambda row: all(row.get(k) == v for k, v in wanted.items())))
            loaded = self._started
        if loaded:
            self._read_everything()
        return model

    def statistics(self) -> dict[str, Any]:
        """Where everything stands, with GraphQL's field names; shared by all who ask within a second.

        Raises
        ------
        TaskqError
            If the service cannot be asked.
        """
        with self._asking:
            if self._statistics is None or time.monotonic() - self._statistics[0] > _STATISTICS_S:
                self._statistics = time.monotonic(), operations.statistics(self.transport)
            return self._statistics[1]

    def reload(self) -> None:
        """Read everything again."""
        self.client.feed.start()
        self._read_everything()

    # -- the feed's thread

    def _on_changes(self, changes: Changes) -> None:
        if changes.anew:
            if self._database not in ("", changes.database):  # rows of another database are not older or newer
                self._drop(self._ids())
            self._database = changes.database
            self._read_everything()
        with self._guard:
            if self._reading:
                self._came.update(task["id"] for task in changes.tasks)
                self._gone.update(changes.deleted)
        self._put(changes.tasks)
        self._drop(changes.deleted)
        for listener in list(self._change_listeners):
            listener(changes)

    def _on_feed_state(self, state: FeedState) -> None:
        if state.connected:
            self._enter(LiveState("ready" if self._loaded else "loading"))
        elif state.name != "off":
            self._enter(LiveState(state.name, state.reason))

    def _on_retry(self) -> None:
        """Say that the service is away also when it never was there."""
        if self._state.name == "loading":
            self._enter(LiveState("away", self.client.feed.state.reason))

    # -- rows in and out

    def _put(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        bare = [row["id"] for row in rows if "code" not in row and row["id"] not in self.model]
        for model, matches in self._models():
            model.upsert(rows if matches is None else [row for row in rows if matches(row)])
        if bare:
            self._complete(bare)

    def _drop(self, ids: Sequence[str]) -> None:
        if ids:
            for model, _ in self._models():
                model.delete(ids)

    def _models(self) -> list[tuple[TableModel, Callable[[Row], bool] | None]]:
        with self._guard:
            self._subsets = [(ref, matches) for ref, matches in self._subsets if ref() is not None]
            others = [(model, matches) for ref, matches in self._subsets if (model := ref()) is not None]
        return [(self.model, None), *others]

    # -- reading everything

    def _read_everything(self) -> None:
        with self._guard:
            self._generation += 1
            generation = self._generation
            self._reading = True
            self._came.clear()
            self._gone.clear()
        threading.Thread(target=self._load, args=(generation,), name="taskq load", daemon=True).start()

    def _load(self, generation: int) -> None:
        """Read all tasks page by page, newest first; then drop those that are no more."""
        seen: set[str] = set()
        after: str | None = None
        try:
            while (page := self._page(generation, after)) is not None:
                seen.update(row["id"] for row in page["nodes"])
                if not self._take(generation, page["nodes"]):
                    return
                if not page["pageInfo"]["hasNextPage"]:
                    self._drop_all_but(generation, seen)
                    return
                after = page["pageInfo"]["endCursor"]
        finally:
            self._end_reading(generation)

    def _take(self, generation: int, rows: Sequence[Row]) -> bool:
        """Put in a page that was read; whether it was still wanted."""
        with self._guard:
            if generation != self._generation:
                return False
            self._put([self._lean(row) for row in rows if row["id"] not in self._gone])
            self._loaded = True
        if self.client.feed.state.connected or self._state.name == "loading":
            self._enter(LiveState("ready"))
        return True

    def _drop_all_but(self, generation: int, seen: set[str]) -> None:
        with self._guard:
            if generation == self._generation:
                self._drop([one for one in self._ids() if one not in seen and one not in self._came])

    def _end_reading(self, generation: int) -> None:
        """Gather no more of what the feed tells, however the reading ended."""
        with self._guard:
            if generation == self._generation:
                self._reading = False
                self._came.clear()
                self._gone.clear()

    def _ids(self) -> list[str]:
        snap = self.model.snapshot(("id", "alive"))
        ids: list[str] = snap["id"][snap["alive"]].tolist()
        return ids

    def _page(self, generation: int, after: str | None) -> dict[str, Any] | None:
        """Read one page, again and again until it is there; None when that is no longer wanted."""
        while generation == self._generation and not self.client.closed:
            try:
                return operations.page(self.transport, {}, ROW, order=[("NUMBER", "DESC")], after=after)
            except (Unauthorized, Forbidden) as error:
                self._enter(LiveState("refused", str(error)))
                return None
            except TaskqError as error:
                log.info("tasks cannot be read, asking again: %s", error)
                if not self._loaded:
                    self._enter(LiveState("away", str(error)))
                time.sleep(_AGAIN_S)
        return None

    def _lean(self, row: Row) -> Row:
        """Keep one copy of code that many tasks share."""
        code = row["code"]
        return {**row, "code": self._codes.setdefault(code, code)}

    # -- the part that never changes

    def _complete(self, ids: Iterable[str]) -> None:
        with self._guard:
            self._bare.update(ids)
            if self._completer is None:
                self._completer = threading.Thread(target=self._run_completer, name="taskq rows", daemon=True)
                self._completer.start()

    def _run_completer(self) -> None:
        while ids := self._next_bare():
            try:
                rows = operations.get_many(self.transport, ids, _FIXED)
            except TaskqError as error:
                log.debug("rows cannot be completed, asking again: %s", error)
                with self._guard:
                    self._bare.update(ids)
                time.sleep(_AGAIN_S)
                continue
            rows = [dict(self._lean(row)) for row in rows]
            for model, _ in self._models():
                with model.lock:  # one that was deleted meanwhile stays away
                    model.upsert([row for row in rows if row["id"] in model])

    def _next_bare(self) -> list[str]:
        with self._guard:
            ids = [] if self.client.closed else list(self._bare)[: operations.ID_CHUNK]
            self._bare.difference_update(ids)
            if not ids:
                self._completer = None
            return ids

    def _enter(self, state: LiveState) -> None:
        with self._telling:
            with self._guard:
                if state == self._state:
                    return
                self._state = state
                listeners = list(self._state_listeners)
            for listener in listeners:
                listener(state)


def live_tasks(client: Client | None = None) -> LiveTasks:
    """Return the live tasks of a client, started; of the kernel's own client unless one is given."""
    if client is None:
        from taskq_kernel.client.connection import default_client

        client = default_client()
    with _making:
        live: LiveTasks | None = getattr(client, _ATTRIBUTE, None)
        if live is None:
            live = LiveTasks(client)
            setattr(client, _ATTRIBUTE, live)
    live.start()
    return live


def in_background(call: Callable[..., None], *arguments: Any) -> None:
    """Run something that waits for the service on a thread of its own, so that no message waits for it."""
    threading.Thread(target=call, args=arguments, name="taskq action", daemon=True).start()


def _weakly(method: Callable[..., None]) -> Callable[..., None]:
    """Return a function that calls a method as long as its object is there."""
    reference = weakref.WeakMethod(method)

    def call(*arguments: Any) -> None:
        found = reference()
        if found is not None:
            found(*arguments)

    return call
