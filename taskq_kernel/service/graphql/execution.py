"""Execution of GraphQL operations, where graphql-core's own needs a hand."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from inspect import isawaitable
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionContext,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationType,
    Undefined,
    execute,
)
from graphql.execution.subscribe import create_source_event_stream
from graphql.pyutils import Path

from taskq_kernel.service.graphql.documents import Prepared
from taskq_kernel.service.graphql.plain_operation import PlainOperation
from taskq_kernel.service.graphql.plain_variables import Coercer, PlainVariables
from taskq_kernel.service.graphql.rows import RowWriters
from taskq_kernel.service.graphql.variables import say_where


class RowExecution(ExecutionContext):
    """An execution that writes rows at once where it can."""

    rows: RowWriters

    @classmethod
    def build(
        cls, schema: GraphQLSchema, document: DocumentNode, root_value: Any = None, context_value: Any = None,
        raw_variable_values: dict[str, Any] | None = None, *args: Any, **kwargs: Any,
    ) -> Any:
        """The execution of a document, or what is wrong with its variables."""
        built = super().build(schema, document, root_value, context_value, raw_variable_values, *args, **kwargs)
        if isinstance(built, RowExecution):
            built.rows = RowWriters.kept(document)
            if isinstance(raw_variable_values, PlainVariables):
                built.variable_values = raw_variable_values
        return built

    def execute_field(
        self, parent_type: GraphQLObjectType, source: Any, field_nodes: list[FieldNode], path: Path
    ) -> Any:
        """A field; one that fails at once fails when it is awaited.

        graphql-core would give up the fields beside it that have begun, and never await them.
        """
        try:
            return super().execute_field(parent_type, source, field_nodes, path)
        except GraphQLError as error:
            return _failed(error)

    async def execute_fields_serially(
        self, parent_type: GraphQLObjectType, source_value: Any, path: Any, fields: dict[str, list[FieldNode]]
    ) -> dict[str, Any]:
        """The mutations of a request, each begun when the one ahead has ended well.

        graphql-core begins them all, and leaves those behind a refused one in the air.
        """
        results: dict[str, Any] = {}
        for name, nodes in fields.items():
            result = self.execute_field(parent_type, source_value, nodes, Path(path, name, parent_type.name))
            if result is not Undefined:
                results[name] = await result if isawaitable(result) else result
        return results

    def complete_list_value(
        self, return_type: GraphQLList[Any], field_nodes: list[FieldNode], info: GraphQLResolveInfo,
        path: Any, result: Any,
    ) -> Any:
        """A list: of rows at once, or as ever."""
        item = return_type.of_type
        item = item.of_type if isinstance(item, GraphQLNonNull) else item
        if isinstance(item, GraphQLObjectType) and isinstance(result, list):
            writer = self.rows.of(item, field_nodes, self.collect_subfields)
            if writer is not None:
                return [writer(row) for row in result]
        return super().complete_list_value(return_type, field_nodes, info, path, result)

    def complete_object_value(
        self, return_type: GraphQLObjectType, field_nodes: list[FieldNode], info: GraphQLResolveInfo,
        path: Any, result: Any,
    ) -> Any:
        """An object: a row at once, or as ever."""
        writer = self.rows.of(return_type, field_nodes, self.collect_subfields)
        if writer is not None:
            return writer(result)
        return super().complete_object_value(return_type, field_nodes, info, path, result)


async def _failed(error: GraphQLError) -> Any:
    raise error


async def run(
    schema: GraphQLSchema, prepared: Prepared, variables: Mapping[str, Any] | None, context: Any,
    root: Any = None,
) -> ExecutionResult:
    """Execute a query or a mutation, or one event of a subscription."""
    document, values = prepared.document, dict(variables or {})
    if prepared.operation.variable_definitions:
        coercer = Coercer.of(schema, document, prepared.operation)
        plain = coercer.coerce(values)
        if plain is not None:
            short = None if prepared.kind is OperationType.SUBSCRIPTION else PlainOperation.of(schema, prepared)
            if short is not None:
                return await short.run(plain, context)
            document, values = coercer.document, plain
    result = execute(
        schema, document, root_value=root, context_value=context,
        variable_values=values,
        operation_name=prepared.operation.name.value if prepared.operation.name else None,
        execution_context_class=RowExecution,
    )
    if isinstance(result, ExecutionResult) and result.errors:
        say_where(result.errors, schema, prepared.operation, variables or {})
    return await result if isawaitable(result) else result


async def subscribe(
    schema: GraphQLSchema, prepared: Prepared, variables: Mapping[str, Any] | None, context: Any
) -> AsyncGenerator[ExecutionResult]:
    """Execute a subscription: one result per event.

    Raises
    ------
    GraphQLError
        If it cannot be started.
    """
    source = await create_source_event_stream(
        schema, prepared.document, context_value=context, variable_values=dict(variables or {}),
        operation_name=prepared.operation.name.value if prepared.operation.name else None,
    )
    if isinstance(source, ExecutionResult):
        raise SubscriptionRefused(list(source.errors or []))
    try:
        short = PlainOperation.of(schema, prepared)
        async for event in source:
            yield short.answer(event) if short is not None else await run(
                schema, prepared, variables, context, root=event
            )
    finally:
        await source.aclose()  # type: ignore[attr-defined]  # resolvers are generators


class SubscriptionRefused(Exception):
    """A subscription that cannot be started, with what is wrong with it."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(errors[0].message if errors else "")
        self.errors = errors
