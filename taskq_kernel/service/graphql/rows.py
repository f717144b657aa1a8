"""The short cut for lists of stored rows.

Executing a field takes graphql-core about ten microseconds, and a live table asks for
twenty-five fields of hundreds of tasks many times a second. Where a selection has only
fields that are read straight from a row (`fields.TABLES`), it is turned into a list of
functions once, and every row is written with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphene.utils.str_converters import to_snake_case
from graphql import DocumentNode, FieldNode, GraphQLList, GraphQLNonNull, GraphQLObjectType

from taskq_kernel.service.schema.fields import TABLES, Getter

#: Writes the selected fields of one row.
Writer = Callable[[Any], dict[str, Any]]
#: graphql-core's way from a selection to its fields, fragments included.
Subfields = Callable[[GraphQLObjectType, list[FieldNode]], Mapping[str, list[FieldNode]]]


class RowWriters:
    """The writers of one execution, or of every one of a document, each made once."""

    def __init__(self) -> None:
        # The execution is no attribute: the two would hold each other, and with them an answer of
        # megabytes, until the garbage collector comes by.
        self._made: dict[tuple[Any, ...], Writer | None] = {}

    @classmethod
    def keep(cls, document: DocumentNode) -> None:
        """Make the writers of a document for all its executions: one without directives, so all select the same."""
        document.row_writers = cls()  # graphql-core lets nodes have attributes

    @classmethod
    def kept(cls, document: DocumentNode) -> RowWriters:
        """The writers of a document; new ones where it keeps none."""
        return vars(document).get("row_writers") or cls()

    @classmethod
    def has_kept(cls, document: DocumentNode) -> bool:
        """Whether all executions of a document select the same."""
        return "row_writers" in vars(document)

    def of(self, kind: GraphQLObjectType, nodes: list[FieldNode], subfields: Subfields) -> Writer | None:
        """The writer of a selection on a type; None where it takes the general way."""
        if kind.name not in TABLES:
            return None
        key = (kind.name, *map(id, nodes))
        if key not in self._made:
            self._made[key] = _make(kind, nodes, subfields)
        return self._made[key]


def _make(kind: GraphQLObjectType, nodes: list[FieldNode], subfields: Subfields) -> Writer | None:
    if kind.name not in TABLES:
        return None
    getters: list[tuple[str, Getter]] = []
    for key, subnodes in subfields(kind, nodes).items():
        getter = _getter(kind, subnodes, subfields)
        if getter is None:
            return None
        getters.append((key, getter))
    return lambda row: {key: getter(row) for key, getter in getters}


def _getter(kind: GraphQLObjectType, nodes: list[FieldNode], subfields: Subfields) -> Getter | None:
    name = nodes[0].name.value
    if name == "__typename":
        return lambda _row: kind.name
    getter = TABLES[kind.name].get(to_snake_case(name))
    if getter is None or nodes[0].selection_set is None:
        return getter
    below = _nullable(kind.fields[name].type)
    several = isinstance(below, GraphQLList)
    below = _nullable(below.of_type) if isinstance(below, GraphQLList) else below
    writer = _make(below, nodes, subfields) if isinstance(below, GraphQLObjectType) else None
    if writer is None:
        return None
    if several:
        return lambda row: None if (value := getter(row)) is None else [writer(one) for one in value]

    def nested(row: Any) -> Any:
        value = getter(row)
        return None if value is None else writer(value)

    return nested


def _nullable(kind: Any) -> Any:
    return kind.of_type if isinstance(kind, GraphQLNonNull) else kind
