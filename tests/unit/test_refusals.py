"""What cannot be used is told as data, from wherever it was found wrong to whoever gave it."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import pytest
from client_lab import FakeService
from graphql import GraphQLError

from taskq_kernel.client.refusals import keyword, option
from taskq_kernel.errors import InvalidDeclaration, InvalidParameter, InvalidTask
from taskq_kernel.service.graphql.documents import Documents
from taskq_kernel.service.graphql.errors import format_error, format_errors
from taskq_kernel.service.graphql.execution import run
from taskq_kernel.service.schema.build import build_schema
from taskq_kernel.store.submission import check, check_all

EMPTY = {"code": "BAD_INPUT", "field": "code", "index": 2, "problem": "is empty: give some Julia code"}


def extensions(error: InvalidTask) -> dict[str, Any]:
    found: dict[str, Any] = format_error(GraphQLError("", original_error=error))["extensions"]
    return found


def test_the_service_says_which_field_of_which_task_is_wrong_and_how() -> None:
    with pytest.raises(InvalidTask) as caught:
        check_all([{"code": "1"}, {"code": "2"}, {"code": ""}])
    assert str(caught.value) == "inputs[2].code is empty: give some Julia code"
    assert extensions(caught.value) == EMPTY
    with pytest.raises(InvalidTask) as caught:
        check({"code": ""}, "input")
    assert extensions(caught.value) == EMPTY | {"index": None}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"id": "x"}, "id"), ({"name": "a\0"}, "name"), ({"entry": "f"}, "entry"), ({"queue": "a b"}, "queue"),
        ({"arguments": [1]}, "arguments"), ({"arguments": {"a b": 1}}, "arguments.a b"), ({"priority": 7}, "priority"),
        ({"timeout_seconds": 0}, "timeoutSeconds"), ({"memory_limit": 1}, "memoryLimit"),
        ({"max_attempts": 0}, "maxAttempts"), ({"batch": "x"}, "batch"),
    ],
)  # fmt: skip
def test_whatever_is_wrong_with_a_task_has_its_field_and_its_place(given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidTask) as caught:
        check_all([{"code": "1"}, {"code": "1", **given}])
    assert (caught.value.field, caught.value.index) == (field, 1)
    assert caught.value.problem
    assert str(caught.value).startswith(f"inputs[1].{field.partition('.')[0]}")
    assert str(caught.value).endswith(caught.value.problem)


def refused_variables(query: str, **variables: Any) -> list[dict[str, Any]]:
    schema = build_schema()
    prepared = Documents(schema, introspection=False).prepare(query, variables, None)
    result = asyncio.run(run(schema, prepared, variables, None))
    return format_errors(result.errors or [])


def test_a_variable_of_the_wrong_type_is_told_as_data_too() -> None:
    many = "mutation($i: [TaskInput!]!) { createTasks(inputs: $i) { id } }"
    inputs = [{"code": "1"}, {"code": "1", "maxAttempts": "x"}, {"code": "2", "queue": 3}, {"code": "3", "colour": 1}]
    first, second, third = [error["extensions"] for error in refused_variables(many, i=inputs)]
    assert first | {"problem": ""} == {"code": "BAD_INPUT", "field": "maxAttempts", "index": 1, "problem": ""}
    assert first["problem"] == "cannot be taken: Int cannot represent non-integer value: 'x'"
    assert (second["field"], second["index"]) == ("queue", 2)
    assert (third["field"], third["index"]) == (None, 3)
    one = "mutation($i: TaskInput!) { createTask(input: $i) { id } }"
    [error] = refused_variables(one, i={"code": "1", "memoryLimit": 1.5})
    assert (error["extensions"]["field"], error["extensions"]["index"]) == ("memoryLimit", None)
    assert "$i" in error["message"]
    [missing] = refused_variables(one)
    assert missing["extensions"] == {"code": "BAD_INPUT"}


def test_the_client_raises_what_the_service_refuses_as_the_same_error_in_the_words_of_python() -> None:
    service = FakeService()
    service.refuse_input = InvalidTask("is 0: give 1 to 100", "maxAttempts").within("inputs[3]", 3)
    q = service.client()
    with pytest.raises(InvalidTask, match=r"^max_attempts is 0: give 1 to 100$") as caught:
        q.submit("1", max_attempts=0)
    assert (caught.value.field, caught.value.index) == ("maxAttempts", None)
    with pytest.raises(InvalidTask, match=r"^tasks\[3\]: max_attempts is 0: give 1 to 100$") as caught:
        q.submit_many(["1"] * 5)
    assert (caught.value.field, caught.value.index) == ("maxAttempts", 3)
    assert caught.value.problem == "is 0: give 1 to 100"


def test_the_place_of_a_task_counts_from_the_start_of_the_whole_list(monkeypatch: pytest.MonkeyPatch) -> None:
    service = FakeService()
    q = service.client()
    monkeypatch.setattr("taskq_kernel.client.operations.CREATE_CHUNK", 2)
    created = service.transport._create

    def second_is_refused(query: str, variables: dict[str, Any]) -> dict[str, Any]:
        if service.calls.count("Create") == 2:
            service.refuse_input = InvalidTask("is 7", "priority").within("inputs[1]", 1)
        return created(query, variables)

    monkeypatch.setattr(service.transport, "_create", second_is_refused)
    with pytest.raises(InvalidTask, match=r"^tasks\[3\]: priority is 7\n") as caught:
        q.submit_many(["1"] * 5)
    assert caught.value.index == 3
    assert "2 of 5 tasks were submitted" in caught.value.__notes__[0]
    with pytest.raises(InvalidTask, match=r"^tasks\[1\]: memory_limit is 'lots'") as caught:
        q.submit_many(["1", {"code": "2", "memory_limit": "lots"}])
    assert (caught.value.field, caught.value.index) == ("memoryLimit", 1)


def test_each_front_end_has_its_own_name_for_a_field() -> None:
    names = ("code", "timeoutSeconds", "memoryLimit", "arguments.n", "createdAfter", "expiresInSeconds")
    assert [keyword(name) for name in names] == [
        "code", "timeout", "memory_limit", "argument 'n'", "created_after", "expires",
    ]  # fmt: skip
    assert [option(name) for name in names[1:]] == [
        "--timeout", "--memory-limit", "--arg n", "--created-after", "--expires",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "error",
    [
        InvalidTask("is 7", "priority").within("inputs[3]", 3), InvalidParameter("n", "is “x”: give 1.", "Size"),
        InvalidDeclaration(3, "',' should stand here"),
    ],
)  # fmt: skip
def test_what_is_wrong_travels_between_processes(error: InvalidTask) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  (our own)
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
