"""Variables that take the short cut, beside graphql-core's own way."""

from __future__ import annotations

from typing import Any

import pytest
from effort import scaled
from graphql import OperationDefinitionNode, get_variable_values, parse
from graphql_requests import Requests, with_nulls
from hypothesis import HealthCheck, given, settings

from taskq_kernel.service.graphql.plain_variables import Coercer, PlainVariables
from taskq_kernel.service.schema.build import build_schema

SCHEMA = build_schema()


def both(query: str, variables: dict[str, Any]) -> tuple[PlainVariables | None, Any]:
    """The short cut's variables, if it takes them, and graphql-core's, or its errors."""
    document = parse(query)
    operation = next(one for one in document.definitions if isinstance(one, OperationDefinitionNode))
    general = get_variable_values(SCHEMA, operation.variable_definitions or (), variables)
    return Coercer(SCHEMA, document, operation).coerce(variables), general


def kinds(value: Any) -> Any:
    """What a value is made of."""
    within = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return type(value), [kinds(one) for one in within]


def check(query: str, variables: dict[str, Any]) -> bool:
    """Whether they take the short cut; if so, it makes of them what graphql-core does."""
    plain, general = both(query, variables)
    if plain is None:
        return False
    assert dict(plain) == general
    assert kinds(dict(plain)) == kinds(general)
    return True


@settings(max_examples=scaled(300), deadline=None, suppress_health_check=list(HealthCheck))
@given(Requests([]).operations)
def test_whatever_takes_the_short_cut_is_what_graphql_core_makes_of_it(request: dict[str, Any]) -> None:
    check(request["query"], request["variables"])


def test_nulls_are_what_graphql_core_makes_of_them() -> None:
    assert sum(check(request["query"], request["variables"]) for request in with_nulls()) > 20


TASK = {"id": "6f0c1c3e-0000-4000-8000-000000000001", "code": "1 + 1", "arguments": {"n": [1, None]}, "priority": 2}
CREATE = "mutation($inputs: [TaskInput!]!) { createTasks(inputs: $inputs) { id } }"
CLAIM = "mutation($worker: ID!, $ids: [ID!]!) { claimTasks(worker: $worker, ids: $ids) { id attempt } }"


def test_what_each_task_comes_with_takes_the_short_cut() -> None:
    assert check(CREATE, {"inputs": [TASK, TASK | {"priority": None}]})
    assert check(CLAIM, {"worker": "w", "ids": ["a", "b"], "nothing": 1})


@pytest.mark.parametrize(
    "inputs",
    [
        None, [None], "text", [[]], TASK, [{**TASK, "unknown": 1}], [{**TASK, "priority": "high"}],
        [{**TASK, "priority": 2**31}], [{**TASK, "kind": "NONE"}], [{**TASK, "seed": 2**64}], [{**TASK, "name": 1}],
    ],
)  # fmt: skip
def test_what_is_not_plainly_right_is_left_to_graphql_core(inputs: Any) -> None:
    assert not check(CREATE, {"inputs": inputs})


def test_a_variable_that_is_not_given_is_left_to_graphql_core_where_it_is_needed_or_has_a_default() -> None:
    assert not check(CREATE, {})
    assert not check("query($first: Int = 3) { tasks(first: $first) { totalCount } }", {})
    assert check("query($first: Int) { tasks(first: $first) { totalCount } }", {})
