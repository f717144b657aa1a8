"""Operations that take the short cut, beside graphql-core's own way."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import ExecutionResult
from store_lab import Lab

from taskq_kernel.client import operations
from taskq_kernel.client.feed import _QUERY
from taskq_kernel.domain import Role
from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.service.graphql import execution
from taskq_kernel.service.graphql.documents import Documents
from taskq_kernel.service.graphql.errors import format_errors
from taskq_kernel.service.graphql.plain_operation import PlainOperation
from taskq_kernel.service.graphql.plain_variables import PlainVariables
from taskq_kernel.service.schema.build import build_schema
from taskq_kernel.service.schema.context import RequestContext
from taskq_kernel.settings import Settings
from taskq_kernel.store.feed import read_changes
from taskq_kernel.store.records import LONG_FIELDS
from taskq_kernel.store.tokens import Identity

pytest_plugins = ["store_fixtures"]

SCHEMA = build_schema()
ID = "6f0c1c3e-0000-4000-8000-00000000000{}"
CREATE = f"mutation($inputs: [TaskInput!]!) {{ createTasks(inputs: $inputs) {{ {operations.FEED} }} }}"
CLAIM = "mutation($worker: ID!, $ids: [ID!]!) { claimTasks(worker: $worker, ids: $ids) { id attempt } }"
RECORD = "mutation R($outcomes: [OutcomeInput!]!) { recordOutcomes(outcomes: $outcomes) }"
TASKS = [{"id": ID.format(place), "code": f"{place} + \0", "name": "é"} for place in range(3)]


def prepared(query: str, variables: Any = None) -> Any:
    return Documents(SCHEMA).prepare(query, variables, None)


class Service:
    """Executes operations as the service does, with a role."""

    def __init__(self, lab: Lab) -> None:
        counter = SimpleNamespace(inc=lambda *_: None, labels=lambda *_: counter)
        self.runtime: Any = SimpleNamespace(
            store=AsyncStore(lab.store), settings=Settings(), policy=lab.policy, blobs=None,
            metrics=SimpleNamespace(submitted=counter, outcomes=counter), out_of_reach=None,
        )

    async def run(self, query: str, variables: dict[str, Any], role: Role) -> ExecutionResult:
        context = RequestContext(Identity("ann", role), self.runtime)
        return await execution.run(SCHEMA, prepared(query, variables), variables, context)

    def both(
        self, monkeypatch: pytest.MonkeyPatch, query: str, variables: dict[str, Any], role: Role
    ) -> tuple[Any, Any]:
        """What comes of it by the short cut and, once more, by the general way; each as it is sent."""
        short = asyncio.run(self.run(query, variables, role))
        with monkeypatch.context() as patch:
            patch.setattr(PlainOperation, "of", lambda *_: None)
            general = asyncio.run(self.run(query, variables, role))
        return told(short), told(general)


def told(result: ExecutionResult) -> Any:
    return result.data, format_errors(result.errors) if result.errors else None


@pytest.mark.parametrize("query", [CREATE, CLAIM, RECORD, _QUERY], ids=["create", "claim", "record", "feed"])
def test_what_comes_with_every_task_takes_the_short_cut(query: str) -> None:
    assert PlainOperation.of(SCHEMA, prepared(query)) is not None


@pytest.mark.parametrize("query", [
    "mutation { createTask(input: {code: \"1\"}) { id } }",  # a literal
    "mutation($w: ID!) { a: leaveWorker(worker: $w) b: leaveWorker(worker: $w) }",
    "query($id: ID!) { task(id: $id) { history { status } } }",
    f"{CREATE[:-4]} why {{ sentence }} }} }}",  # it is looked up
    "mutation($w: ID!, $i: [ID!]!, $s: Boolean!) { claimTasks(worker: $w, ids: $i) { id @skip(if: $s) attempt } }",
    "query($f: Int) { tasks(first: $f) { totalCount } }",
])  # fmt: skip
def test_whatever_is_of_another_shape_takes_the_general_way(query: str) -> None:
    assert PlainOperation.of(SCHEMA, prepared(query)) is None


@pytest.mark.parametrize("lab", ["sqlite"], indirect=True)
def test_the_short_cut_answers_as_graphql_core_does(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(lab)
    asyncio.run(service.run(CREATE, {"inputs": TASKS}, Role.USER))
    short, general = service.both(monkeypatch, CREATE, {"inputs": TASKS}, Role.USER)  # they are there: the same again
    assert short == general
    assert [task["id"] for task in short[0]["createTasks"]] == [task["id"] for task in TASKS]
    worker = lab.join()
    ids = [task["id"] for task in TASKS]
    granted = told(asyncio.run(service.run(CLAIM, {"worker": worker, "ids": ids}, Role.WORKER)))
    assert granted == ({"claimTasks": [{"id": one, "attempt": 1} for one in ids]}, None)
    assert service.both(monkeypatch, CLAIM, {"worker": worker, "ids": ids}, Role.WORKER) == (
        ({"claimTasks": []}, None),
    ) * 2
    outcome = {
        "id": ids[0], "attempt": 1, "worker": worker, "status": "FINISHED", "startedAt": 1.0, "finishedAt": 2.0,
        "seconds": 1.0,
    }
    first = told(asyncio.run(service.run(RECORD, {"outcomes": [outcome]}, Role.SINK)))
    assert first == ({"recordOutcomes": ["ACCEPTED"]}, None)
    short, general = service.both(monkeypatch, RECORD, {"outcomes": [outcome, outcome | {"id": "x"}]}, Role.SINK)
    assert short == general == ({"recordOutcomes": ["REPEATED", "REFUSED"]}, None)


@pytest.mark.parametrize("lab", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("query", "variables", "role"), [
    (CREATE, {"inputs": [{"code": "1", "memoryLimit": 5}]}, Role.USER),
    (CREATE, {"inputs": [{"code": "1"}]}, Role.RUNNER),
    (CLAIM, {"worker": "nobody", "ids": []}, Role.WORKER),
    (CLAIM, {"worker": None, "ids": []}, Role.WORKER),
    (RECORD, {"outcomes": [{"id": "x"}]}, Role.SINK),
])  # fmt: skip
def test_an_error_is_told_as_graphql_core_tells_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, query: str, variables: dict[str, Any], role: Role
) -> None:
    short, general = Service(lab).both(monkeypatch, query, variables, role)
    assert short == general
    assert short[1]


@pytest.mark.parametrize("lab", ["sqlite"], indirect=True)
def test_an_event_is_written_as_graphql_core_writes_it(lab: Lab) -> None:
    worker = lab.join()
    tasks = lab.submit("1", "2", "3", name="é")
    lab.claim(worker, *tasks[:2])
    lab.finish(tasks[0], worker)
    lab.fail(tasks[1], worker)
    lab.bulk_action("delete", tasks[2])
    event = lab.store.read(read_changes, 0, None, LONG_FIELDS)
    variables = {"since": 0}
    short = PlainOperation.of(SCHEMA, prepared(_QUERY, variables))
    assert short is not None
    context = RequestContext(Identity("ann", Role.USER), SimpleNamespace())  # type: ignore[arg-type]  # not asked
    general = asyncio.run(execution.run(SCHEMA, prepared(_QUERY, variables), variables, context, root=event))
    assert told(short.answer(event)) == told(general)
    assert (general.data or {})["taskChanges"]["deleted"] == [tasks[2].id]


def test_a_resolver_that_fails_in_a_way_that_nobody_thought_of_is_an_error_of_its_field() -> None:
    short = PlainOperation.of(SCHEMA, prepared(CLAIM))
    assert short is not None
    result = asyncio.run(short.run(PlainVariables(worker="w", ids=[]), None))  # there is nobody who asks
    assert result.data is None
    assert [error.path for error in result.errors or ()] == [["claimTasks"]]
