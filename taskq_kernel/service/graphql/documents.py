"""Queries, parsed and validated once."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    parse,
    specified_rules,
    validate,
)

from taskq_kernel.service.graphql.errors import PARSE_FAILED, VALIDATION_FAILED, with_code
from taskq_kernel.service.graphql.limits import MAX_TOKENS, DepthLimit, FieldLimit, check_cost
from taskq_kernel.service.graphql.rows import RowWriters

#: How many documents are kept, and up to which length, in characters.
KEPT = 256
KEPT_LENGTH = 16_384
#: After this many errors a document is not validated any further.
MAX_ERRORS = 20


class InvalidDocument(Exception):
    """A request that is wrong before anything of it is executed.

    Attributes
    ----------
    errors : list of GraphQLError
        What is wrong, each with a code.
    """

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(errors[0].message)
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Prepared:
    """A valid document, and the operation of it that is to be executed."""

    document: DocumentNode
    operation: OperationDefinitionNode

    @property
    def kind(self) -> OperationType:
        """Query, mutation or subscription."""
        return self.operation.operation


class Documents:
    """The documents of one schema; the ones used last are kept.

    Parameters
    ----------
    schema : GraphQLSchema
        What they are validated against.
    introspection : bool
        Whether they may ask for the schema itself. ``__typename`` is always allowed.
    """

    def __init__(self, schema: GraphQLSchema, *, introspection: bool = True) -> None:
        self._schema = schema
        self._rules = specified_rules if introspection else [*specified_rules, NoSchemaIntrospectionCustomRule]
        self._kept: OrderedDict[str, DocumentNode] = OrderedDict()

    def prepare(self, query: Any, variables: Any, operation_name: Any) -> Prepared:
        """Parse and validate a query, find its operation, and check its limits.

        Raises
        ------
        InvalidDocument
            If any of that fails.
        """
        if not isinstance(query, str) or not query.strip():
            raise InvalidDocument([_error("the request has no query", PARSE_FAILED)])
        document = self._document(query)
        operation = _operation(document, operation_name)
        try:
            check_cost(document, operation, variables if isinstance(variables, dict) else {})
        except GraphQLError as error:
            raise InvalidDocument([error]) from None
        return Prepared(document, operation)

    def _document(self, query: str) -> DocumentNode:
        document = self._kept.get(query)
        if document is not None:
            self._kept.move_to_end(query)
            return document
        document = self._checked(query)
        if len(query) <= KEPT_LENGTH:
            self._kept[query] = document
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return document

    def _checked(self, query: str) -> DocumentNode:
        try:
            document = parse(query, max_tokens=MAX_TOKENS)
        except GraphQLError as error:
            raise InvalidDocument([with_code(error, PARSE_FAILED)]) from None
        except RecursionError:
            raise InvalidDocument([_error("the query is nested too deeply", PARSE_FAILED)]) from None
        # Each step can rely on the one before: few enough fields to compare, no cycle to follow.
        for rules in ([FieldLimit], self._rules, [DepthLimit]):
            errors = validate(self._schema, document, rules, max_errors=MAX_ERRORS)
            if errors:
                raise InvalidDocument([with_code(error, VALIDATION_FAILED) for error in errors])
        if "@" not in query:
            RowWriters.keep(document)
        return document


def _operation(document: DocumentNode, name: Any) -> OperationDefinitionNode:
    operations = [item for item in document.definitions if isinstance(item, OperationDefinitionNode)]
    if name is None and len(operations) == 1:
        return operations[0]
    found = [item for item in operations if item.name is not None and item.name.value == name]
    if len(found) == 1:
        return found[0]
    names = ", ".join(item.name.value for item in operations if item.name)
    problem = "operationName is missing" if name is None else f"no operation is named {str(name)[:80]!r}"
    raise InvalidDocument([_error(f"{problem}: the query has {names or 'none'}", VALIDATION_FAILED)])


def _error(message: str, code: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": code})
