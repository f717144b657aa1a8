"""Who may do what: every root field of the schema, for every role."""

from __future__ import annotations

import time
from collections.abc import Iterator
from hashlib import sha256
from uuid import uuid4

import pytest
from service_process import TOKENS, ServiceProcess, receive, service_process, subscribe, token
from stacks import eventually

from taskq_kernel.domain import Role
from taskq_kernel.service.access import ALLOWED
from taskq_kernel.store import Store, tokens

#: A request for each root field that does no harm when it is allowed.
REQUESTS = {
    "Query.task": '{ task(id: "1") { id } }',
    "Query.tasks": "{ tasks { totalCount } }",
    "Query.workers": "{ workers { id } }",
    "Query.statistics": "{ statistics { total } }",
    "Query.me": "{ me { name role } }",
    "Query.serviceVersion": "{ serviceVersion }",
    "Mutation.createTask": 'mutation { createTask(input: {code: "1"}) { id } }',
    "Mutation.createTasks": 'mutation { createTasks(inputs: [{code: "1"}]) { id } }',
    "Mutation.cancelTasks": "mutation { cancelTasks(ids: []) { changed } }",
    "Mutation.retryTasks": "mutation { retryTasks(ids: []) { changed } }",
    "Mutation.deleteTasks": "mutation { deleteTasks(ids: []) { changed } }",
    "Mutation.drainWorker": f'mutation {{ drainWorker(id: "{uuid4()}") {{ id }} }}',
    "Mutation.registerWorker": """mutation { registerWorker(input: {name: "w", host: "h", pid: 1, runner: "julia",
        juliaVersion: "1.10", queues: ["default"], slots: 1}) { id } }""",
    "Mutation.claimTasks": f'mutation {{ claimTasks(worker: "{uuid4()}", ids: []) {{ id }} }}',
    "Mutation.heartbeat": f'mutation {{ heartbeat(worker: "{uuid4()}", held: [], logs: []) {{ drain }} }}',
    "Mutation.releaseTasks": f'mutation {{ releaseTasks(worker: "{uuid4()}", tasks: []) }}',
    "Mutation.leaveWorker": f'mutation {{ leaveWorker(worker: "{uuid4()}") }}',
    "Mutation.recordOutcomes": "mutation { recordOutcomes(outcomes: []) }",
}
WHO = {"admin": Role.ADMIN, "ann": Role.USER, "runner": Role.RUNNER, "worker": Role.WORKER, "sink": Role.SINK}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with service_process(tmp_path_factory.mktemp("roles") / "home") as running:
        yield running


def codes(service: ServiceProcess, query: str, who: str) -> list[str]:
    return [error["extensions"]["code"] for error in service.post(query, who).get("errors", [])]


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("field", REQUESTS)
def test_each_role_may_do_what_the_table_says_and_nothing_else(
    service: ServiceProcess, field: str, who: str
) -> None:
    found = codes(service, REQUESTS[field], who)
    if WHO[who] in ALLOWED[field]:
        assert "FORBIDDEN" not in found
    else:
        assert found == ["FORBIDDEN"]


def test_every_root_field_is_tested_here() -> None:
    assert set(REQUESTS) | {"Subscription.taskChanges"} == set(ALLOWED)


@pytest.mark.parametrize("who", WHO)
def test_each_role_may_follow_the_feed_or_not(service: ServiceProcess, who: str) -> None:
    with service.socket(who) as connection:
        subscribe(connection, "subscription { taskChanges { version } }")
        message = receive(connection)
    if WHO[who] in ALLOWED["Subscription.taskChanges"]:
        assert message["type"] == "next"
    else:
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize("who", WHO)
def test_values_are_uploaded_by_workers_and_read_by_who_may_see_tasks(service: ServiceProcess, who: str) -> None:
    digest = sha256(b"[1]").hexdigest()
    assert service.request("PUT", f"/blobs/{digest}", "worker", body=b"[1]").status == 204
    assert service.request("GET", f"/blobs/{digest}", who).status == (403 if who == "sink" else 200)
    upload = service.request("PUT", f"/blobs/{digest}", who, body=b"[1]")
    assert upload.status == (204 if who == "worker" else 403)


def test_a_runner_is_told_in_a_sentence_why_it_may_not_submit(service: ServiceProcess) -> None:
    code, message = service.error(REQUESTS["Mutation.createTask"], "runner")
    assert (code, "only what an administrator has registered" in message) == ("FORBIDDEN", True)


def test_a_user_changes_own_tasks_only(service: ServiceProcess) -> None:
    task = service.data(REQUESTS["Mutation.createTask"], "ann")["createTask"]["id"]
    for verb in ("cancel", "retry", "delete"):
        query = f'mutation {{ {verb}Tasks(ids: ["{task}"]) {{ changed }} }}'
        code, message = service.error(query, "bob")
        assert (code, "belong to others" in message) == ("FORBIDDEN", True)
        assert service.data(f'{{ task(id: "{task}") {{ status owner }} }}', "bob")["task"] == {
            "status": "QUEUEING", "owner": "ann",
        }
    assert service.data(f'mutation {{ cancelTasks(ids: ["{task}"]) {{ changed }} }}', "admin") == {
        "cancelTasks": {"changed": 1}
    }


def test_me_says_whom_the_token_stands_for(service: ServiceProcess) -> None:
    for who, (name, role) in TOKENS.items():
        assert service.data("{ me { name role } }", who)["me"] == {"name": name, "role": role}


def test_a_token_of_the_database_works_until_it_is_revoked(service: ServiceProcess) -> None:
    store = Store(f"sqlite:///{service.home / 'tasks.db'}")
    try:
        token_id, secret = store.write(tokens.create_token, "eve", Role.USER)
        _id, expired = store.write(tokens.create_token, "old", Role.USER, time.time() - 1)

        def answer(given: str) -> int:
            return service.request("GET", "/metrics", None, headers={"authorization": f"Bearer {given}"}).status

        assert (answer(secret), answer(expired), answer(token("ann") + "x")) == (200, 401, 401)
        store.write(tokens.revoke_token, token_id)
        eventually(lambda: answer(secret) == 401, "the revoked token is worthless")
    finally:
        store.close()
