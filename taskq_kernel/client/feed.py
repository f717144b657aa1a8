"""The live feed: one WebSocket, one background thread, every change of a task.

A `Feed` follows the service's ``taskChanges`` with a version as its cursor. When the
connection breaks it connects again, with back-off, and goes on from its cursor, so nothing
is missed. It knows nothing of `Task` objects: it hands `Changes` to whoever has
subscribed, on its own thread. One feed serves a whole kernel, every widget included.

When the service says that the cursor is from another database, the feed starts anew: the
next `Changes` has `anew` set, and whoever keeps a copy has to read it again.
"""

from __future__ import annotations

import logging
import random
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from taskq_kernel import exact_json
from taskq_kernel.client.operations import FEED
from taskq_kernel.errors import Forbidden, InvalidJSON, ServiceError, ServiceUnreachable, Unauthorized
from taskq_kernel.tls import explain
from taskq_kernel.transport.forks import renew_after_fork
from taskq_kernel.transport.graphql import service_error

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

log = logging.getLogger(__name__)

PROTOCOL = "graphql-transport-ws"
#: Pauses between attempts to connect: the first, and the longest, in seconds.
BACKOFF_S = (0.1, 3.0)
#: How long a handshake may take, and how often a quiet connection is tried, in seconds.
HANDSHAKE_S = 10.0
PING_S = 10.0
#: How long closing in order may take; the connection is cut after that.
CLOSE_S = 0.5

_QUERY = (
    "subscription Changes($since: BigInt, $database: ID) "
    "{ taskChanges(sinceVersion: $since, ofDatabase: $database) "
    f"{{ version database deleted tasks {{ {FEED} }} }} }}"
)
#: What the service says of a cursor that its database does not have.
_OF_ANOTHER_DATABASE = frozenset({"CURSOR_TOO_NEW", "OTHER_DATABASE"})
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Changes:
    """What changed: one event of the feed.

    Attributes
    ----------
    version : int
        The cursor: everything up to this version has been told.
    tasks : list of dict
        Tasks that are new or changed, as they are now, with GraphQL's field names.
    deleted : list of str
        UUIDs of tasks that are gone.
    anew : bool
        Whether the feed starts here: what changed before was not told, and a copy of it
        has to be read again.
    database : str
        The database that the version is one of. Where it is another than before, versions
        of copies mean nothing any longer.
    """

    version: int
    tasks: list[dict[str, Any]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    anew: bool = False
    database: str = ""


@dataclass(frozen=True)
class FeedState:
    """Whether the feed is connected, since when, and if not, why.

    Attributes
    ----------
    name : str
        ``connected``, ``away`` (it will come back), ``refused`` (it will not: the token)
        or ``off`` (it was not started, or is closed).
    since : datetime
        Since when, in UTC.
    reason : str
        Why it is away or refused, for people.
    """

    name: str
    since: datetime
    reason: str = ""

    @property
    def connected(self) -> bool:
        """Whether changes arrive."""
        return self.name == "connected"


Listener = Callable[[Changes], object]
StateListener = Callable[[FeedState], object]
RetryListener = Callable[[], object]


class Feed:
    """The changes of all tasks that a token may see.

    Nothing happens before `start`. All methods may be called from any thread; listeners
    are called on the feed's thread, one at a time, and must not wait for long.

    Parameters
    ----------
    url : str
        The GraphQL endpoint, ``http`` or ``https``.
    authorization : dict
        The header with the token; see `GraphQLTransport.authorization`.
    tls : ssl.SSLContext, optional
        What checks the service's certificate, where the URL is https.
    """

    def __init__(self, url: str, authorization: dict[str, str], tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._url = urlsplit(url)._replace(scheme="wss" if url.startswith("https") else "ws").geturl()
        self._authorization = authorization
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []
        self._state_listeners: list[StateListener] = []
        self._retry_listeners: list[RetryListener] = []
        self._state = FeedState("off", datetime.now(UTC))
        self._error: ServiceError | None = None
        self._thread: threading.Thread | None = None
        #: Whether the thread runs; whether it is about to end; whether it was started meanwhile.
        self._running = self._ending = self._again = False
        self._stopping = threading.Event()
        self._socket: ClientConnection | None = None
        self._cursor: int | None = None
        self._database: str | None = None
        renew_after_fork(self._after_fork)

    def __repr__(self) -> str:
        return f"Feed({self._url!r}, {self._state.name})"

    @property
    def state(self) -> FeedState:
        """Where it stands."""
        return self._state

    @property
    def error(self) -> ServiceError | None:
        """Why the service refused it; None if it did not."""
        return self._error

    def start(self) -> None:
        """Start the background thread, if it does not run or is about to end."""
        with self._lock:
            self._again = self._again or self._ending
            if self._stopping.is_set() or self._running:
                return
            self._error = None
            self._thread = threading.Thread(target=self._run, name="taskq-feed", daemon=True)
            self._thread.start()
            self._running = True

    def close(self) -> None:
        """Stop for good. Returns at once; the thread ends within a second."""
        self._stopping.set()
        socket = self._socket
        if socket is not None and threading.current_thread() is not self._thread:
            threading.Thread(target=socket.close, name="taskq-feed-close", daemon=True).start()

    def subscribe(
        self,
        callback: Listener,
        *,
        on_state: StateListener | None = None,
        on_retry: RetryListener | None = None,
    ) -> Callable[[], None]:
        """Be told of every change from now on.

        Parameters
        ----------
        callback : callable
            Called with `Changes`.
        on_state : callable, optional
            Called with a `FeedState` whenever the feed comes or goes.
        on_retry : callable, optional
            Called after each failed attempt to connect.

        Returns
        -------
        callable
            Call it to be told no more.
        """
        kinds: tuple[tuple[list[Any], Any], ...] = (
            (self._listeners, callback),
            (self._state_listeners, on_state),
            (self._retry_listeners, on_retry),
        )
        with self._lock:
            for listeners, listener in kinds:
                if listener is not None:
                    listeners.append(listener)

        def unsubscribe() -> None:
            with self._lock:
                for listeners, listener in kinds:
                    if listener in listeners:
                        listeners.remove(listener)

        return unsubscribe

    def _after_fork(self) -> None:
        """Start afresh in a forked child: the thread and the connection are the parent's."""
        self._lock = threading.Lock()
        closed, self._stopping = self._stopping.is_set(), threading.Event()
        if closed:
            self._stopping.set()
        self._running = self._ending = self._again = False
        self._thread = self._socket = self._cursor = self._error = None
        self._state = FeedState("off", datetime.now(UTC))

    # -- the thread ----------------------------------------------------------------------

    def _run(self) -> None:
        """Follow until the end, and once more for whoever started it when it had begun to end."""
        while True:
            self._follow_on()
            with self._lock:
                again, self._again, self._ending = self._again, False, False
                if not again or self._stopping.is_set():
                    self._running = False
                    return
                self._error = None

    def _follow_on(self) -> None:
        """Deliver changes, over as many connections as it takes, until closed or refused."""
        delay = BACKOFF_S[0]
        while not self._stopping.is_set():
            try:
                for changes in self._follow():
                    delay = BACKOFF_S[0]
                    self._deliver(changes)
            except (Unauthorized, Forbidden) as error:
                with self._lock:
                    self._error, self._ending = error, True
                self._enter("refused", str(error))
                log.error("no live updates: %s", error)
                return
            except ServiceError as error:
                if error.code in _OF_ANOTHER_DATABASE:
                    self._cursor = None
                    continue
                self._away(str(error))
            except (ServiceUnreachable, InvalidJSON) as error:
                self._away(str(error))
            except Exception as error:  # whoever waits for a task must not wait for a dead thread
                log.exception("the live feed failed, and starts again")
                self._away(f"{type(error).__name__}: {error}")
            if self._stopping.wait(delay * random.uniform(0.7, 1.3)):  # noqa: S311  (spreads clients out)
                break
            delay = min(2 * delay, BACKOFF_S[1])
        self._enter("off")

    def _follow(self) -> Iterator[Changes]:
        """Connect and yield events until the connection ends, which raises."""
        from websockets.exceptions import InvalidHandshake, InvalidStatus, WebSocketException

        try:
            with self._connect() as socket:
                self._greet(socket)
                anew = self._cursor is None
                for event in self._events(socket):
                    self._cursor, self._database = int(event["version"]), event["database"]
                    yield Changes(self._cursor, event["tasks"], event["deleted"], anew, self._database)
                    anew = False
        except InvalidStatus as error:
            status = error.response.status_code
            if status in (401, 403):
                raise Unauthorized("the service does not accept the token", "UNAUTHORIZED") from error
            raise ServiceUnreachable(f"{self._url} answers with HTTP {status}") from error
        except InvalidHandshake as error:
            raise ServiceUnreachable(f"{self._url} is no WebSocket of a taskq service: {error}") from error
        except (WebSocketException, OSError, EOFError) as error:
            code = getattr(getattr(error, "rcvd", None), "code", None)
            if code in (4401, 4403):
                raise Unauthorized("the service does not accept the token", "UNAUTHORIZED") from error
            reason = explain(error) or getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise ServiceUnreachable(f"{self._url}: {reason}") from error
        finally:
            self._socket = None

    def _connect(self) -> ClientConnection:
        from websockets.sync.client import connect
        from websockets.typing import Subprotocol

        return connect(
            self._url,
            subprotocols=[Subprotocol(PROTOCOL)],
            additional_headers=self._authorization,
            ssl=self._tls,
            compression=None,
            proxy=None,
            open_timeout=HANDSHAKE_S,
            close_timeout=CLOSE_S,
            ping_interval=PING_S,
            ping_timeout=PING_S,
            max_size=None,
        )

    def _greet(self, socket: ClientConnection) -> None:
        """Do the protocol's greeting."""
        self._socket = socket
        if self._stopping.is_set():  # closed while it connected
            raise ServiceUnreachable("the feed is closed")
        socket.send(_encode({"type": "connection_init", "payload": self._authorization}).decode())
        while _receive(socket, HANDSHAKE_S)["type"] != "connection_ack":
            pass

    def _events(self, socket: ClientConnection) -> Iterator[dict[str, Any]]:
        since = {"since": self._cursor, "database": None if self._cursor is None else self._database}
        payload = {"query": _QUERY, "variables": since}
        socket.send(_encode({"id": "changes", "type": "subscribe", "payload": payload}).decode())
        while True:
            message = _receive(socket)
            kind = message["type"]
            if kind == "ping":
                socket.send('{"type":"pong"}')
            elif kind == "next":
                answer = message["payload"]
                if answer.get("errors"):
                    raise service_error(answer["errors"])
                yield answer["data"]["taskChanges"]
            elif kind == "error":
                raise service_error(message["payload"])
            elif kind == "complete":
                raise ServiceUnreachable("the service ended the subscription")

    def _deliver(self, changes: Changes) -> None:
        for listener in self._copy(self._listeners):
            try:
                listener(changes)
            except Exception:
                log.exception("a listener of the live feed failed")
        # Whoever reads the state as connected has been told everything up to the cursor.
        if not self._state.connected:
            if self._state.name == "away":
                log.info("live updates are back: %s", self._url)
            self._enter("connected")

    def _away(self, reason: str) -> None:
        if self._stopping.is_set():
            return
        if self._state.name != "away":
            log.warning("live updates are away, connecting again: %s", reason)
            self._enter("away", reason)
        for listener in self._copy(self._retry_listeners):
            try:
                listener()
            except Exception:
                log.exception("a listener of the live feed failed")

    def _enter(self, name: str, reason: str = "") -> None:
        self._state = FeedState(name, datetime.now(UTC), reason)
        for listener in self._copy(self._state_listeners):
            try:
                listener(self._state)
            except Exception:
                log.exception("a listener of the live feed failed")

    def _copy(self, listeners: list[Any]) -> list[Any]:
        with self._lock:
            return list(listeners)


def _receive(socket: ClientConnection, timeout_s: float | None = None) -> dict[str, Any]:
    message = exact_json.decode_kept(socket.recv(timeout=timeout_s))
    if not isinstance(message, dict) or "type" not in message:
        raise ServiceUnreachable("the service sent something that is no message of the protocol")
    return message
