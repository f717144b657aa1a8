"""Variables of the wrong type, told as data: graphql-core says where they are in its message alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from graphql import (
    GraphQLError,
    GraphQLInputType,
    GraphQLSchema,
    OperationDefinitionNode,
    coerce_input_value,
    is_input_type,
    type_from_ast,
)

from taskq_kernel.errors import InvalidTask
from taskq_kernel.service.graphql.errors import extensions_of


def say_where(
    errors: Sequence[GraphQLError], schema: GraphQLSchema, operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
) -> None:
    """Give the errors of variables that cannot be coerced the field, the index and the problem."""
    of_values = [error for error in errors if error.original_error is not None]
    if not of_values:
        return
    # The same values are coerced once more, so the errors come in the same order.
    for error, found in zip(of_values, _refused(schema, operation, variables), strict=False):
        error.extensions = extensions_of(found)


def _refused(
    schema: GraphQLSchema, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> Iterator[InvalidTask]:
    for definition in operation.variable_definitions or ():
        name = definition.variable.name.value
        kind = type_from_ast(schema, definition.type)
        if kind is None or not is_input_type(kind) or variables.get(name) is None:
            continue
        found: list[InvalidTask] = []

        def on_error(path: list[str | int], _value: Any, error: GraphQLError, found: Any = found) -> None:
            found.append(_told(path, error.message))

        coerce_input_value(variables[name], cast("GraphQLInputType", kind), on_error)
        yield from found


def _told(path: Sequence[str | int], message: str) -> InvalidTask:
    index = next((step for step in path if isinstance(step, int)), None)
    return InvalidTask(f"cannot be taken: {message}", ".".join(step for step in path if isinstance(step, str)), index)
