"""Why a task does not start, or how it ended, as far as the service can tell."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from taskq_kernel.broker.alarms import explain_block
from taskq_kernel.broker.names import session_of
from taskq_kernel.domain import TaskStatus, WhyKind
from taskq_kernel.service import why
from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.service.why import Reason
from taskq_kernel.store.backlog import Backlog, read_backlog
from taskq_kernel.store.cells import turn_in
from taskq_kernel.store.rows import TaskRow
from taskq_kernel.store.waiting import Standing, last_reason, standing_of, unserved_queues

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
    """Knows what keeps tasks from starting: others, the broker, that nobody serves their queue, or their turn."""

    def __init__(self, store: AsyncStore, broker: BrokerState | None) -> None:
        self._store = store
        self._broker = broker
        self._backlog: tuple[float, Backlog] | None = None
        self._reading = asyncio.Lock()
        self._unserved: dict[str | None, tuple[float, list[str]]] = {}

    async def why(self, task: TaskRow) -> Reason:
        """Why a task stands where it stands, whatever that is."""
        if task.status == TaskStatus.RUNNING:
            return why.runs(task)
        if task.status != TaskStatus.QUEUEING:
            told = task.status == TaskStatus.CANCELLED or task.worker is None
            return why.ended(task, await self._store.read(last_reason, task.number) if told else "")
        standing = await self._store.read(standing_of, task.number)
        if standing.unmet is not None:
            return why.needs_another(standing.unmet)
        if standing.row.available_at > self._store.sync.clock():
            return why.tried_again(task, standing.row.available_at)
        is_cell = session_of(standing.row.queue) is not None
        return await (self._in_its_session(standing) if is_cell else self._in_its_queue(standing))

    async def _in_its_session(self, standing: Standing) -> Reason:
        turn = await self._store.read(turn_in, standing.row.queue)
        reason = why.session_first(turn) or self._broker_keeps(standing)
        return reason or why.its_turn_in_session(standing.row, turn, await self._read_backlog())

    async def _in_its_queue(self, standing: Standing) -> Reason:
        backlog = await self._read_backlog()
        if standing.row.queue not in backlog.slots:
            return why.unserved(standing.row.queue)
        reason = why.too_large(standing, backlog) or self._broker_keeps(standing)
        return reason or why.its_turn(standing, backlog)

    def _broker_keeps(self, standing: Standing) -> Reason | None:
        trouble = self.broker_trouble
        if trouble is not None and (standing.row.published_at is None or not self._delivers):
            return Reason(WhyKind.BROKER, trouble)
        return None

    @property
    def _delivers(self) -> bool:
        """Whether RabbitMQ hands out what it has: it does so when it takes nothing, too."""
        return self._broker is not None and self._broker.connected

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

    async def _read_backlog(self) -> Backlog:
        async with self._reading:  # who comes meanwhile has what this one reads
            now = time.monotonic()
            if self._backlog is None or now - self._backlog[0] >= FRESH_S:
                self._backlog = now, await self._store.read(read_backlog, self._store.sync.clock())
            return self._backlog[1]
