"""How deep and how wide a query may be.

The cost of a query is the number of fields its answer can have at most: a list counts as
often as it can be long. Fields and depth are rules of validation, asked once a document; the
cost depends on the variables too and is asked once a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import (
    SKIP,
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    OperationDefinitionNode,
    VisitorAction,
)
from graphql.language import ast

from taskq_kernel.service.graphql.errors import TOO_COMPLEX
from taskq_kernel.store.feed import MAX_CHANGES
from taskq_kernel.store.window import DEFAULT_PAGE, MAX_PAGE

MAX_DEPTH = 12
MAX_INTROSPECTION_DEPTH = 20
MAX_COST = 100_000
#: Fields written in one document. Validation compares them in pairs.
MAX_FIELDS = 500
#: Tokens of one document.
MAX_TOKENS = 10_000

#: How long lists can be, where their arguments do not say it.
_LENGTHS = {
    "counts": 5, "history": 10, "logs": 100, "workers": 20, "tokens": 100, "lastHour": 60, "taskChanges": MAX_CHANGES,
    "failures": 100, "grids": 1000, "batches": DEFAULT_PAGE,
}


class TooComplex(GraphQLError):
    """A query that is too deep or too wide."""

    def __init__(self, message: str) -> None:
        super().__init__(message, extensions={"code": TOO_COMPLEX})


class FieldLimit(ASTValidationRule):
    """A document with few enough fields for the other rules, some of which compare them in pairs."""

    def enter_document(self, document: DocumentNode, *_: Any) -> VisitorAction:
        """Count the fields, fragments included, and go no deeper."""
        count = 0
        stack: list[Any] = list(document.definitions)
        while stack:
            selection_set = getattr(stack.pop(), "selection_set", None)
            if selection_set is not None:
                stack.extend(selection_set.selections)
                count += len(selection_set.selections)
        if count > MAX_FIELDS:
            self.report_error(TooComplex(f"the query has {count} fields, more than the {MAX_FIELDS} allowed"))
        return SKIP


class DepthLimit(ASTValidationRule):
    """Operations that are shallow enough. For a document whose fragments are known to have no cycle."""

    def enter_document(self, document: DocumentNode, *_: Any) -> VisitorAction:
        """Measure every operation, and go no deeper."""
        measure = _Measure(document, {})
        for operation in document.definitions:
            if isinstance(operation, OperationDefinitionNode):
                self._check(*measure.selections(operation))
        return SKIP

    def _check(self, depth: int, _cost: int, introspection: int) -> None:
        if depth > MAX_DEPTH or introspection > MAX_INTROSPECTION_DEPTH:
            deepest = max(depth, introspection)
            self.report_error(TooComplex(f"the query is {deepest} levels deep, more than the {MAX_DEPTH} allowed"))


def check_cost(
    document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> None:
    """Raise `TooComplex` if the operation of a valid document is too wide with these variables.

    No rule of validation, because those are asked once a document, without its variables.
    """
    _depth, cost, _introspection = _Measure(document, variables).selections(operation)
    if cost > MAX_COST:
        raise TooComplex(
            f"the answer could have {cost} fields, more than the {MAX_COST} allowed: ask for fewer at a time"
        )


class _Measure:
    """Depth, cost and depth of introspection; each fragment is measured once."""

    def __init__(self, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self._variables = variables
        self._measured: dict[str, tuple[int, int, int]] = {}
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions if isinstance(definition, FragmentDefinitionNode)
        }

    def selections(self, node: Any) -> tuple[int, int, int]:
        depth = cost = introspection = 0
        if node.selection_set is None:
            return 0, 0, 0
        for selection in node.selection_set.selections:
            if isinstance(selection, FieldNode):
                below = self._field(selection)
            elif isinstance(selection, ast.FragmentSpreadNode):
                below = self._spread(selection.name.value)
            else:
                below = self.selections(selection)
            depth, introspection = max(depth, below[0]), max(introspection, below[2])
            cost += below[1]
        return depth, cost, introspection

    def _field(self, node: FieldNode) -> tuple[int, int, int]:
        name = node.name.value
        depth, cost, introspection = self.selections(node)
        if name.startswith("__"):
            return 1, 1 + cost, 1 + max(depth, introspection)
        return depth + 1, 1 + cost * self._length(node, name), introspection and introspection + 1

    def _spread(self, name: str) -> tuple[int, int, int]:
        if name not in self._measured:
            self._measured[name] = self.selections(self._fragments[name])
        return self._measured[name]

    def _length(self, node: FieldNode, name: str) -> int:
        sizes = [self._size(argument) for argument in node.arguments if argument.name.value in _PAGE_SIZES]
        if name == "tasks" and (sizes or _has_connection(node)):
            return max(sizes, default=DEFAULT_PAGE)
        if name == "batches" and sizes:
            return max(sizes)
        return _LENGTHS.get(name, 1)

    def _size(self, argument: ast.ArgumentNode) -> int:
        value: Any = None
        if isinstance(argument.value, ast.IntValueNode):
            value = int(argument.value.value[:10])
        elif isinstance(argument.value, ast.VariableNode):
            value = self._variables.get(argument.value.name.value)
        # What cannot be used is refused by the field itself.
        return min(MAX_PAGE, max(1, value)) if isinstance(value, int) else DEFAULT_PAGE


_PAGE_SIZES = frozenset({"first", "last"})


def _has_connection(node: FieldNode) -> bool:
    """Whether this ``tasks`` is the root field, and not the list of a result of another one."""
    selections = node.selection_set.selections if node.selection_set else ()
    return any(
        isinstance(selection, FieldNode) and selection.name.value in {"nodes", "edges"}
        for selection in selections
    )
