"""Clients, tasks and batches in another process: by address and id.

A pickled task is the address of its service, its id, and how it is called; neither a
token nor a connection travels. Where it is read, the client of that address is found
again: one that the process has, or one that its own settings or its local stack give.
Where there is none, reading it succeeds all the same, because what reads it is often a
pool of processes that an error would stop; the error comes when the client is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from taskq_kernel.errors import ClientMissing, TaskqError

if TYPE_CHECKING:
    from taskq_kernel.client.client import Client
    from taskq_kernel.client.task import Task

#: The clients of this process, by address; the youngest of each.
_clients: WeakValueDictionary[str, Client] = WeakValueDictionary()
#: Clients that were made here for what was unpickled: nobody else holds them.
_made: dict[str, Client] = {}


def keep_in_mind(client: Client) -> None:
    """Have what is unpickled later find this client."""
    _clients[client.url] = client


def client_of(url: str) -> Client:
    """The client of this address, or what stands for one that is missing."""
    found: Any = _found(url) or Missing(url)
    return found  # type: ignore[no-any-return]


def task_of(url: str, data: dict[str, Any]) -> Task:
    """The task of this address with this id: the one that its client has, or one that looks for its client."""
    from taskq_kernel.client.task import Task

    client = _found(url)
    if client is not None:
        return client._task(data)
    stand_in: Any = Missing(url)
    task = Task(stand_in, data)
    stand_in._task = task
    return task


class Missing:
    """Stands where a client should be: looks for it whenever it is needed, and says that it is missing."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._task: Task | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return client_of, (self.url,)

    def __repr__(self) -> str:
        return f"<no taskq client of {self.url}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        client = _found(self.url)
        if client is None:
            raise ClientMissing(f"this process has no client of {self.url}: connect({self.url!r}, token=...) first")
        if self._task is not None:
            client._known.adopt(self._task, client)
        return getattr(client, name)


def _found(url: str) -> Client | None:
    client = _clients.get(url)
    return _own(url) if client is None or client.closed else client


def _own(url: str) -> Client | None:
    """A client of this address by this process's own settings, or its local stack."""
    from taskq_kernel.client.connection import existing

    try:
        address = existing()
        if address.transport().url != url:
            return None
        client = _made[url] = address.client()
    except TaskqError:
        return None
    return client
