"""Why a task does not start, as far as the service can tell."""

from __future__ import annotations

import time
from typing import Protocol

from taskq_kernel.broker.alarms import explain_block
from taskq_kernel.domain import TaskStatus
from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.store.dependencies import waits_for
from taskq_kernel.store.rows import TaskRow
from taskq_kernel.store.waiting import served_queues, unserved_queues

#: How long what was found is passed on to others, in seconds.
FRESH_S = 1.0


class BrokerState(Protocol):
    """What is asked of `taskq_kernel.broker.client.Broker`."""

    @property
    def connected(self) -> bool:
        """Whether the connection is up."""

    @property
    def blocked(self) -> str:
        """Why RabbitMQ takes no messages; empty while it does."""


class Waiting:
    """Knows what keeps tasks from starting: the broker, or that nobody serves their queue."""

    def __init__(self, store: AsyncStore, broker: BrokerState | None) -> None:
        self._store = store
        self._broker = broker
        self._served: tuple[float, frozenset[str]] = (float("-inf"), frozenset())
        self._unserved: dict[str | None, tuple[float, list[str]]] = {}

    async def why(self, task: TaskRow) -> str | None:
        """What a waiting task waits for besides its turn; None where it waits for nothing else."""
        if task.status != TaskStatus.QUEUEING:
            return None
        needed = await self._store.read(waits_for, task.number)
        if needed is not None:
            return needed
        if task.queue not in await self._served_queues():
            return (
                f"no worker serves the queue {task.queue!r}; start one with TASKQ_QUEUES={task.queue}, or submit to "
                "another queue"
            )
        return self.broker_trouble

    @property
    def broker_trouble(self) -> str | None:
        """Why RabbitMQ takes no tasks; None while it does."""
        if self._broker is None:
            return "the service has no broker"
        if not self._broker.connected:
            return "RabbitMQ is away; tasks are kept, and start when it is back"
        return explain_block(self._broker.blocked) if self._broker.blocked else None

    async def unserved(self, visible_to: str | None = None) -> list[str]:
        """The queues in which tasks wait and that no worker serves, at most `FRESH_S` seconds ago."""
        now = time.monotonic()
        at, found = self._unserved.get(visible_to, (float("-inf"), []))
        if now - at < FRESH_S:
            return found
        found = await self._store.read(unserved_queues, visible_to)
        self._unserved = {owner: one for owner, one in self._unserved.items() if now - one[0] < FRESH_S}
        self._unserved[visible_to] = now, found
        return found

    async def _served_queues(self) -> frozenset[str]:
        now = time.monotonic()
        if now - self._served[0] >= FRESH_S:
            self._served = now, await self._store.read(served_queues)
        return self._served[1]
