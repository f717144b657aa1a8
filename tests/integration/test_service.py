"""The service as a process, over HTTP: a task's life, errors, probes, stopping and starting."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from service_process import JSON, ServiceProcess, service_process
from stacks import eventually

REGISTER = "mutation($i: WorkerInput!) { registerWorker(input: $i) { id leaseSeconds heartbeatSeconds } }"
CREATE = "mutation($i: [TaskInput!]!) { createTasks(inputs: $i) { id number status attempt name } }"
CLAIM = "mutation($w: ID!, $i: [ID!]!) { claimTasks(worker: $w, ids: $i) { id attempt } }"
BEAT = """mutation($w: ID!, $h: [HeldTask!]!, $l: [LogInput!]!) {
    heartbeat(worker: $w, held: $h, logs: $l) { stop settled drain heartbeatSeconds } }"""
RECORD = "mutation($o: [OutcomeInput!]!) { recordOutcomes(outcomes: $o) }"
EVERYTHING = """id number name kind code entry arguments queue priority timeoutSeconds memoryLimit maxAttempts
    attempt status progress progressMessage value valueKind valueType valueText valueNote valueRef valueSize
    error { name message stacktrace line } worker owner batch seconds lost createdAt startedAt finishedAt version
    history { status attempt worker at reason } logs { seq attempt stream text }"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with service_process(tmp_path_factory.mktemp("service") / "home", lease="60") as running:
        yield running


def create(service: ServiceProcess, *inputs: dict[str, Any], who: str = "ann") -> list[dict[str, Any]]:
    given = list(inputs) or [{"code": "1 + 1"}]
    return service.data(CREATE, who, i=given)["createTasks"]  # type: ignore[no-any-return]  # JSON


def join(service: ServiceProcess, name: str = "w1", **options: Any) -> str:
    given = {
        "name": name, "host": "here", "pid": 7, "runner": "julia", "juliaVersion": "1.10.4",
        "queues": ["default"], "slots": 2, **options,
    }
    return service.data(REGISTER, "worker", i=given)["registerWorker"]["id"]  # type: ignore[no-any-return]  # JSON


def claim(service: ServiceProcess, worker: str, *tasks: dict[str, Any]) -> list[dict[str, Any]]:
    ids = [task["id"] for task in tasks]
    return service.data(CLAIM, "worker", w=worker, i=ids)["claimTasks"]  # type: ignore[no-any-return]  # JSON


def outcome(task: dict[str, Any], worker: str, **given: Any) -> dict[str, Any]:
    now = time.time()
    return {
        "id": task["id"], "attempt": 1, "worker": worker, "status": "FINISHED", "startedAt": now,
        "finishedAt": now, "seconds": 0.5,
        "value": {"kind": "JSON", "type": "Int64", "text": "2", "data": 2, "size": 1}, **given,
    }


def show(service: ServiceProcess, task: dict[str, Any]) -> dict[str, Any]:
    return service.data(f"query($id: ID!) {{ task(id: $id) {{ {EVERYTHING} }} }}", id=task["id"])["task"]  # type: ignore[no-any-return]  # JSON


def test_a_task_goes_from_submission_to_its_value(service: ServiceProcess) -> None:
    batch = str(uuid4())
    [task] = create(service, {
        "code": "x ^ 2", "name": "a \"square\" 😀", "arguments": {"x": 1.5, "y": [None, "é"]}, "priority": 2,
        "timeoutSeconds": 5, "memoryLimit": 1 << 33, "maxAttempts": 2, "batch": batch,
    })
    worker = join(service)
    assert claim(service, worker, task) == [{"id": task["id"], "attempt": 1}]
    reply = service.data(BEAT, "worker", w=worker, h=[
        {"id": task["id"], "attempt": 1, "progress": 0.5, "progressMessage": "half"},
    ], l=[{"id": task["id"], "attempt": 1, "seq": 1, "stream": "stdout", "text": "hello\n"}])
    assert reply == {"heartbeat": {"stop": [], "settled": [], "drain": False, "heartbeatSeconds": 1.0}}
    running = show(service, task)
    assert (running["status"], running["progress"], running["progressMessage"]) == ("RUNNING", 0.5, "half")
    assert service.data(RECORD, "sink", o=[outcome(task, worker)]) == {"recordOutcomes": ["ACCEPTED"]}

    done = show(service, task)

    expected = {
        "name": "a \"square\" 😀", "code": "x ^ 2", "arguments": {"x": 1.5, "y": [None, "é"]}, "priority": 2,
        "timeoutSeconds": 5.0, "memoryLimit": 1 << 33, "maxAttempts": 2, "batch": batch, "kind": "SCRIPT",
        "queue": "default", "status": "FINISHED", "value": 2, "valueKind": "JSON", "valueType": "Int64",
        "valueText": "2", "error": None, "worker": "w1", "owner": "ann", "seconds": 0.5, "attempt": 1, "lost": 0,
    }
    assert {name: done[name] for name in expected} == expected
    assert done["createdAt"].endswith("Z")
    assert done["createdAt"] <= done["startedAt"] <= done["finishedAt"]
    assert [event["status"] for event in done["history"]] == ["QUEUEING", "RUNNING", "FINISHED"]
    assert done["logs"] == [{"seq": 1, "attempt": 1, "stream": "stdout", "text": "hello\n"}]
    assert show(service, {"id": str(done["number"])}) == done


def test_a_failed_task_shows_its_error(service: ServiceProcess) -> None:
    [task] = create(service)
    worker = join(service)
    claim(service, worker, task)
    error = {"name": "DomainError", "message": "no \x00", "stacktrace": "at 1", "line": 3}
    service.data(RECORD, "sink", o=[outcome(task, worker, status="FAILED", value=None, error=error)])
    assert show(service, task)["error"] == error


@pytest.mark.parametrize("text", [
    "3.14159265358979323846264338327950288419716939937510", "1e400", "123456789012345678901234567890",
    "-0.0", "0.1", '{"a":[1.0,2.50,{"$float":"NaN"}],"b":"\\u0000"}', '"\\u00e9"', "null", "[]",
])
def test_a_value_comes_back_as_it_was_recorded_digit_by_digit(service: ServiceProcess, text: str) -> None:
    [task] = create(service)
    worker = join(service)
    claim(service, worker, task)
    given = outcome(task, worker)
    given["value"]["data"] = "@"
    body = json.dumps({"query": RECORD, "variables": {"o": [given]}}).replace('"@"', text)
    answer = service.request("POST", "/graphql", "sink", body=body, headers={"content-type": JSON})
    assert answer.json() == {"data": {"recordOutcomes": ["ACCEPTED"]}}
    answer = service.request("POST", "/graphql", body=json.dumps(
        {"query": f'{{ task(id: "{task["id"]}") {{ value }} }}'}
    ), headers={"content-type": JSON})
    exact = ("3.14", "1e400", "1234", "null", "[]", "0.1", "-0.0")
    if text.startswith(exact):
        assert answer.data.decode().replace("E+400", "e400") == f'{{"data":{{"task":{{"value":{text}}}}}}}'
    else:
        assert answer.json()["data"]["task"]["value"] == json.loads(text)


def test_ten_thousand_tasks_are_one_request_and_one_more_is_refused(service: ServiceProcess) -> None:
    before = service.data("{ tasks { totalCount } }")["tasks"]["totalCount"]
    inputs = [{"code": "nothing"}] * 10_000
    made = create(service, *inputs)
    assert len({task["id"] for task in made}) == 10_000
    code, message = service.error(CREATE, i=[*inputs, {"code": "1"}])
    assert (code, "10001 tasks: give at most 10000" in message) == ("BAD_INPUT", True)
    code, message = service.error(CREATE, i=[{"code": "1"}, {"code": " "}])
    assert (code, message) == ("BAD_INPUT", "inputs[1].code is empty: give some Julia code")
    assert service.data("{ tasks { totalCount } }")["tasks"]["totalCount"] == before + 10_000
    deleted = service.data(
        "mutation($i: [ID!]) { deleteTasks(ids: $i) { changed } }", i=[task["id"] for task in made]
    )
    assert deleted == {"deleteTasks": {"changed": 10_000}}


def test_the_same_request_sent_twice_makes_one_task(service: ServiceProcess) -> None:
    given = {"code": "1", "id": str(uuid4())}
    assert create(service, given) == create(service, given)
    code, _message = service.error(CREATE, "bob", i=[given])
    assert code == "BAD_INPUT"


def test_tasks_are_listed_page_by_page(service: ServiceProcess) -> None:
    batch = str(uuid4())
    create(service, *({"code": str(place), "batch": batch, "name": f"n{place % 2}"} for place in range(5)))
    query = """query($f: TaskFilter, $o: [TaskOrder!], $a: String) {
        tasks(filter: $f, orderBy: $o, first: 2, after: $a) {
            edges { cursor node { code } } nodes { code } totalCount
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
    order = [{"field": "NAME", "direction": "DESC"}, {"field": "NUMBER"}]
    codes, after = [], None
    while True:
        page = service.data(query, f={"batch": batch}, o=order, a=after)["tasks"]
        assert page["totalCount"] == 5
        assert [edge["node"] for edge in page["edges"]] == page["nodes"]
        codes += [node["code"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        assert after == page["edges"][-1]["cursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert codes == ["1", "3", "0", "2", "4"]


def test_tasks_are_found_sorted_and_changed_by_their_arguments(service: ServiceProcess) -> None:
    batch = str(uuid4())
    values: list[Any] = [200, 200.0, "200", 10, 2**64, None]
    create(service, *({"code": "1", "batch": batch, "arguments": {"n": value}} for value in values))
    create(service, {"code": "1", "batch": batch})
    query = """query($f: TaskFilter, $o: [TaskOrder!], $a: String) {
        tasks(filter: $f, orderBy: $o, first: 2, after: $a) {
            edges { cursor node { arguments } } totalCount pageInfo { hasNextPage endCursor } } }"""

    def found(*conditions: dict[str, Any], order: list[dict[str, Any]] | None = None) -> list[Any]:
        seen, after = [], None
        while True:
            given = {"batch": batch, "arguments": list(conditions)}
            page = service.data(query, f=given, o=order, a=after)["tasks"]
            seen += [edge["node"]["arguments"].get("n", "none") for edge in page["edges"]]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                assert page["totalCount"] == len(seen)
                return seen

    n_is_200 = {"name": "n", "value": 200}
    assert found(n_is_200) == [200, 200.0]
    assert found({"name": "n", "value": "200"}) == ["200"]
    assert found({"name": "n", "value": None}) == [None]
    assert found({"name": "n", "comparison": "GE", "value": 200}, {"name": "n", "comparison": "NE", "value": 200}) == [
        2**64
    ]
    assert found(order=[{"argument": "n"}]) == [10, 200, 200.0, 2**64, "200", None, "none"]
    assert found(order=[{"argument": "n", "direction": "DESC"}]) == [2**64, 200.0, 200, 10, "200", None, "none"]
    cancel = "mutation($f: TaskFilter) { cancelTasks(filter: $f) { changed tasks { arguments } } }"
    done = service.data(cancel, f={"batch": batch, "arguments": [n_is_200]})["cancelTasks"]
    assert (done["changed"], [task["arguments"]["n"] for task in done["tasks"]]) == (2, [200, 200.0])


@pytest.mark.parametrize(("query", "variables", "code", "words"), [
    ('{ tasks(filter: {arguments: [{name: "n"}]}) { totalCount } }', {}, "BAD_INPUT", "'n' has no value"),
    ('{ tasks(filter: {arguments: [{name: "n", comparison: LT, value: [1]}]}) { totalCount } }', {}, "BAD_INPUT",
     "'n' is compared with [1]"),
    ('{ tasks(orderBy: [{argument: "a b"}]) { totalCount } }', {}, "BAD_INPUT", "'a b' is no name"),
    ("{ tasks(orderBy: [{direction: DESC}]) { totalCount } }", {}, "BAD_INPUT", "either a field or an argument"),
    ("query($i: ID!) { task(id: $i) { id } }", {"i": str(uuid4())}, "NOT_FOUND", "no task has the id"),
    ("query($i: ID!) { task(id: $i) { id } }", {"i": "abc"}, "BAD_INPUT",
     "'abc': neither the number of a task nor its UUID"),
    ("{ tasks(first: 1001) { totalCount } }", {}, "BAD_INPUT", "first is 1001"),
    ("{ tasks(first: -1) { totalCount } }", {}, "BAD_INPUT", "first is -1"),
    ('{ tasks(after: "x") { totalCount } }', {}, "BAD_INPUT", "give a cursor"),
    ('{ tasks(filter: {batch: "x"}) { totalCount } }', {}, "BAD_INPUT", "not a UUID"),
    ("mutation { cancelTasks { changed } }", {}, "BAD_INPUT", "either ids or a filter"),
    ('mutation { cancelTasks(ids: [], filter: {}) { changed } }', {}, "BAD_INPUT", "either ids or a filter"),
    ('mutation { cancelTasks(ids: ["1", "abc"]) { changed } }', {}, "BAD_INPUT", "'abc': neither"),
    ('mutation { retryTasks(ids: ["424242"]) { changed } }', {}, "NOT_FOUND", "424242"),
    ('mutation { createTask(input: {code: ""}) { id } }', {}, "BAD_INPUT", "input.code is empty"),
    ('mutation { createTask(input: {code: "1", arguments: [1]}) { id } }', {}, "BAD_INPUT", "give an object"),
    ("mutation($i: TaskInput!) { createTask(input: $i) { id } }", {"i": {"code": "1", "memoryLimit": 1.5}},
     "BAD_INPUT", "memoryLimit"),
    ("mutation($i: TaskInput!) { createTask(input: $i) { id } }", {"i": {"code": "1", "name": "a\0b"}},
     "BAD_INPUT", "NUL"),
])
def test_a_mistake_is_answered_with_a_code_and_a_sentence(
    service: ServiceProcess, query: str, variables: dict[str, Any], code: str, words: str
) -> None:
    found, message = service.error(query, **variables)
    assert found == code
    assert words in message


@pytest.mark.parametrize("query", [
    "{ tasks(first: 1000) { nodes { id logs { text } history { at } } } }",
    "query { " + " ".join(f"a{n}: tasks(first: 1000) {{ nodes {{ id name }} }}" for n in range(60)) + " }",
    "{ " + "me { name } " * 300 + "}",
    "{ __schema { types { fields { type { " + "ofType { " * 20 + "name" + " }" * 25,
])
def test_a_query_that_is_too_deep_or_too_wide_is_refused(service: ServiceProcess, query: str) -> None:
    began = time.monotonic()
    code, _message = service.error(query)
    assert code == "TOO_COMPLEX"
    assert time.monotonic() - began < 2


def test_statistics_count_what_is_there(service: ServiceProcess) -> None:
    worker = join(service, "counted", slots=3)
    [task] = create(service)
    claim(service, worker, task)
    query = """{ statistics { counts { status count } total slots busy workersOnline finishedPerMinute
        lastHour { at finished failed } brokerConnected outboxLength version } }"""

    def counted() -> bool:
        found = service.data(query)["statistics"]
        counts = {item["status"]: item["count"] for item in found["counts"]}
        assert sum(counts.values()) == found["total"]
        assert len(found["lastHour"]) == 60
        assert found["brokerConnected"] is False
        return found["busy"] == counts["RUNNING"] >= 1 and found["slots"] >= 3

    eventually(counted, "the running task is counted")


def test_the_fleet_is_listed_and_drained(service: ServiceProcess) -> None:
    worker = join(service, "drained", queues=["default", "gpu"])
    query = "{ workers { id name host pid runner juliaVersion queues slots busy state joinedAt lastSeenAt } }"
    found = {item["id"]: item for item in service.data(query)["workers"]}[worker]
    assert (found["name"], found["queues"], found["state"]) == ("drained", ["default", "gpu"], "ONLINE")
    drained = service.data("mutation($w: ID!) { drainWorker(id: $w) { state } }", "admin", w=worker)
    assert drained == {"drainWorker": {"state": "DRAINING"}}
    assert service.data(BEAT, "worker", w=worker, h=[], l=[])["heartbeat"]["drain"] is True
    assert service.data("mutation($w: ID!) { leaveWorker(worker: $w) }", "worker", w=worker)["leaveWorker"]
    assert worker not in {item["id"] for item in service.data("{ workers { id } }")["workers"]}
    gone = service.data("{ workers(all: true) { id state } }")["workers"]
    assert {"id": worker, "state": "LEFT"} in gone


def test_a_worker_that_is_not_known_is_told_to_register(service: ServiceProcess) -> None:
    code, message = service.error(CLAIM, "worker", w=str(uuid4()), i=[])
    assert (code, "register first" in message) == ("WORKER_UNKNOWN", True)


def test_a_claim_that_was_not_started_is_released(service: ServiceProcess) -> None:
    [task] = create(service)
    worker = join(service)
    claim(service, worker, task)
    released = service.data(
        "mutation($w: ID!, $t: [TaskAttempt!]!) { releaseTasks(worker: $w, tasks: $t) }", "worker",
        w=worker, t=[{"id": task["id"], "attempt": 1}],
    )
    assert released == {"releaseTasks": 1}
    assert show(service, task)["status"] == "QUEUEING"


def test_probes_need_no_token_and_metrics_do(service: ServiceProcess) -> None:
    assert service.request("GET", "/healthz", None).json() == {"status": "up"}
    ready = service.request("GET", "/readyz", None)
    assert (ready.status, ready.json()) == (200, {"database": "up", "broker": "away"})
    assert service.request("GET", "/metrics", None).status == 401
    text = service.request("GET", "/metrics").data.decode()
    for name in ("taskq_tasks{status=", "taskq_outbox_length", "taskq_broker_connected 0.0", "taskq_slots",
                 "taskq_outcomes_total{verdict=", "taskq_graphql_requests_total", "taskq_tasks_submitted_total"):
        assert name in text


def test_no_token_stands_in_the_log(service: ServiceProcess) -> None:
    service.post("{ me { name } }", None)
    assert "the-token-of-" not in service.log
    assert "submit" in service.log


def test_it_stops_in_order_when_told_to_and_what_it_acknowledged_is_there_afterwards(
    service: ServiceProcess,
) -> None:
    [task] = create(service)
    worker = join(service)
    claim(service, worker, task)
    began = time.monotonic()
    assert service.stop(signal.SIGTERM) == 0
    assert time.monotonic() - began < 5
    service.start_again()
    assert show(service, task)["status"] == "RUNNING"
    assert service.data(RECORD, "sink", o=[outcome(task, worker)]) == {"recordOutcomes": ["ACCEPTED"]}


def test_what_it_acknowledged_survives_its_being_killed(service: ServiceProcess) -> None:
    made = create(service, *[{"code": "1"}] * 100)
    service.stop(signal.SIGKILL)
    service.start_again()
    found = service.data("query($f: TaskFilter) { tasks(filter: $f) { totalCount } }", f={
        "ids": [task["id"] for task in made],
    })
    assert found["tasks"]["totalCount"] == 100
