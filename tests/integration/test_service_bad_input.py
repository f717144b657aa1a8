"""Whatever is sent to a running service, it answers with data or with a coded error, and goes on.

Over SQLite and PostgreSQL, with the tokens of every role. ``TASKQ_TEST_EFFORT=10`` sends more
than five thousand requests.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3
from effort import scaled
from graphql_requests import TASK, WORKER, Requests, anything, body, no_json, with_nulls
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from service_process import JSON, ServiceProcess, service_process
from websockets.exceptions import ConnectionClosed

pytest_plugins = ["store_fixtures"]

#: What a refusal may be called. INTERNAL is not among them.
CODES = {
    "BAD_INPUT", "NOT_FOUND", "FORBIDDEN", "UNAUTHORIZED", "TOO_COMPLEX", "GRAPHQL_PARSE_FAILED",
    "GRAPHQL_VALIDATION_FAILED", "WORKER_UNKNOWN", "LEASE_LOST", "CURSOR_TOO_NEW",
}  # fmt: skip
WHO = st.sampled_from(["admin", "ann", "bob", "runner", "worker", "sink"])
OF_ROLE = {
    "worker": ("registerWorker", "claimTasks", "heartbeat", "releaseTasks", "declineTasks", "leaveWorker"),
    "sink": ("recordOutcomes",),
}
SEED = """mutation {
    createTasks(inputs: [{code: "1 + 1"}, {code: "2"}, {code: "error()", maxAttempts: 2}]) { id number }
}"""
JOIN = """mutation($id: ID) {
    registerWorker(input: {
        id: $id, name: "w", host: "h", pid: 1, runner: "julia", juliaVersion: "1.10", queues: ["default"], slots: 2
    }) { id }
}"""
CLAIM = "mutation($worker: ID!, $ids: [ID!]!) { claimTasks(worker: $worker, ids: $ids) { id attempt } }"


class Target:
    """A service, what it knows, and what was sent to it."""

    def __init__(self, service: ServiceProcess) -> None:
        self.service = service
        tasks = service.data(SEED)["createTasks"]
        self.worker = service.data(JOIN, "worker")["registerWorker"]["id"]
        service.data(CLAIM, "worker", worker=self.worker, ids=[tasks[0]["id"]])
        ids = [task["id"] for task in tasks] + [str(task["number"]) for task in tasks]
        self.requests = Requests(ids)
        self.statuses: Counter[int] = Counter()
        self.codes: Counter[str] = Counter()

    def send(self, content: bytes, who: str | None, **headers: str) -> None:
        """Send a request, and look at the answer. Where it speaks of a worker or a task that runs, there is one."""
        if WORKER.encode() in content or TASK.encode() in content:
            self.service.data(JOIN, "worker", id=self.worker)
            content = content.replace(WORKER.encode(), self.worker.encode())
        if TASK.encode() in content:
            task = self.service.data(SEED)["createTasks"][2]["id"]
            self.service.data(CLAIM, "worker", worker=self.worker, ids=[task])
            content = content.replace(TASK.encode(), task.encode())
        answer = self.service.request(
            "POST", "/graphql", who, body=content, headers={"content-type": JSON, **headers}
        )
        self.look_at(answer)

    def look_at(self, answer: urllib3.BaseHTTPResponse) -> None:
        """An answer is data or coded errors, and shows nothing of the service's insides."""
        self.statuses[answer.status] += 1
        text = answer.data.decode()
        assert answer.status < 500, text
        assert "Traceback" not in text
        for error in json.loads(text).get("errors", []) if text else []:
            code = error["extensions"]["code"]
            self.codes[code] += 1
            assert code in CODES, error
            assert error["message"]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    given: dict[str, str] = {}
    if request.param == "postgresql":
        given["database"] = request.getfixturevalue("postgres_url")
    with service_process(tmp_path_factory.mktemp("badinput") / "home", **given) as running:
        found = Target(running)
        yield found
        # Nothing went wrong behind an answer that looked well, and the service still works.
        assert running.process.poll() is None
        assert "Traceback" not in running.log
        assert "internal error" not in running.log
        assert running.data('mutation { createTask(input: {code: "3"}) { number } }')["createTask"]["number"]
        assert running.data("{ tasks { nodes { id name } } statistics { total } }")["tasks"]["nodes"]
        count = sum(found.statuses.values())
        print(f"\n{request.param}: {count} requests, {dict(found.statuses)}, {dict(found.codes)}")


def lightly(examples: int) -> Any:
    """Settings of a test whose fixture lives longer than its examples, on purpose."""
    return settings(
        max_examples=scaled(examples), deadline=None, suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate, Phase.shrink), database=None,
    )


@pytest.mark.timeout(600)
def test_no_document_of_the_schema_breaks_the_service(target: Target) -> None:
    @lightly(150)
    @given(target.requests.documents, WHO)
    def check(request: dict[str, Any], who: str) -> None:
        target.send(body(request), who)

    check()


@pytest.mark.timeout(600)
def test_no_variables_break_the_service(target: Target) -> None:
    @lightly(300)
    @given(target.requests.operations, st.just("admin") | WHO)
    def check(request: dict[str, Any], who: str) -> None:
        target.send(body(request), owner_of(request) if who == "admin" else who)

    check()


def owner_of(request: dict[str, Any]) -> str:
    """Who may make a request: the administrator, but for what belongs to a worker or the sink."""
    names = {role for role, fields in OF_ROLE.items() if any(f" {name}(" in request["query"] for name in fields)}
    return next(iter(names), "admin")


@pytest.mark.timeout(600)
def test_no_body_breaks_the_service(target: Target) -> None:
    whole = st.fixed_dictionaries(
        {"query": anything}, optional={"variables": anything, "operationName": anything, "extensions": anything}
    )
    without = no_json.map(lambda value: {"query": "{ me { name } }", "variables": {"a": value}})
    kinds = ["text/plain", "application/json; charset=utf-16", "multipart/form-data", ""]

    @lightly(100)
    @given(st.binary(max_size=200) | (anything | whole | without).map(body), st.just(JSON) | st.sampled_from(kinds))
    def check(content: bytes, kind: str) -> None:
        target.send(content, "ann", **{"content-type": kind})

    check()


@pytest.mark.timeout(600)
def test_no_message_on_a_websocket_breaks_the_service(target: Target) -> None:
    kinds = st.sampled_from(["connection_init", "subscribe", "complete", "ping", "pong", "next", "nonsense"])
    follow = "subscription($v: BigInt) { taskChanges(sinceVersion: $v) { version } }"
    since = st.integers().map(lambda version: {"query": follow, "variables": {"v": version}})
    payload = anything | target.requests.documents | since
    message = st.fixed_dictionaries(
        {"type": kinds | anything}, optional={"id": st.just("1") | anything, "payload": payload}
    )

    @lightly(40)
    @given(st.lists(message.map(json.dumps) | st.text(max_size=20) | st.binary(max_size=20), max_size=4))
    def check(messages: list[str | bytes]) -> None:
        target.statuses[101] += len(messages)
        code = talk(target, messages)
        assert code is None or 4400 <= code < 4500 or code in (1002, 1003, 1007), code

    check()


def talk(target: Target, messages: list[str | bytes]) -> int | None:
    """Send messages on a WebSocket, and a ping; the code it was closed with, None if the ping was answered."""
    with target.service.socket("ann") as connection:
        try:
            for one in messages:
                connection.send(one)
            connection.send(json.dumps({"type": "ping"}))
            while True:
                answer = json.loads(connection.recv(10))
                if answer["type"] == "pong":
                    return None
                for error in answer["payload"] if answer["type"] == "error" else []:
                    assert error["extensions"]["code"] in CODES, error
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 0


def test_an_outcome_whose_reference_is_no_hash_is_refused(target: Target) -> None:
    value = {"kind": "JSON", "type": "t", "text": "x", "ref": "\0" * 64}
    outcome = {"id": TASK, "attempt": 1, "worker": WORKER, "status": "FINISHED", "startedAt": 1, "finishedAt": 1,
               "seconds": 1, "value": value}  # fmt: skip
    query = "mutation($of: [OutcomeInput!]!) { recordOutcomes(outcomes: $of) }"
    target.send(body({"query": query, "variables": {"of": [outcome]}}), "sink")
    assert target.codes["BAD_INPUT"]


def test_an_outcome_whose_task_no_database_holds_is_refused(target: Target) -> None:
    outcome = {"id": "\0", "attempt": 1, "worker": "w", "status": "FINISHED", "startedAt": 1, "finishedAt": 1,
               "seconds": 1}  # fmt: skip
    query = "mutation($of: [OutcomeInput!]!) { recordOutcomes(outcomes: $of) }"
    assert target.service.data(query, "sink", of=[outcome]) == {"recordOutcomes": ["REFUSED"]}


def test_a_token_whose_id_no_database_holds_is_not_found(target: Target) -> None:
    query = 'mutation($id: ID!) { revokeToken(id: $id) { id } }'
    assert target.service.error(query, "admin", id="\0")[0] == "NOT_FOUND"


def test_a_request_that_is_too_large_is_refused_and_the_next_one_is_answered(target: Target) -> None:
    target.send(b'{"query": "' + b"x" * (65 << 20) + b'"}', "ann")
    assert target.statuses[413]
    target.send(body({"query": "{ me { name } }"}), "ann")


def test_null_breaks_the_service_nowhere(target: Target) -> None:
    """The last of them: with null for a filter, every task is deleted."""
    for request in with_nulls():
        target.send(body(request), owner_of(request))
