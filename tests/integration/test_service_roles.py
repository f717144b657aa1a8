"""Who may do what: every root field of the schema and every path, for every role."""

from __future__ import annotations

import time
from collections.abc import Iterator
from hashlib import sha256
from uuid import uuid4

import pytest
from service_process import TOKENS, ServiceProcess, receive, service_process, subscribe, token
from stacks import eventually
from websockets.exceptions import ConnectionClosedError

from taskq_kernel.domain import Role
from taskq_kernel.service.security.access import ALLOWED, PATHS
from taskq_kernel.store import Store, tokens

#: A request for each root field that does no harm when it is allowed.
REQUESTS = {
    "Query.task": '{ task(id: "1") { id } }',
    "Query.tasks": "{ tasks { totalCount } }",
    "Query.definition": f'{{ definition(id: "{"0" * 64}") {{ id }} }}',
    "Query.source": f'{{ source(sha256: "{"0" * 64}") }}',
    "Query.heldTasks": f'{{ heldTasks(worker: "{uuid4()}", tasks: []) {{ id }} }}',
    "Query.batch": f'{{ batch(id: "{uuid4()}") {{ id }} }}',
    "Query.batches": "{ batches { totalCount } }",
    "Query.explainCache": '{ explainCache(input: {code: "1 + 1"}) { hit } }',
    "Query.missingFiles": f'{{ missingFiles(sha256: ["{"0" * 64}"]) }}',
    "Query.recipes": "{ recipes { name } }",
    "Query.recipe": '{ recipe(name: "none") { name } }',
    "Query.workers": "{ workers { id } }",
    "Query.statistics": "{ statistics { total } }",
    "Query.tokens": "{ tokens { id } }",
    "Query.shares": "{ shares { id } }",
    "Query.me": "{ me { name role } }",
    "Query.serviceVersion": "{ serviceVersion }",
    "Mutation.createTask": 'mutation { createTask(input: {code: "1"}) { id } }',
    "Mutation.createTasks": 'mutation { createTasks(inputs: [{code: "1"}]) { id } }',
    "Mutation.registerDefinition": 'mutation { registerDefinition(input: {code: "f() = 1"}) { id } }',
    "Mutation.registerProject": f'mutation {{ registerProject(manifest: "{"0" * 64}") {{ id }} }}',
    "Mutation.submitBatch": f"""mutation {{ submitBatch(input: {{name: "b", definition: "{"0" * 64}",
        design: "{{}}"}}) {{ batch {{ id }} }} }}""",
    "Mutation.resumeBatch": f'mutation {{ resumeBatch(id: "{uuid4()}") }}',
    "Mutation.cancelBatch": f'mutation {{ cancelBatch(id: "{uuid4()}") }}',
    "Mutation.deleteBatch": f'mutation {{ deleteBatch(id: "{uuid4()}") }}',
    "Mutation.makePoints": f'mutation {{ makePoints(id: "{uuid4()}", points: []) }}',
    "Mutation.submitRecipe": 'mutation { submitRecipe(input: {recipe: "none"}) { id } }',
    "Mutation.submitRecipeSweep": """mutation { submitRecipeSweep(input: {recipe: "none", name: "b",
        design: "{}"}) { added } }""",
    "Mutation.addRecipe": 'mutation { addRecipe(input: {name: "none", code: ""}) { added } }',
    "Mutation.removeRecipe": 'mutation { removeRecipe(name: "none") { name } }',
    "Mutation.cancelTasks": "mutation { cancelTasks(ids: []) { changed } }",
    "Mutation.retryTasks": "mutation { retryTasks(ids: []) { changed } }",
    "Mutation.deleteTasks": "mutation { deleteTasks(ids: []) { changed } }",
    "Mutation.pruneTasks": "mutation { pruneTasks(olderThanSeconds: 1e9) { tasks } }",
    "Mutation.drainWorker": f'mutation {{ drainWorker(id: "{uuid4()}") {{ id }} }}',
    "Mutation.createToken": 'mutation { createToken(name: "x", role: user) { token { id } } }',
    "Mutation.revokeToken": f'mutation {{ revokeToken(id: "{uuid4()}") {{ id }} }}',
    "Mutation.createShare": 'mutation { createShare(id: "999999") { url } }',
    "Mutation.revokeShare": f'mutation {{ revokeShare(id: "{uuid4()}") {{ id }} }}',
    "Mutation.registerWorker": """mutation { registerWorker(input: {name: "w", host: "h", pid: 1, runner: "julia",
        juliaVersion: "1.10", queues: ["default"], slots: 1}) { id } }""",
    "Mutation.claimTasks": f'mutation {{ claimTasks(worker: "{uuid4()}", ids: []) {{ id }} }}',
    "Mutation.heartbeat": f'mutation {{ heartbeat(worker: "{uuid4()}", held: [], logs: []) {{ drain }} }}',
    "Mutation.declineTasks": f'mutation {{ declineTasks(worker: "{uuid4()}", ids: []) }}',
    "Mutation.releaseTasks": f'mutation {{ releaseTasks(worker: "{uuid4()}", tasks: []) }}',
    "Mutation.leaveWorker": f'mutation {{ leaveWorker(worker: "{uuid4()}") }}',
    "Mutation.recordOutcomes": "mutation { recordOutcomes(outcomes: []) }",
    "Subscription.taskChanges": "subscription { taskChanges { version } }",
}
VALUE = b"[1]"
BLOB = f"/blobs/{sha256(VALUE).hexdigest()}"
#: What is asked for by path: what to ask, and the status where it is allowed.
REQUESTS_BY_PATH: dict[str, tuple[str, str, bytes | None, int]] = {
    "GET /blobs": ("GET", BLOB, None, 200),
    "PUT /blobs": ("PUT", BLOB, VALUE, 204),
    "GET /metrics": ("GET", "/metrics", None, 200),
    "GET /r": ("GET", "/r/999999", None, 404),
    "POST /r": ("POST", "/r/999999/reproduce", b"proof=x", 404),
}
#: What needs no token.
OPEN = ("/healthz", "/readyz", "/static/graphiql.js")
WHO = {"admin": Role.ADMIN, "ann": Role.USER, "runner": Role.RUNNER, "worker": Role.WORKER, "sink": Role.SINK}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with service_process(tmp_path_factory.mktemp("roles") / "home") as running:
        yield running


def codes(service: ServiceProcess, query: str, who: str | None) -> list[str]:
    if query.startswith("subscription"):
        with service.socket(who) as connection:
            subscribe(connection, query)
            message = receive(connection)
        return [error["extensions"]["code"] for error in message["payload"]] if message["type"] == "error" else []
    return [error["extensions"]["code"] for error in service.post(query, who).get("errors", [])]


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("what", [*REQUESTS, *REQUESTS_BY_PATH, *OPEN])
def test_each_role_may_do_what_the_table_says_and_nothing_else(
    service: ServiceProcess, what: str, who: str
) -> None:
    if what in OPEN:
        assert service.request("GET", what, who).status == 200
    elif what in REQUESTS_BY_PATH:
        method, path, body, done = REQUESTS_BY_PATH[what]
        service.request("PUT", BLOB, "worker", body=VALUE)
        if (what, who) == ("GET /blobs", "runner"):
            done = 404  # no recipe has made it: it is as if it were not there
        assert service.request(method, path, who, body=body).status == (done if WHO[who] in PATHS[what] else 403)
    elif WHO[who] in ALLOWED[what]:
        assert "FORBIDDEN" not in codes(service, REQUESTS[what], who)
    else:
        assert codes(service, REQUESTS[what], who) == ["FORBIDDEN"]


@pytest.mark.parametrize("what", [*REQUESTS, *REQUESTS_BY_PATH, *OPEN])
def test_without_a_token_there_is_nothing_but_what_tells_nothing(service: ServiceProcess, what: str) -> None:
    if what in OPEN:
        assert service.request("GET", what, None).status == 200
    elif what in REQUESTS_BY_PATH:
        method, path, body, _done = REQUESTS_BY_PATH[what]
        assert service.request(method, path, None, body=body).status == 401
    elif what.startswith("Subscription"):
        with service.socket(None) as connection:
            connection.send('{"type": "connection_init"}')
            with pytest.raises(ConnectionClosedError) as closed:
                connection.recv(10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401
    else:
        assert codes(service, REQUESTS[what], None) == ["UNAUTHORIZED"]


def test_every_root_field_and_path_is_tested_here() -> None:
    assert (set(REQUESTS), set(REQUESTS_BY_PATH)) == (set(ALLOWED), set(PATHS))


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
