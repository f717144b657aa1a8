"""What the client's unit tests stand on: servers that do as they are told.

`HttpStub` and `SocketStub` answer on real sockets what a test puts into them. `FakeService`
keeps tasks in memory behind the client's two doors, its transport and its feed, so that a
test decides when something happens and when the client hears of it.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO

from graphql import GraphQLError
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from taskq_kernel.client.client import Client
from taskq_kernel.client.feed import Changes, FeedState, Listener, StateListener
from taskq_kernel.client.session import Session
from taskq_kernel.errors import InvalidTask, NotFound, ServiceError, ServiceUnreachable
from taskq_kernel.service.graphql.errors import format_error
from taskq_kernel.task_fields import TASK_FIELDS, Lifetime
from taskq_kernel.transport.graphql import service_error

TOKEN = "a-token-that-nobody-may-see"


# -- over HTTP -------------------------------------------------------------------------------


class HttpStub:
    """An HTTP server on a free port. ``answers`` are taken one by one, the last one for ever.

    An answer is a status and a body, or None to break the connection.
    """

    def __init__(self, *answers: tuple[int, bytes] | None) -> None:
        self.answers = list(answers)
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.peers: list[tuple[str, int]] = []
        self.delay_s = 0.0
        #: Writes the first answer's body in its own way.
        self.parts: Callable[[Callable[[bytes], object]], None] | None = None
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                stub.peers.append(self.client_address)
                stub.requests.append((self.command, self.path, dict(self.headers.items()), body))
                time.sleep(stub.delay_s)
                answer = stub.answers[0] if len(stub.answers) == 1 else stub.answers.pop(0)
                if answer is None:
                    self.close_connection = True
                    return
                status, data = answer
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                parts, stub.parts = stub.parts, None
                if parts is None:
                    self.wfile.write(data)
                else:
                    parts(self.wfile.write)

            do_GET = do_POST = do_PUT = handle_one  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that gave up
        self.url = f"http://127.0.0.1:{self._server.server_port}/graphql"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def http_stub(*answers: tuple[int, bytes] | None) -> Iterator[HttpStub]:
    stub = HttpStub(*answers)
    try:
        yield stub
    finally:
        stub.close()


def data(**fields: Any) -> tuple[int, bytes]:
    return 200, json.dumps({"data": fields}).encode()


def errors(code: str, message: str = "no", status: int = 200, **extensions: Any) -> tuple[int, bytes]:
    error = {"message": message, "extensions": {"code": code, **extensions}}
    return status, json.dumps({"data": None, "errors": [error]}).encode()


# -- over a WebSocket ------------------------------------------------------------------------


class SocketStub:
    """A graphql-transport-ws server on a free port.

    Each connection is greeted, then handled by the next of ``scripts``, the last for ever.
    """

    def __init__(self, *scripts: Callable[[Subscriber], None]) -> None:
        self.scripts = list(scripts)
        self.subscriptions: list[dict[str, Any]] = []
        self.inits: list[dict[str, Any]] = []
        self._server = serve(self._handle, "127.0.0.1", 0, subprotocols=[Subprotocol("graphql-transport-ws")])
        self.url = f"http://127.0.0.1:{self._server.socket.getsockname()[1]}/graphql"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _handle(self, socket: ServerConnection) -> None:
        self.inits.append(json.loads(socket.recv())["payload"])
        script = self.scripts[0] if len(self.scripts) == 1 else self.scripts.pop(0)
        script(Subscriber(self, socket))

    def close(self) -> None:
        self._server.shutdown()


class Subscriber:
    """One connection, as a script sees it."""

    def __init__(self, stub: SocketStub, socket: ServerConnection) -> None:
        self._stub = stub
        self.socket = socket
        self.id = ""

    def accept(self) -> Any:
        """Acknowledge; the cursor that the client goes on from."""
        self.socket.send('{"type": "connection_ack"}')
        message = json.loads(self.socket.recv())
        assert message["type"] == "subscribe"
        self.id = message["id"]
        self._stub.subscriptions.append(message["payload"])
        return message["payload"]["variables"]["since"]

    def tell(
        self, version: int, *tasks: dict[str, Any], deleted: tuple[str, ...] = (), database: str = ""
    ) -> None:
        changes = {"version": version, "database": database, "tasks": list(tasks), "deleted": list(deleted)}
        self.send("next", {"data": {"taskChanges": changes}})

    def send(self, kind: str, payload: Any = None) -> None:
        self.socket.send(json.dumps({"id": self.id, "type": kind, "payload": payload}))

    def stay(self) -> None:
        """Keep the connection until the client ends it."""
        for _ in self.socket:
            pass


# -- in memory -------------------------------------------------------------------------------


class FakeService:
    """Tasks in memory. Until `connect_feed` the feed is away; what happens then is told at once."""

    def __init__(self) -> None:
        self.tasks: dict[str, dict[str, Any]] = {}
        self.blobs: dict[str, bytes] = {}
        self.projects: list[str] = []
        self.version = 0
        self.calls: list[str] = []
        self.down = False
        self.refuse_input: InvalidTask | None = None
        #: Any, as they stand for a `GraphQLTransport` and a `Feed`.
        self.transport: Any = FakeTransport(self)
        self.feed: Any = FakeFeed(self)

    def client(self) -> Client:
        client = Client("http://127.0.0.1:1/graphql", TOKEN)
        client.feed.close()
        Session.__init__(client, self.transport, self.feed)
        return client

    def add(self, **fields: Any) -> dict[str, Any]:
        number = len(self.tasks) + 1
        task = NEW | {
            "id": f"00000000-0000-0000-0000-{number:012d}", "number": number, "name": f"task {number}", "code": "1",
            "seed": 7, "series": None, "history": [], "owner": "ann", "createdAt": datetime.now(UTC).isoformat(),
        } | fields  # fmt: skip
        self.version += 1
        task["version"] = self.version
        self.tasks[task["id"]] = task
        self._tell([task])
        return task

    def change(self, task_id: str, **fields: Any) -> None:
        """Something happens to a task."""
        self.version += 1
        self.tasks[task_id] = self.tasks[task_id] | fields | {"version": self.version}
        self._tell([self.tasks[task_id]])

    def finish(self, task_id: str, value: Any = None, **fields: Any) -> None:
        done = {"status": "FINISHED", "attempt": 1, "value": value, "valueKind": "JSON", "valueText": repr(value)}
        self.change(task_id, **(done | {"worker": "w1", "seconds": 0.5} | fields))

    def fail(self, task_id: str, name: str = "DomainError") -> None:
        error = {"name": name, "message": "with -1.0", "stacktrace": " [1] sqrt", "line": 2}
        self.change(task_id, status="FAILED", attempt=1, error=error)

    def delete(self, task_id: str) -> None:
        self.version += 1
        del self.tasks[task_id]
        self._tell([], deleted=[task_id])

    def connect_feed(self, anew: bool = True) -> None:
        self.feed.arrive(Changes(self.version, anew=anew))

    def _tell(self, tasks: list[dict[str, Any]], deleted: list[str] | None = None) -> None:
        if self.feed.state.connected:
            self.feed.arrive(Changes(self.version, [dict(task) for task in tasks], deleted or []))


#: What a task has that nobody has run, and what it has on top where its submission said nothing.
NOTHING_YET: dict[str, Any] = {
    field.graphql: field.empty for field in TASK_FIELDS
    if field.lifetime is not Lifetime.FIXED and field.name not in ("status", "attempt", "lost", "version")
} | {"waitsFor": None, "why": {
    "kind": "STARTING", "sentence": "it is on its way", "since": None, "until": None, "ahead": 0, "needs": None,
}}
NEW: dict[str, Any] = {
    field.graphql: field.given.default if field.given and field.empty is None else field.empty for field in TASK_FIELDS
} | NOTHING_YET | {"status": "QUEUEING", "attempt": 0}


class FakeTransport:
    """Answers the client's operations from a `FakeService`."""

    url = "http://127.0.0.1:1/graphql"

    def __init__(self, service: FakeService) -> None:
        self._service = service

    def execute(self, query: str, variables: dict[str, Any], *, repeatable: bool | None = None) -> dict[str, Any]:
        service = self._service
        name = re.match(r"\s*(?:query|mutation) (\w+)", query).group(1)  # type: ignore[union-attr]
        service.calls.append(name)
        if service.down:
            raise ServiceUnreachable("no taskq service at http://127.0.0.1:1/graphql: Connection refused")
        return getattr(self, f"_{name.lower()}")(query, variables)

    def get_blob(self, ref: str) -> bytes:
        self._service.calls.append("blob")
        return self._service.blobs[ref]

    def put_blob(self, sha256: str, data: bytes | BinaryIO) -> None:
        self._service.calls.append("upload")
        if not isinstance(data, bytes):
            data.seek(0)
        self._service.blobs[sha256] = data if isinstance(data, bytes) else data.read()

    def close(self) -> None:
        pass

    def _create(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        if self._service.refuse_input:
            refused = GraphQLError("", original_error=self._service.refuse_input)
            raise service_error([format_error(refused)])
        created = [self._service.add(**given) for given in variables["inputs"]]
        return {"createTasks": [_cut(task, query) for task in created]}

    def _missing(self, _query: str, variables: dict[str, Any]) -> dict[str, Any]:
        return {"missingFiles": [ref for ref in variables["sha256"] if ref not in self._service.blobs]}

    def _project(self, _query: str, variables: dict[str, Any]) -> dict[str, Any]:
        self._service.projects.append(variables["manifest"])
        return {"registerProject": {"id": variables["manifest"], "files": 0, "size": 0}}

    def _task(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        return {"task": _cut(self._find(variables["id"]), query)}

    def _find(self, task_id: str) -> dict[str, Any]:
        for task in self._service.tasks.values():
            if task_id in (task["id"], str(task["number"])):
                return task
        raise NotFound(f"no task has the id {task_id}", "NOT_FOUND")

    def _tasks(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        chosen = variables["filter"]
        nodes = [
            _cut(task, query)
            for task in self._service.tasks.values()
            if task["id"] in chosen.get("ids", [task["id"]])
            and task["status"] in chosen.get("status", [task["status"]])
        ]
        start = int(variables["after"] or 0)
        end = start + variables["first"]
        info = {"hasNextPage": end < len(nodes), "endCursor": str(end)}
        return {"tasks": {"nodes": nodes[start:end], "pageInfo": info}}

    def _bulkaction(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        verb = re.search(r"(cancel|retry|delete)Tasks", query).group(0)  # type: ignore[union-attr]
        ids = variables.get("ids") or list(self._service.tasks)
        tasks = [self._find(task_id) for task_id in ids]
        changed, now = 0, []
        for task in tasks:
            now.append(task)
            done = task["status"] not in ("QUEUEING", "RUNNING")
            if verb == "deleteTasks":
                self._service.delete(task["id"])
            elif verb == "cancelTasks" and not done:
                self._service.change(task["id"], status="CANCELLED")
            elif verb == "retryTasks" and task["status"] == "FINISHED":
                now[-1] = self._service.add(name=task["name"], code=task["code"], repeats=task["number"])
            elif verb == "retryTasks" and done:
                self._service.change(task["id"], status="QUEUEING", **NOTHING_YET)
            else:
                continue
            changed += 1
        answer = [_cut(self._service.tasks.get(task["id"], task), query) for task in now]
        return {verb: {"tasks": answer, "changed": changed}}

    def _logs(self, _query: str, variables: dict[str, Any]) -> dict[str, Any]:
        task = self._find(variables["id"])
        chunks = [chunk for chunk in task.get("logs", []) if chunk["seq"] > (variables["after"] or 0)]
        return {"task": {name: task[name] for name in ("id", "number", "name", "status", "attempt")} | {"logs": chunks}}


def _cut(task: dict[str, Any], query: str) -> dict[str, Any]:
    """Only what was asked for."""
    words = set(re.findall(r"\w+", query))
    return {name: value for name, value in task.items() if name in words}


class FakeFeed:
    """A feed that says what it is told to say, on the caller's thread."""

    def __init__(self, service: FakeService) -> None:
        self.state = FeedState("off", datetime.now(UTC))
        self.error: ServiceError | None = None
        self.starts = 0
        self._service = service
        self._listeners: list[Listener] = []
        self._state_listeners: list[StateListener] = []
        self._retry_listeners: list[Callable[[], None]] = []

    def subscribe(
        self, callback: Listener, *, on_state: StateListener | None = None, on_retry: Callable[[], None] | None = None
    ) -> Callable[[], None]:
        self._listeners.append(callback)
        self._state_listeners += [on_state] if on_state else []
        self._retry_listeners += [on_retry] if on_retry else []
        return lambda: None

    def start(self) -> None:
        self.starts += 1

    def close(self) -> None:
        self.enter("off")

    def arrive(self, changes: Changes) -> None:
        for listener in self._listeners:
            listener(changes)
        if not self.state.connected:
            self.enter("connected")

    def enter(self, name: str, reason: str = "") -> None:
        self.state = FeedState(name, datetime.now(UTC), reason)
        for listener in self._state_listeners:
            listener(self.state)

    def retry(self) -> None:
        """The feed tried to connect in vain."""
        if self.state.name != "away":
            self.enter("away", "Connection refused")
        for listener in self._retry_listeners:
            listener()


def later(action: Callable[[], Any]) -> None:
    """Act while somebody waits already."""
    threading.Timer(0.05, action).start()


def soon(condition: Callable[[], Any], timeout_s: float = 5.0) -> Any:
    """The first true value of ``condition``; fails after ``timeout_s``."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{condition} stayed {value!r}"
        time.sleep(0.005)
    return value
