"""Generated GraphQL requests: documents of the schema, variables of its types, and worse.

Documents come from hypothesis-graphql, which schemathesis builds on. Variables take another
way into the service than literals do, so they are generated here, from the same schema, with
the values that have broken other services: surrogate halves, NUL, numbers at their limits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import graphql
from hypothesis import strategies as st
from hypothesis_graphql import Mode, from_schema, nodes

from taskq_kernel.service.export_schema import SCHEMA_FILE

SCHEMA = graphql.build_schema(SCHEMA_FILE.read_text(encoding="utf-8"))

#: Stand for a task that runs and for a worker that holds it, until a request is sent.
TASK, WORKER = "<task>", "<worker>"

_HARD_TEXTS = (
    "", "\0", "é\u0301", "\x10\x100", "'; DROP TABLE tasks; --", "%", "_\\", "a" * 600, "\u202e\ufeff",
    "NaN", "1e400", "2024-05-17T09:30:00Z", "0001-01-01T00:00:00+23:59", "f" * 64, "\0" * 64, "default", "x" * 70_000,
)  # fmt: skip
_HARD_NUMBERS = (
    0, 1, -1, 2, 99, 2**31 - 1, 2**31, -(2**31), 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 2**64, 10**30,
    0.5, -0.0, 1e-320, 1e308,
)  # fmt: skip

# A surrogate half, NaN or an infinity makes a request no JSON; `no_json` has them.
texts = st.sampled_from(_HARD_TEXTS) | st.text(st.characters(codec="utf-8"), max_size=20)
numbers = st.sampled_from(_HARD_NUMBERS) | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False)
no_json = st.sampled_from(["\ud800", {"\udfff": 1}, float("nan"), float("inf"), [float("-inf")]])
anything = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


_OBJECT = graphql.parse_value("{a: [1, {b: null}]}")


class Requests:
    """Strategies for requests to a service that has some tasks and workers.

    Parameters
    ----------
    ids : list of str
        Ids that the service knows, by UUID or number.
    """

    def __init__(self, ids: list[str]) -> None:
        ids = [*ids, TASK, TASK, WORKER]
        self._ids = st.sampled_from(ids) | texts
        literal = st.sampled_from(ids) | st.text(st.characters(codec="utf-8"), max_size=20)
        scalars = {
            "ID": literal.map(nodes.String),
            "JSON": st.integers().map(nodes.Int) | literal.map(nodes.String) | st.just(_OBJECT),
            "BigInt": (st.integers() | st.sampled_from([2**63, -(2**63) - 1, 10**40])).map(nodes.Int),
            "DateTime": (st.datetimes().map(lambda moment: moment.isoformat()) | literal).map(nodes.String),
        }
        options: dict[str, Any] = {"custom_scalars": scalars}
        self.documents = st.one_of(
            from_schema(SCHEMA, **options), from_schema(SCHEMA, mode=Mode.NEGATIVE, **options)
        ).map(lambda text: {"query": text})
        self.operations = st.sampled_from(_operations()).flatmap(self._operation)

    def _operation(self, of: tuple[str, str, graphql.GraphQLField]) -> st.SearchStrategy[dict[str, Any]]:
        """One field with all its arguments as variables, each well or badly filled."""
        query, field = _query(*of), of[2]
        variables = st.fixed_dictionaries(
            {argument: self._value(given.type, argument) for argument, given in field.args.items()}
        ) | st.fixed_dictionaries(
            {}, optional={argument: self._value(given.type, argument) for argument, given in field.args.items()}
        )
        return variables.map(lambda values: {"query": query, "variables": values})

    def _value(self, kind: Any, name: str) -> st.SearchStrategy[Any]:
        """A value of an input type for a field or argument; now and then one of any type."""
        if isinstance(kind, graphql.GraphQLNonNull):
            return self._value(kind.of_type, name)
        if isinstance(kind, graphql.GraphQLList):
            return st.lists(self._value(kind.of_type, name), min_size=1, max_size=3) | st.just([])
        if isinstance(kind, graphql.GraphQLEnumType):
            return st.sampled_from(sorted(kind.values))
        if isinstance(kind, graphql.GraphQLInputObjectType):
            fields = {field: (self._value(of.type, field), graphql.is_required_input_field(of))
                      for field, of in kind.fields.items()}  # fmt: skip
            return st.fixed_dictionaries(
                {field: value for field, (value, required) in fields.items() if required},
                optional={field: value for field, (value, required) in fields.items() if not required},
            )
        good = {
            "ID": self._ids, "String": texts, "Int": st.integers(-(2**31), 2**31 - 1) | st.integers(0, 3),
            "Float": st.floats(allow_nan=False, allow_infinity=False), "Boolean": st.booleans(), "JSON": anything,
            "BigInt": st.integers(-(2**63), 2**63 - 1),
        }.get(kind.name, texts)  # fmt: skip
        usual = _USUAL.get(name)
        # What gets a request past the first checks comes often, and one value in about sixty is of any type.
        return st.integers(0, 59).flatmap(
            lambda dice: anything if dice == 13 else good if usual is None or dice % 4 == 0 else usual
        )


_USUAL: dict[str, st.SearchStrategy[Any]] = {
    "worker": st.just(WORKER), "id": st.just(TASK), "ids": st.just(TASK), "attempt": st.just(1),
    "seq": st.integers(0, 9), "queues": st.just("default"), "queue": st.just("default"), "slots": st.just(2),
    "pid": st.integers(1, 99),
    "priority": st.integers(0, 2), "maxAttempts": st.integers(1, 3), "timeoutSeconds": st.floats(0.1, 9),
    "memoryLimit": st.just(1 << 30), "batch": st.uuids().map(str), "code": st.just("1 + 1"), "entry": st.none(),
    "arguments": st.dictionaries(texts, anything, max_size=3), "createdAfter": st.just("2024-05-17T09:30:00Z"),
    "createdBefore": st.none(), "finishedAfter": st.none(), "finishedBefore": st.none(),
    "ref": st.none() | st.sampled_from(["f" * 64, "\0" * 64]),
    "first": st.integers(0, 60), "last": st.none(), "after": st.none(), "before": st.none(),
}  # fmt: skip


def with_nulls() -> Iterator[dict[str, Any]]:
    """Every field with null for each argument that may be null, and with null for all within these that may be."""
    for of in _operations():
        for within in (False, True):
            variables = {name: _null(given.type, name, within=within) for name, given in of[2].args.items()}
            yield {"query": _query(*of), "variables": variables}


def _null(kind: Any, name: str, *, within: bool) -> Any:
    """Null; where that may not be, or is wanted ``within`` only, a value with nulls in it."""
    needed = isinstance(kind, graphql.GraphQLNonNull)
    kind = kind.of_type if needed else kind
    if isinstance(kind, graphql.GraphQLInputObjectType) and (needed or within):
        return {field: _null(of.type, field, within=within) for field, of in kind.fields.items()}
    if not needed:
        return None
    if isinstance(kind, graphql.GraphQLList):
        return [_null(kind.of_type, name, within=within)]
    if isinstance(kind, graphql.GraphQLEnumType):
        return next(iter(kind.values))
    return {"ID": WORKER if name == "worker" else TASK, "String": "default"}.get(kind.name, 1)


def body(request: Any) -> bytes:
    """A request as JSON; surrogate halves are written as escapes, NaN as NaN."""
    return json.dumps(request).encode()


def _operations() -> list[tuple[str, str, graphql.GraphQLField]]:
    roots = (("query", SCHEMA.query_type), ("mutation", SCHEMA.mutation_type))
    return [(kind, name, field) for kind, root in roots if root for name, field in root.fields.items()]


def _query(kind: str, name: str, field: graphql.GraphQLField) -> str:
    """A field with all its arguments as variables of the same names."""
    declared = ", ".join(f"${argument}: {given.type}" for argument, given in field.args.items())
    passed = ", ".join(f"{argument}: ${argument}" for argument in field.args)
    head = f"{kind}({declared})" if declared else kind
    return f"{head} {{ {name}{f'({passed})' if passed else ''}{_selection(field.type, 3)} }}"


def _selection(kind: Any, depth: int) -> str:
    """Every field below a type, to a depth: what is stored has to come out again."""
    kind = graphql.get_named_type(kind)
    if not isinstance(kind, graphql.GraphQLObjectType):
        return ""
    below = [
        name + _selection(field.type, depth - 1) for name, field in kind.fields.items()
        if not any(graphql.is_required_argument(argument) for argument in field.args.values())
        and (depth > 1 or graphql.is_leaf_type(graphql.get_named_type(field.type)))
    ]  # fmt: skip
    return f" {{ {' '.join(below or ['__typename'])} }}"
