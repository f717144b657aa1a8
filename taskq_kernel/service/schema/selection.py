"""What a query asks for."""

from __future__ import annotations

from typing import Any

from graphql import FieldNode, GraphQLResolveInfo
from graphql.language import ast

from taskq_kernel.store.records import LONG_FIELDS

#: What is read only where it is asked for.
_COSTLY = LONG_FIELDS | {"totalCount", "counts", "tasks"}


def wanted(info: GraphQLResolveInfo) -> frozenset[str]:
    """Which costly fields are asked for below this one, at any depth.

    A name counts wherever it stands: too much may be read, never too little.
    """
    names: set[str] = set()
    seen: set[str] = set()
    stack: list[Any] = list(info.field_nodes)
    while stack:
        selection_set = stack.pop().selection_set
        for selection in selection_set.selections if selection_set else ():
            if isinstance(selection, FieldNode):
                names.add(selection.name.value)
            elif isinstance(selection, ast.FragmentSpreadNode):
                if selection.name.value in seen:
                    continue
                seen.add(selection.name.value)
                selection = info.fragments[selection.name.value]
            stack.append(selection)
    return frozenset(names & _COSTLY)
