"""The connection that all widgets of a kernel share: the feed, and whether what is shown is current.

Nothing of the tasks is kept here. Whoever shows some asks the service for them, and again for
what the feed tells has changed.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from taskq_kernel.client import operations
from taskq_kernel.domain import Role
from taskq_kernel.transport.graphql import GraphQLTransport

if TYPE_CHECKING:
    from taskq_kernel.client.client import Client
    from taskq_kernel.client.feed import Changes, FeedState

#: Statistics younger than this are not asked for again.
_STATISTICS_S = 1.0

_making = threading.Lock()


@dataclass(frozen=True)
class LiveState:
    """How far what is shown can be trusted.

    Attributes
    ----------
    name
        ``loading`` before the service was heard of, ``ready``, ``away`` (it comes back by
        itself) or ``refused`` (it does not: the token).
    reason
        Why it is away or refused, for people.
    """

    name: str = "loading"
    reason: str = ""


class LiveTasks:
    """What a client hears of its service; use `live_tasks` to get the one of a client.

    Attributes
    ----------
    client : Client
        The client.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self._guard = threading.RLock()
        self._telling = threading.RLock()  # nobody hears of an older state after a newer one
        self._state = LiveState()
        self._state_listeners: list[Callable[[LiveState], None]] = []
        self._change_listeners: list[Callable[[Changes], None]] = []
        self._started = False
        self._leave_feed: Callable[[], None] | None = None
        self._statistics: tuple[float, dict[str, Any]] | None = None
        self._asking = threading.Lock()
        self._me: tuple[str, Role] | None = None

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
        self._on_feed_state(self.client.feed.state)  # it may have run before: no event will say that it starts

    @property
    def transport(self) -> GraphQLTransport:
        """The way to the service."""
        return self.client.transport

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
        """Follow the service no more, once the last widget is closed."""
        with self._guard:
            if self._state_listeners or self._change_listeners or self._leave_feed is None:
                return
            leave, self._leave_feed = self._leave_feed, None
            self._started = False
            self._state = LiveState()
        leave()

    @property
    def runs_recipes_only(self) -> bool:
        """Whether the token is known to be one that may run recipes and see what they made, and nothing else."""
        return self._me is not None and self._me[1] is Role.RUNNER

    def me(self) -> tuple[str, Role]:
        """The name and the role that the token stands for; asked once.

        Raises
        ------
        TaskqError
            If the service cannot be asked.
        """
        if self._me is None:
            me = self.transport.execute("query Me { me { name role } }", {})["me"]
            self._me = str(me["name"]), Role(me["role"])
        return self._me

    def statistics(self, version: int = 0) -> dict[str, Any]:
        """Where everything stands, with GraphQL's field names; shared by all who ask within a second.

        Parameters
        ----------
        version : int
            A change that they should know of. What the service has read before it is asked for again; it may
            still be older, for a moment: its own ``version`` says so.

        Raises
        ------
        TaskqError
            If the service cannot be asked.
        """
        with self._asking:
            at, known = self._statistics or (float("-inf"), {"version": -1})
            if time.monotonic() - at > _STATISTICS_S or known["version"] < version:
                known = operations.statistics(self.transport)
                self._statistics = time.monotonic(), known
            return known

    def reload(self) -> None:
        """Follow the feed again, where it has given up."""
        self.client.feed.start()

    # -- the feed's thread

    def _on_changes(self, changes: Changes) -> None:
        for listener in list(self._change_listeners):
            listener(changes)

    def _on_feed_state(self, state: FeedState) -> None:
        if state.connected:
            self._enter(LiveState("ready"))
        elif state.name != "off":
            self._enter(LiveState(state.name, state.reason))

    def _on_retry(self) -> None:
        """Say that the service is away also when it never was there."""
        if self._state.name == "loading":
            self._enter(LiveState("away", self.client.feed.state.reason))

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
        from taskq_kernel.client.connecting import default_client

        client = default_client()
    with _making:
        live: LiveTasks = client.extras.setdefault("live tasks", LiveTasks(client))
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
