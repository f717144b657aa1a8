"""The client side: everything a notebook, a script or a terminal needs.

Nothing is imported before it is asked for, so that a worker that only needs the transport
does not pay for the rest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taskq_kernel.client.batch import Batch as Batch
    from taskq_kernel.client.client import Client as Client
    from taskq_kernel.client.connection import connect as connect
    from taskq_kernel.client.feed import Changes as Changes
    from taskq_kernel.client.feed import Feed as Feed
    from taskq_kernel.client.task import Task as Task
    from taskq_kernel.client.transport import GraphQLTransport as GraphQLTransport

_HOMES = {
    "connect": "connection",
    "Client": "client",
    "Task": "task",
    "Batch": "batch",
    "Feed": "feed",
    "Changes": "feed",
    "GraphQLTransport": "transport",
}

__all__ = ["Batch", "Changes", "Client", "Feed", "GraphQLTransport", "Task", "connect"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
