"""The short cut for variables that are as they should be.

graphql-core looks at the type of every value anew, and says of each where it stands, in case it is
wrong: a microsecond and more for each field of each task, claim and outcome. Here the types of an
operation's variables are turned into functions once. Whatever is not plainly right (of the wrong
type, missing, unknown, a default, a list that is none) takes the general way, which finds the
errors and puts them into words; so nothing is refused or changed here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    type_from_ast,
)

#: Takes a value of one type, as it came, and gives it as resolvers get it; raises where that is not plain.
Coerce = Callable[[Any], Any]


class PlainVariables(dict[str, Any]):
    """Variables that are coerced already."""


class NotPlain(Exception):
    """A value that takes the general way."""


class Coercer:
    """Coerces the variables of one operation.

    Parameters
    ----------
    schema : GraphQLSchema
        What the operation was validated against.
    document : DocumentNode
        The operation's document.
    operation : OperationDefinitionNode
        The operation.
    """

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        made = _Made()
        self._variables: list[tuple[str, bool, Coerce]] = []
        for one in operation.variable_definitions or ():
            kind = type_from_ast(schema, one.type)
            needed = isinstance(kind, GraphQLNonNull) or one.default_value is not None
            self._variables.append((one.variable.name.value, needed, made.of(kind)))
        #: The document to be executed with variables that are coerced already.
        self.document = _without_variables(document, operation)

    @classmethod
    def of(cls, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> Coercer:
        """The one of an operation, made once and kept with it."""
        kept = vars(operation)  # graphql-core lets nodes have attributes
        if "coercer" not in kept:
            kept["coercer"] = cls(schema, document, operation)
        found: Coercer = kept["coercer"]
        return found

    def coerce(self, given: Mapping[str, Any]) -> PlainVariables | None:
        """The variables as resolvers get them; None where they take the general way."""
        plain = PlainVariables()
        try:
            for name, needed, coerce in self._variables:
                if name in given:
                    plain[name] = coerce(given[name])
                elif needed:
                    return None
        except Exception:  # whatever it is, the general way finds it again, and says it
            return None
        return plain


class _Made:
    """The functions of types, each made once."""

    def __init__(self) -> None:
        self._objects: dict[str, Coerce] = {}

    def of(self, kind: Any) -> Coerce:
        if isinstance(kind, GraphQLNonNull):
            return self._value(kind.of_type)
        value = self._value(kind)
        return lambda given: None if given is None else value(given)

    def _value(self, kind: Any) -> Coerce:
        """For values that are not null; each of these raises for None."""
        if isinstance(kind, GraphQLList):
            return _list_of(self.of(kind.of_type))
        if isinstance(kind, GraphQLInputObjectType):
            return self._object(kind)
        return _leaf(kind.parse_value)

    def _object(self, kind: GraphQLInputObjectType) -> Coerce:
        if kind.name not in self._objects:
            # One within itself takes the general way, which counts how deep it goes.
            self._objects[kind.name] = _not_plain
            self._objects[kind.name] = self._fields(kind)
        return self._objects[kind.name]

    def _fields(self, kind: GraphQLInputObjectType) -> Coerce:
        if kind.is_one_of:
            return _not_plain
        fields = [
            (name, field.out_name or name, isinstance(field.type, GraphQLNonNull), field.default_value,
             self.of(field.type))
            for name, field in kind.fields.items()
        ]  # fmt: skip
        finish = kind.out_type

        def coerce(given: Any) -> Any:
            if type(given) is not dict:
                raise NotPlain
            known, out = 0, {}
            for name, out_name, needed, default, value in fields:
                if name in given:
                    known += 1
                    out[out_name] = value(given[name])
                elif default is not Undefined:
                    out[out_name] = default
                elif needed:
                    raise NotPlain
            if known != len(given):
                raise NotPlain
            return finish(out)

        return coerce


def _list_of(item: Coerce) -> Coerce:
    def coerce(given: Any) -> Any:
        if type(given) is not list:
            raise NotPlain
        return [item(one) for one in given]

    return coerce


def _leaf(parse: Coerce) -> Coerce:
    def coerce(given: Any) -> Any:
        value = Undefined if given is None else parse(given)
        if value is Undefined:
            raise NotPlain
        return value

    return coerce


def _not_plain(_given: Any) -> Any:
    raise NotPlain


def _without_variables(document: DocumentNode, operation: OperationDefinitionNode) -> DocumentNode:
    """The same document, for graphql-core to look at none of the operation's variables."""
    bare, whole = copy(operation), copy(document)
    bare.variable_definitions = ()
    whole.definitions = tuple(bare if one is operation else one for one in document.definitions)
    vars(whole).update(vars(document))  # what is kept with it
    return whole
