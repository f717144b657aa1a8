"""A service in memory, for the client's unit tests.

`FakeService` keeps tasks behind the client's two doors, its transport and its feed, so that a test decides when
something happens and when the client hears of it. Servers on real sockets are in `client_stubs`.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, BinaryIO

from client_stubs import TOKEN
from graphql import GraphQLError

from taskq_kernel.client.client import Client
from taskq_kernel.client.feed import Changes, FeedState, Listener, StateListener
from taskq_kernel.client.session import Session
from taskq_kernel.errors import InvalidTask, NotFound, ServiceError, ServiceUnreachable
from taskq_kernel.service.graphql.errors import format_error
from taskq_kernel.task_fields import TASK_FIELDS, Lifetime
from taskq_kernel.transport.graphql import service_error


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
        if name != "Me":  # asked once, at a time of its own
            service.calls.append(name)
        if service.down:
            raise ServiceUnreachable("no taskq service at http://127.0.0.1:1/graphql: Connection refused")
        return getattr(self, f"_{name.lower()}")(query, variables)

    def _me(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        return {"me": {"name": "ann", "role": "user"}}

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

    def _runagain(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        made = []
        for task in map(self._find, variables["ids"]):
            alike = {name: task[name] for name in ("name", "code", "arguments", "seed", "threads")}
            avoid = task["worker"] if variables["elsewhere"] else None
            made.append(self._service.add(**alike, repeats=task["number"], avoid=avoid))
        return {"retryTasks": {"tasks": [_cut(task, query) for task in made]}}

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
