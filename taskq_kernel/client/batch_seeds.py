"""The seeds of points that follow from what each of them computes."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from taskq_kernel.client import batch_operations, operations
from taskq_kernel.domain import TaskKind
from taskq_kernel.grid import Grid
from taskq_kernel.transport.graphql import GraphQLTransport
from taskq_kernel.work import Work


def content_seeds(transport: GraphQLTransport, batch_id: str) -> list[int]:
    """The seeds of a batch's points, in their order."""
    fields = "definition entry grids { design }"
    return seeds_of(transport, batch_operations.get(transport, batch_id=batch_id, fields=fields))


def seeds_of(transport: GraphQLTransport, batch: Mapping[str, Any]) -> list[int]:
    """Likewise, of a batch that was read with its ``grids``."""
    code = operations.definition(transport, batch["definition"])["code"]
    source = sha256(code.encode()).hexdigest()
    return [
        Work(TaskKind.CALL, source, batch["entry"], arguments).seed()
        for grid in batch["grids"] for arguments in Grid(grid["design"])
    ]
