"""From the outbox to the broker, and again if the broker lost it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Collection, Iterable
from typing import Any, Protocol

from taskq_kernel.broker.names import Names
from taskq_kernel.errors import BrokerUnreachable
from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.service.jobs.bundles import Bundles
from taskq_kernel.service.jobs.grants import Grants
from taskq_kernel.store import Write, outbox
from taskq_kernel.store.database import StoreUnavailable
from taskq_kernel.store.made import Due

log = logging.getLogger(__name__)

#: How often queues are compared with the database, and how long a task must have been in
#: the broker's hands before it counts as missing there.
CHECK_S = 15.0
#: How often the outbox is looked into at least: another service that shares the database may have stopped before it
#: published what it put there, and of a commit whose answer was lost nobody was told.
LOOK_S = 15.0
#: How many tasks are handed over again at once.
CHECK_LIMIT = 2000
#: How often RabbitMQ is asked whether it takes messages: it tells only those that publish.
PROBE_S = 2.0
#: How long a few rows whose messages are confirmed stay in the outbox, in seconds: where a worker claims
#: the tasks meanwhile, that takes them out, and a transaction is saved. And how many are a few.
LINGER_S = 0.2
FEW = 50
#: How many transactions' messages wait in memory to be published at most; the others are read from the outbox.
AT_ONCE = 50
BACKOFF_S = (0.2, 5.0)


class PublishingBroker(Protocol):
    """What the publisher needs of `taskq_kernel.broker.client.Broker`."""

    on_connect: list[Any]
    fresh: set[str]

    @property
    def connected(self) -> bool:
        """Whether the connection is up."""

    @property
    def blocked(self) -> str:
        """Why RabbitMQ takes no messages; empty while it does."""

    def probe(self) -> None:
        """Have RabbitMQ say whether it takes messages."""

    async def publish(self, queue: str, bodies: list[bytes]) -> None:
        """Send messages and wait for their confirms."""

    async def give(self, worker: str, body: bytes) -> bool:
        """Send a message to a worker's own queue and wait for its confirm; False if there is no such queue."""

    async def ready_count(self, queue: str) -> int:
        """How many messages wait in a queue."""

    async def ensure_tasks_queue(self, queue: str) -> bool:
        """Declare the queues of a user's queue; True if any was new."""


class Publisher:
    """Hands due tasks to the broker, in batches, until it is cancelled."""

    def __init__(self, store: AsyncStore, broker: PublishingBroker, names: Names) -> None:
        self._store = store
        self._broker = broker
        self._names = names
        self._bundles = Bundles(store)
        #: Set whenever there is anything to do.
        self._work = asyncio.Event()
        #: Whether the outbox is to be looked into; and what is to be published without a look, straight from the
        #: transactions that have just put it there.
        self._look = False
        self._at_once: list[Due] = []
        self._grants = Grants(store, broker)
        #: The last row of the outbox that a look has found.
        self._looked_up_to = 0
        self._declared: set[str] = set()
        self._fresh: set[str] = set()
        self._connections = 0
        self._reconnected = False
        self._away = False
        #: Rows that are handed over and still in the outbox, each with its task, and when they are to go.
        self._handed_over: dict[int, int | None] = {}
        self._linger_until = math.inf
        broker.on_connect.append(self._connected)

    @property
    def out_of_reach(self) -> Collection[str] | None:
        """The workers to which no message gets now; None: none gets to anybody."""
        return None if self._away or self._reconnected else self._grants.out_of_reach

    def wake(self) -> None:
        """Look into the outbox now; called in the event loop."""
        self._look = True
        self._work.set()

    def committed(self, write: Write) -> None:
        """Take note of what a transaction has put into the outbox, taken out of it, and seen end; in the event loop."""
        self._bundles.note(write.ran)
        if write.claimed and self._handed_over:
            gone = frozenset(write.claimed)
            left = {entry: number for entry, number in self._handed_over.items() if number not in gone}
            self._handed_over = left
        if write.granted is not None:
            self._grants.add(write.granted)
            self._work.set()
        if write.due is not None and not self._away and len(self._at_once) < AT_ONCE:
            self._at_once.append(write.due)
            self._work.set()
        elif write.enqueued:
            self.wake()  # it gathers in the outbox
        if write.look:
            self.wake()

    async def run(self) -> None:
        """Publish what is due, whenever something is."""
        delay, next_at = BACKOFF_S[0], 0.0
        while True:
            try:
                self._work.clear()
                await self._grants.publish()
                await self._publish_at_once()
                if self._look or time.monotonic() >= next_at:
                    self._look = False
                    later = await self._publish_due()  # from its end on: it may have taken long
                    next_at = time.monotonic() + later
                    self._say_back()
                    delay = BACKOFF_S[0]
                await self._take_out()
            except (BrokerUnreachable, StoreUnavailable) as error:
                self._say_away(error)
                self._at_once.clear()  # all of it is in the outbox
                next_at = time.monotonic() + delay
                delay = min(2 * delay, BACKOFF_S[1])
            pause = max(0.0, min(next_at, self._linger_until) - time.monotonic())
            with contextlib.suppress(TimeoutError):
                # Not `wait_for`: Python 3.11's takes no notice of being cancelled just when what it waits for is there.
                async with asyncio.timeout(pause):
                    await self._work.wait()

    async def probe(self) -> None:
        """Find out whether RabbitMQ takes messages, also while none is to be sent, until cancelled."""
        while True:
            with contextlib.suppress(BrokerUnreachable):
                self._broker.probe()
            await asyncio.sleep(PROBE_S)

    async def check_queues(self) -> None:
        """Find tasks that the broker no longer has, from time to time, until cancelled."""
        while True:
            await asyncio.sleep(CHECK_S)
            try:
                await self.check_once(time.time() - CHECK_S)
            except (BrokerUnreachable, StoreUnavailable) as error:
                log.debug("queues not checked: %s", error)

    async def check_once(self, before: float) -> int:
        """Hand over again what was handed over before a time and is in no queue.

        A queue that is empty while tasks of it wait was purged, or its messages went to
        the dead-letter queue. Some may be in the hands of workers: claims make that harmless.
        """
        again = 0
        if self._broker.connected:
            for queue, priority in await self._store.read(outbox.published_queues, before):
                if await self._broker.ready_count(self._names.tasks(queue, priority)) == 0:
                    again += await self._store.write(
                        outbox.publish_again, queue, priority, before, CHECK_LIMIT
                    )
        if again:
            log.info("publish again %d tasks that the broker no longer has", again)
        return again

    async def declare(self, queues: Iterable[str]) -> None:
        """Make sure that queues exist; those made now get what the broker should have had."""
        for queue in queues:
            if queue in self._declared:
                continue
            connection = self._connections
            if await self._broker.ensure_tasks_queue(queue) or queue in self._fresh:
                await self._again(queue)
            if connection == self._connections:  # else it is looked at again: it may be gone
                self._fresh.discard(queue)
                self._declared.add(queue)

    async def offer(self, queues: Iterable[str]) -> None:
        """Make queues for a worker that joins; if the broker is away, it makes them when it is back."""
        try:
            await self.declare(queues)
        except (BrokerUnreachable, StoreUnavailable) as error:
            log.debug("queues not made: %s", error)

    async def _publish_due(self) -> float:
        """Publish until nothing is due; return the seconds until something may be."""
        if self._reconnected:
            self._reconnected = False
            try:
                await self.declare(await self._store.read(outbox.waiting_queues))
            except BaseException:
                self._reconnected = True
                raise
        while True:
            await self._bundles.look()
            due = await self._store.read(outbox.read_due, time.time(), self._handed_over, self._bundles.most)
            self._looked_up_to = max((self._looked_up_to, *due.entries))
            await self._publish(due)
            if not due.more:
                return LOOK_S if due.next_at is None else min(LOOK_S, max(0.0, due.next_at - time.time()))

    async def _publish_at_once(self) -> None:
        """Publish what needs no look into the outbox."""
        while self._at_once and not self._reconnected:
            due = self._at_once.pop(0)
            # Rows are numbered in the order in which they come: a look may have been faster.
            new = [entry > self._looked_up_to for entry in due.entries]
            if all(new):
                await self._publish(due)
            elif any(new):
                self._look = True
        if self._at_once:  # first comes what the broker may have lost
            self._at_once.clear()
            self._look = True

    async def _publish(self, due: Due) -> None:
        if due.entries and not self._handed_over:
            self._linger_until = time.monotonic() + LINGER_S
        # Before they are confirmed: a claim may come first. What breaks off in between is forgotten.
        self._handed_over.update(due.entries)
        try:
            for (queue, priority), bodies in due.messages.items():
                await self.declare([queue])
                await self._broker.publish(self._names.tasks(queue, priority), bodies)
        except BaseException:
            self._handed_over.clear()  # some may not be confirmed
            raise
        if len(self._handed_over) > FEW:
            self._linger_until = 0.0
            await self._take_out()
        if due.numbers:
            log.info("publish %s", _described(due))

    async def _take_out(self) -> None:
        """Take out of the outbox what has lingered there for long enough."""
        if time.monotonic() >= self._linger_until:
            entries, self._handed_over, self._linger_until = self._handed_over, {}, math.inf
            if entries:
                await self._store.write(outbox.mark_published, entries)

    async def _connected(self, _broker: Any) -> None:
        """After a (re)connection: the next round looks at what the broker no longer has."""
        # What is not noted as published is published again: this broker may have lost it.
        self._handed_over.clear()
        # Kept until it has been dealt with: the next connection finds these queues in place.
        self._fresh |= self._broker.fresh
        self._declared.clear()
        self._connections += 1
        self._reconnected = True
        self.wake()

    async def _again(self, queue: str) -> None:
        count = await self._store.write(outbox.publish_again, queue)
        if count:
            log.warning("queue %s is new in the broker: publish again %d waiting tasks", queue, count)

    def _say_away(self, error: Exception) -> None:
        if not self._away:
            log.warning("tasks wait in the outbox: %s", error)
            self._away = True

    def _say_back(self) -> None:
        if self._away:
            log.info("tasks leave the outbox again")
            self._away = False


def _described(due: Due) -> str:
    return f"task {due.numbers[0]}" if len(due.numbers) == 1 else f"{len(due.numbers)} tasks"
