"""The client side: everything a notebook, a script or a terminal needs.

Nothing is imported before it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taskq_kernel.client.batch import Batch as Batch
    from taskq_kernel.client.client import Client as Client
    from taskq_kernel.client.connecting import connect as connect
    from taskq_kernel.client.feed import Changes as Changes
    from taskq_kernel.client.feed import Feed as Feed
    from taskq_kernel.client.task import Task as Task

_HOMES = {
    "connect": "connecting",
    "Client": "client",
    "Task": "task",
    "Batch": "batch",
    "Feed": "feed",
    "Changes": "feed",
}

__all__ = ["Batch", "Changes", "Client", "Feed", "Task", "connect"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
