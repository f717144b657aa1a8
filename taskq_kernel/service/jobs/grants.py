"""Messages of lone tasks that were given to a worker as they were submitted, into that worker's own queue."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from typing import Protocol

from taskq_kernel.errors import BrokerUnreachable
from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.store import grants
from taskq_kernel.store.made import Grant

log = logging.getLogger(__name__)

#: How long a worker is given nothing once a message did not get to it, in seconds: it has lost RabbitMQ.
OUT_OF_REACH_S = 5.0


class GivingBroker(Protocol):
    """What this needs of `taskq_kernel.broker.client.Broker`."""

    @property
    def connected(self) -> bool:
        """Whether the connection is up."""

    @property
    def blocked(self) -> str:
        """Why RabbitMQ takes no messages; empty while it does."""

    async def give(self, worker: str, body: bytes) -> bool:
        """Send a message to a worker's own queue and wait for its confirm; False if there is no such queue."""


class Grants:
    """Hands granted tasks over to their workers, once each.

    What does not arrive is taken back: at once where RabbitMQ says so, else once the worker's heartbeats have not named
    it for a lease.
    """

    def __init__(self, store: AsyncStore, broker: GivingBroker) -> None:
        self._store = store
        self._broker = broker
        self._granted: list[Grant] = []
        self._missed: dict[str, float] = {}

    @property
    def out_of_reach(self) -> Collection[str] | None:
        """The workers to which no message gets now; None: none gets to anybody."""
        if not self._reaches_anybody:
            return None
        if self._missed:
            now = time.monotonic()
            self._missed = {worker: until for worker, until in self._missed.items() if until > now}
        return frozenset(self._missed)

    @property
    def _reaches_anybody(self) -> bool:
        return self._broker.connected and not self._broker.blocked

    def add(self, granted: Grant) -> None:
        """A transaction has given this one."""
        self._granted.append(granted)

    async def publish(self) -> None:
        """Hand over what was given since the last time."""
        while self._granted:
            granted = self._granted.pop(0)
            try:
                arrived = self._reaches_anybody and await self._broker.give(granted.worker, granted.message)
            except BrokerUnreachable as error:
                # It may have arrived all the same: the worker's heartbeats tell.
                log.warning("task %d may not have come to its worker: %s", granted.number, error)
                continue
            if arrived:
                log.info("give task %d to worker %s", granted.number, granted.worker)
            else:
                log.info("take task %d back: worker %s is out of reach", granted.number, granted.worker)
                self._missed[granted.worker] = time.monotonic() + OUT_OF_REACH_S
                await self._store.write(grants.take_back, granted)
