"""The short cut for operations of one field whose answer is written straight from what its resolver returns.

Of a lone task's way through the service, a third was graphql-core's: it looks at the field, its
arguments, and the type of every part of the answer anew for each request. Those that come with every
task (`createTasks`, `claimTasks`, `recordOutcomes`, and each event of `taskChanges`) are of one shape: one field,
whose arguments are variables, and below it fields that are read from a row (`rows`). For these the way
is found once. Everything else takes the general way, and an error is told as there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import isawaitable
from typing import Any

from graphql import (
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    Undefined,
    VariableNode,
    is_leaf_type,
    located_error,
)
from graphql.execution.collect_fields import collect_sub_fields
from graphql.pyutils import Path, is_awaitable

from taskq_kernel.service.graphql.documents import Prepared
from taskq_kernel.service.graphql.plain_variables import NotPlain, PlainVariables
from taskq_kernel.service.graphql.rows import RowWriters

Write = Callable[[Any], Any]


class PlainOperation:
    """One operation with one field.

    Parameters
    ----------
    schema : GraphQLSchema
        What the operation was validated against.
    prepared : Prepared
        The operation.

    Raises
    ------
    NotPlain
        If it takes the general way.
    """

    def __init__(self, schema: GraphQLSchema, prepared: Prepared) -> None:
        operation, document = prepared.operation, prepared.document
        selections = operation.selection_set.selections
        root = schema.get_root_type(operation.operation)
        # Without directives, every execution selects the same: then the document keeps its writers.
        if root is None or not RowWriters.has_kept(document) or len(selections) != 1:
            raise NotPlain
        node = selections[0]
        if not isinstance(node, FieldNode) or node.name.value not in root.fields:
            raise NotPlain
        self._schema, self._operation, self._root, self._node = schema, operation, root, node
        self._field = root.fields[node.name.value]
        self._key = node.alias.value if node.alias else node.name.value
        self._arguments = self._of_variables()
        self._fragments = {
            one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
        }
        if not isinstance(self._field.type, GraphQLNonNull):
            raise NotPlain
        self._write = self._writer(self._field.type.of_type, RowWriters.kept(document))

    @classmethod
    def of(cls, schema: GraphQLSchema, prepared: Prepared) -> PlainOperation | None:
        """The one of an operation, made once and kept with it; None where it takes the general way."""
        kept = vars(prepared.operation)  # graphql-core lets nodes have attributes
        if "plain" not in kept:
            try:
                kept["plain"] = cls(schema, prepared)
            except NotPlain:
                kept["plain"] = None
        found: PlainOperation | None = kept["plain"]
        return found

    async def run(self, variables: PlainVariables, context: Any) -> ExecutionResult:
        """Execute a query or a mutation."""
        given = {name: variables[variable] for name, variable in self._arguments if variable in variables}
        try:
            found = self._field.resolve(None, self._info(variables, context), **given)
            return self.answer(await found if isawaitable(found) else found)
        except Exception as error:  # whatever it is, graphql-core tells it like this
            return ExecutionResult(None, [located_error(error, [self._node], [self._key])])

    def answer(self, found: Any) -> ExecutionResult:
        """The answer, from what the resolver returned; or an event, from what is told."""
        return ExecutionResult({self._key: self._write(found)}, None)

    def _of_variables(self) -> list[tuple[str, str]]:
        """The names of the resolver's arguments, each with its variable."""
        given = {argument.name.value: argument.value for argument in self._node.arguments}
        found = []
        for name, argument in self._field.args.items():
            value = given.get(name)
            if isinstance(value, VariableNode):
                found.append((argument.out_name or name, value.name.value))
            elif value is not None or argument.default_value is not Undefined:
                raise NotPlain
            if value is not None and argument.default_value is not Undefined:
                raise NotPlain  # a variable that is not given stands for the default
        return found

    def _writer(self, kind: Any, rows: RowWriters) -> Write:
        """Writes a value of a type that is not null."""
        if isinstance(kind, GraphQLList):
            if not isinstance(kind.of_type, GraphQLNonNull):
                raise NotPlain
            each = self._writer(kind.of_type.of_type, rows)
            return lambda found: [each(one) for one in found]
        if is_leaf_type(kind):
            leaf: GraphQLLeafType = kind
            return leaf.serialize
        writer = rows.of(kind, [self._node], self._subfields) if isinstance(kind, GraphQLObjectType) else None
        if writer is None:
            raise NotPlain
        return writer

    def _subfields(self, kind: GraphQLObjectType, nodes: list[FieldNode]) -> Mapping[str, list[FieldNode]]:
        return collect_sub_fields(self._schema, self._fragments, {}, kind, nodes)

    def _info(self, variables: PlainVariables, context: Any) -> GraphQLResolveInfo:
        return GraphQLResolveInfo(
            field_name=self._node.name.value, field_nodes=[self._node], return_type=self._field.type,
            parent_type=self._root, path=Path(None, self._key, self._root.name), schema=self._schema,
            fragments=self._fragments, root_value=None, operation=self._operation, variable_values=variables,
            context=context, is_awaitable=is_awaitable,
        )

