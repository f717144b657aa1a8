"""Clients, tasks and batches in another process: by address and id.

A pickled task is the address of its service, its id, and how it is called; neither a
token nor a connection travels. Where it is read, the client of that address is found
again: one that the process has, or one that its own settings or its local stack give.
Where there is none, reading it succeeds all the same, because what reads it is often a
pool of processes that an error would stop; the error comes when the client is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakSet, WeakValueDictionary

from taskq_kernel.client import connection
from taskq_kernel.client.connection import Address
from taskq_kernel.client.session import Session
from taskq_kernel.errors import ClientMissing, TaskqError

#: Makes the client of an address.
Maker = Callable[[Address], Session]

#: The clients of this process, by address; the youngest of each.
_clients: WeakValueDictionary[str, Session] = WeakValueDictionary()
#: Clients that were made here for what was unpickled: nobody else holds them.
_made: dict[str, Session] = {}


def keep_in_mind(client: Session) -> None:
    """Have what is unpickled later find this client."""
    _clients[client.url] = client


def clients_in_mind() -> list[Session]:
    """The clients of this process, the youngest of each address."""
    return list(_clients.values())


def client_of(url: str, make: Maker) -> Any:
    """The client of this address, or what stands for one that is missing."""
    return _found(url, make) or Missing(url, make)


class Missing:
    """Stands where a client should be: looks for it whenever it is needed, and says that it is missing.

    Attributes
    ----------
    url : str
        The address.
    waiting : set
        Tasks that join the client when it is found.
    """

    def __init__(self, url: str, make: Maker) -> None:
        self.url = url
        self.waiting: WeakSet[Any] = WeakSet()
        self._make = make

    def __reduce__(self) -> tuple[Any, ...]:
        return client_of, (self.url, self._make)

    def __repr__(self) -> str:
        return f"<no taskq client of {self.url}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        client = _found(self.url, self._make)
        if client is None:
            raise ClientMissing(f"this process has no client of {self.url}: connect({self.url!r}, token=...) first")
        for one in list(self.waiting):
            one.join(client)
        self.waiting.clear()
        return getattr(client, name)


def _found(url: str, make: Maker) -> Session | None:
    client = _clients.get(url)
    return _own(url, make) if client is None or client.closed else client


def _own(url: str, make: Maker) -> Session | None:
    """A client of this address by this process's own settings, or its local stack."""
    try:
        address = connection.existing()
        if address.transport().url != url:
            return None
        client = _made[url] = make(address)
    except TaskqError:
        return None
    return client
