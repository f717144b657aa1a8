"""Private tables: with ``private_tasks`` a user sees own tasks, wherever tasks are seen."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from uuid import uuid4

import pytest
from service_process import ServiceProcess, receive, service_process, subscribe

VALUE = b'["a value of its own file"]'
REF = sha256(VALUE).hexdigest()
ALL = "{ tasks { totalCount nodes { owner } } }"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service with a finished task of ann, whose value is a file and which has printed something."""
    with service_process(tmp_path_factory.mktemp("private") / "home", private_tasks="true") as running:
        task = running.data('mutation { createTask(input: {code: "secret"}) { id } }')["createTask"]["id"]
        worker = running.data("""mutation { registerWorker(input: {name: "w", host: "h", pid: 1, runner: "julia",
            juliaVersion: "1.10", queues: ["default"], slots: 2}) { id } }""", "worker")["registerWorker"]["id"]
        running.data(f'mutation {{ claimTasks(worker: "{worker}", ids: ["{task}"]) {{ id }} }}', "worker")
        assert running.request("PUT", f"/blobs/{REF}", "worker", body=VALUE).status == 204
        running.data("mutation($o: [OutcomeInput!]!) { recordOutcomes(outcomes: $o) }", "sink", o=[{
            "id": task, "attempt": 1, "worker": worker, "status": "FINISHED", "startedAt": 0.0, "finishedAt": 0.0,
            "seconds": 0.0, "value": {"kind": "JSON", "type": "Vector", "text": "v", "ref": REF, "size": len(VALUE)},
            "logs": [{"seq": 1, "stream": "stdout", "text": "printed"}],
        }])
        yield running


@pytest.fixture
def task(service: ServiceProcess) -> str:
    """The id of ann's finished task."""
    node = service.data("{ tasks(first: 1) { nodes { id } } }", "ann")["tasks"]["nodes"][0]
    return str(node["id"])


def test_a_user_lists_own_tasks_only_and_an_administrator_all(service: ServiceProcess) -> None:
    service.data('mutation { createTask(input: {code: "1"}) { id } }', "bob")
    assert {node["owner"] for node in service.data(ALL, "bob")["tasks"]["nodes"]} == {"bob"}
    assert {node["owner"] for node in service.data(ALL, "ann")["tasks"]["nodes"]} == {"ann"}
    assert {node["owner"] for node in service.data(ALL, "admin")["tasks"]["nodes"]} == {"ann", "bob"}
    assert service.data('{ tasks(filter: {owner: "ann"}) { totalCount } }', "bob")["tasks"]["totalCount"] == 0
    assert service.data('{ tasks(filter: {search: "secret"}) { totalCount } }', "bob")["tasks"]["totalCount"] == 0
    assert service.data(ALL, "runner")["tasks"]["totalCount"] == 0


@pytest.mark.parametrize("name", ["id", "number", "upper case"])
def test_the_task_of_another_is_as_if_it_were_not_there(service: ServiceProcess, task: str, name: str) -> None:
    number = str(service.data(f'{{ task(id: "{task}") {{ number }} }}')["task"]["number"])
    given = {"id": task, "number": number, "upper case": task.upper()}[name]
    nobody = str(uuid4())
    for who in ("bob", "runner"):
        code, message = service.error(f'{{ task(id: "{given}") {{ id logs {{ text }} }} }}', who)
        assert code == "NOT_FOUND"
        _code, unknown = service.error(f'{{ task(id: "{nobody}") {{ id }} }}', who)
        assert message.replace(given.lower(), "X") == unknown.replace(nobody, "X")
    for verb in ("cancel", "retry", "delete"):
        code, message = service.error(f'mutation {{ {verb}Tasks(ids: ["{given}"]) {{ changed }} }}', "bob")
        assert code == "NOT_FOUND"
        assert message.replace(given.lower(), "X") == unknown.replace(nobody, "X")
    for who in ("ann", "admin"):
        found = service.data(f'{{ task(id: "{given}") {{ status logs {{ text }} }} }}', who)["task"]
        assert found == {"status": "FINISHED", "logs": [{"text": "printed"}]}


def test_the_id_of_a_task_of_another_is_refused_without_a_word_about_it(service: ServiceProcess, task: str) -> None:
    create = 'mutation($id: ID) { createTask(input: {code: "mine", id: $id}) { id } }'
    code, message = service.error(create, "bob", id=task)
    assert code == "BAD_INPUT"
    assert message == f"inputs[0].id is {task}, which cannot be had for a new task: give another id"
    assert service.data(f'{{ task(id: "{task}") {{ owner code }} }}', "ann")["task"] == {
        "owner": "ann", "code": "secret"
    }


def test_the_feed_tells_of_own_tasks_only_the_deleted_ones_included(service: ServiceProcess) -> None:
    made = {
        who: service.data('mutation { createTask(input: {code: "2"}) { id } }', who)["createTask"]["id"]
        for who in ("ann", "bob")
    }
    gone = service.data('mutation { createTask(input: {code: "3"}) { id } }', "ann")["createTask"]["id"]
    service.data(f'mutation {{ deleteTasks(ids: ["{gone}"]) {{ changed }} }}', "ann")
    seen = {}
    for who in ("ann", "bob", "admin"):
        with service.socket(who) as connection:
            subscribe(connection, "subscription { taskChanges(sinceVersion: 0) { tasks { id } deleted } }")
            seen[who] = receive(connection)["payload"]["data"]["taskChanges"]
    told = {who: {task["id"] for task in event["tasks"]} & set(made.values()) for who, event in seen.items()}
    assert told == {"ann": {made["ann"]}, "bob": {made["bob"]}, "admin": set(made.values())}
    assert {who: gone in event["deleted"] for who, event in seen.items()} == {"ann": True, "bob": False, "admin": True}


def test_statistics_count_own_tasks_and_the_whole_fleet(service: ServiceProcess) -> None:
    query = "{ statistics { total slots outboxLength counts { status count } lastHour { finished } } }"
    read = {who: service.data(query, who)["statistics"] for who in ("ann", "bob", "admin")}
    for who, statistics in read.items():
        own = service.data("{ tasks { totalCount } }", who)["tasks"]["totalCount"]
        assert statistics["total"] == own
        assert statistics["slots"] == 2
    finished = {who: sum(minute["finished"] for minute in one["lastHour"]) for who, one in read.items()}
    assert finished == {"ann": 1, "bob": 0, "admin": 1}
    assert read["admin"]["outboxLength"] >= read["ann"]["outboxLength"]
    # Asked again at once, each gets an own answer, whatever was kept for another.
    bobs = service.data("{ tasks { totalCount } }", "bob")["tasks"]["totalCount"]
    assert service.data("{ statistics { total } }", "bob")["statistics"]["total"] == bobs


def test_a_value_is_read_by_its_owner_and_by_administrators(service: ServiceProcess) -> None:
    statuses = {who: service.request("GET", f"/blobs/{REF}", who).status for who in ("ann", "admin", "bob", "runner")}
    assert statuses == {"ann": 200, "admin": 200, "bob": 404, "runner": 404}
    refused = service.request("GET", f"/blobs/{REF}", "bob").json()
    assert refused == service.request("GET", f"/blobs/{REF}", "runner").json()


def test_the_figures_of_everybody_are_for_administrators(service: ServiceProcess) -> None:
    statuses = {who: service.request("GET", "/metrics", who).status for who in ("admin", "ann", "runner")}
    assert statuses == {"admin": 200, "ann": 403, "runner": 403}
