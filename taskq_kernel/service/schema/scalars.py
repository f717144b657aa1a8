"""GraphQL scalars: JSON, integers beyond 32 bits, and times."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import graphene
from graphql import GraphQLError
from graphql.language import ast

from taskq_kernel.service.graphql import codec

_INT64 = 1 << 63


def iso(time_s: float | None) -> str | None:
    """Epoch seconds as ISO 8601 in UTC, with microseconds."""
    if time_s is None:
        return None
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="microseconds")[:-6] + "Z"


class JSON(graphene.Scalar):
    """Any JSON value."""

    @staticmethod
    def serialize(value: Any) -> Any:
        """Pass on what is JSON already."""
        return value

    @staticmethod
    def parse_value(value: Any) -> Any:
        """Take in what came as a variable."""
        return value

    @staticmethod
    def parse_literal(node: ast.ValueNode, variables: dict[str, Any] | None = None) -> Any:
        """Take in what stands in the query."""
        return _literal(node, variables or {})


def _literal(node: ast.ValueNode, variables: dict[str, Any]) -> Any:
    match node:
        case ast.ObjectValueNode():
            return {field.name.value: _literal(field.value, variables) for field in node.fields}
        case ast.ListValueNode():
            return [_literal(item, variables) for item in node.values]
        case ast.IntValueNode() | ast.FloatValueNode():
            # The one reader of numbers, with its bounds.
            return codec.decode(node.value)
        case ast.VariableNode():
            return variables.get(node.name.value)
        case ast.NullValueNode():
            return None
        case ast.StringValueNode() | ast.BooleanValueNode() | ast.EnumValueNode():
            return node.value
    raise GraphQLError("not a JSON value", node)  # pragma: no cover


class BigInt(graphene.Scalar):
    """An integer of up to 64 bits, written as a JSON number."""

    @staticmethod
    def serialize(value: Any) -> int:
        """Write it as a number."""
        return int(value)

    @staticmethod
    def parse_value(value: Any) -> int:
        """Take in what came as a variable."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise GraphQLError(f"BigInt cannot represent {str(value)[:80]!r}: give an integer")
        if not -_INT64 <= value < _INT64:
            raise GraphQLError(f"BigInt cannot represent {str(value)[:80]}: it has more than 64 bits")
        return value

    @staticmethod
    def parse_literal(node: ast.ValueNode, _variables: dict[str, Any] | None = None) -> int:
        """Take in what stands in the query."""
        if not isinstance(node, ast.IntValueNode) or len(node.value) > 20:
            raise GraphQLError("BigInt cannot represent this: give an integer of up to 64 bits", node)
        return BigInt.parse_value(int(node.value))


class DateTime(graphene.Scalar):
    """A time in ISO 8601, in UTC: 2024-05-17T09:30:00Z."""

    @staticmethod
    def serialize(value: Any) -> str | None:
        """Write epoch seconds; pass on what is written already."""
        return value if isinstance(value, str) else iso(value)

    @staticmethod
    def parse_value(value: Any) -> float:
        """Take in what came as a variable. A time without an offset is in UTC."""
        try:
            parsed = datetime.fromisoformat(value)
            return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
        except (TypeError, ValueError, OverflowError):
            raise GraphQLError(
                f"DateTime cannot represent {str(value)[:80]!r}: give a time such as 2024-05-17T09:30:00Z"
            ) from None

    @staticmethod
    def parse_literal(node: ast.ValueNode, _variables: dict[str, Any] | None = None) -> float:
        """Take in what stands in the query."""
        return DateTime.parse_value(node.value if isinstance(node, ast.StringValueNode) else None)
