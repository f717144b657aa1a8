"""The parts of a running service, and the order in which they start and stop."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Collection, Iterable
from pathlib import Path
from typing import Any

from taskq_kernel.broker.names import Names
from taskq_kernel.errors import BrokerUnreachable
from taskq_kernel.service.async_store import READERS, AsyncStore
from taskq_kernel.service.blobs import Blobs
from taskq_kernel.service.feed import Feed
from taskq_kernel.service.jobs.expander import Expander
from taskq_kernel.service.jobs.pruner import Pruner
from taskq_kernel.service.jobs.publisher import Publisher, PublishingBroker
from taskq_kernel.service.jobs.reaper import Reaper
from taskq_kernel.service.metrics import Metrics
from taskq_kernel.service.security.auth import Tokens
from taskq_kernel.service.security.pace import Pace
from taskq_kernel.service.security.throttle import Throttle
from taskq_kernel.service.statistics import CachedStatistics
from taskq_kernel.service.waiting import Waiting
from taskq_kernel.settings import Settings
from taskq_kernel.store import Policy, Store, Write, outbox
from taskq_kernel.store.urls import tasks_url

log = logging.getLogger(__name__)

#: How long a background job that failed rests before it is begun again.
RESTART_S = 1.0
#: Pages and downloads that may be had with one link at once, and in each minute.
PAGES_PER_MINUTE = 300
#: Pictures that are drawn as PNG at the same time; others wait.
PICTURES_AT_ONCE = 2


def blobs_folder(settings: Settings) -> Path:
    """Where large values are kept."""
    return settings.blobs or settings.home / "blobs"


class Runtime:
    """Everything that resolvers and handlers share.

    Parameters
    ----------
    settings : Settings
        As they were read at the start.
    broker : PublishingBroker or None
        The broker; without one, tasks are accepted and stay in the outbox.
    """

    def __init__(self, settings: Settings, broker: PublishingBroker | None) -> None:
        self.settings = settings
        self.broker = broker
        self.store = AsyncStore(Store(tasks_url(settings), readers=READERS))
        self.throttle = Throttle(settings.auth_failures)
        self.tokens = Tokens(settings.tokens_file, self.store, self.throttle)
        self.page_pace = Pace(PAGES_PER_MINUTE)
        self.picture_turns = asyncio.Semaphore(PICTURES_AT_ONCE)
        largest = max(settings.max_value_bytes + settings.max_array_bytes, settings.max_files_bytes)
        self.blobs = Blobs(blobs_folder(settings), largest)
        self.feed = Feed(self.store)
        self.statistics = CachedStatistics(self.store)
        self.waiting = Waiting(self.store, broker)
        self.metrics = Metrics()
        self.reaper = Reaper(self.store, Policy.of(settings), self.blobs)
        self.expander = Expander(self.store)
        self.pruner = Pruner(self.store, self.blobs, settings.retention, settings.retention_keep_results)
        self.publisher = Publisher(self.store, broker, Names(settings.broker_prefix)) if broker else None
        self._tasks: list[asyncio.Task[Any]] = []
        self._offers: set[asyncio.Task[None]] = set()

    @property
    def policy(self) -> Policy:
        """The rules of the settings, at the pace of the fleet as it is now."""
        return self.reaper.policy

    @property
    def broker_connected(self) -> bool:
        """Whether RabbitMQ answers."""
        return self.broker is not None and self.broker.connected

    @property
    def broker_blocked(self) -> str:
        """Why RabbitMQ takes no messages, in its own words; empty while it does."""
        return self.broker.blocked if self.broker is not None else ""

    @property
    def out_of_reach(self) -> Collection[str] | None:
        """The workers to which no message gets now; None: none gets to anybody."""
        return None if self.publisher is None else self.publisher.out_of_reach

    async def count_dead_letters(self) -> float:
        """How many messages are in the dead-letter queue; NaN while the broker does not say."""
        if self.broker is None or not self.broker.connected:
            return math.nan
        try:
            return await self.broker.ready_count(Names(self.settings.broker_prefix).dead)
        except BrokerUnreachable:
            return math.nan

    async def start(self) -> None:
        """Start what runs in the background."""
        loop = asyncio.get_running_loop()

        def committed(write: Write) -> None:
            loop.call_soon_threadsafe(self._committed, write)

        self.store.sync.on_commit.append(committed)
        self.store.sync.before_commit.append(self.feed.read_in)
        if self.publisher is not None:
            self.store.sync.before_commit.append(outbox.make_messages)
        await self.reaper.start()
        jobs = [self.reaper.run, self.reaper.end_cells, self.reaper.sweep, self.feed.poll, self.expander.run]
        if self.settings.retention is not None:
            jobs.append(self.pruner.run)
        if self.publisher is not None:
            jobs += [self.publisher.run, self.publisher.check_queues, self.publisher.probe]
        else:
            log.warning("no broker is set: tasks are accepted, and wait in the outbox")
        self._tasks = [asyncio.create_task(_kept_going(job)) for job in jobs]

    def offer_queues(self, queues: Iterable[str]) -> None:
        """Make queues in the broker, in the background."""
        if self.publisher is not None:
            job = asyncio.create_task(self.publisher.offer(queues))
            self._offers.add(job)
            job.add_done_callback(self._offers.discard)

    def _committed(self, write: Write) -> None:
        if write.changed:
            self.feed.committed(write)
        if self.publisher is not None:
            self.publisher.committed(write)

    async def stop(self) -> None:
        """Stop what runs in the background, then close the database."""
        self.feed.close()
        jobs = [*self._tasks, *self._offers]
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        await asyncio.to_thread(self.store.close)


async def _kept_going(job: Callable[[], Awaitable[None]]) -> None:
    """Run a background job; one that ends by a mistake of ours is logged and begun again."""
    while True:
        try:
            await job()
        except Exception:
            log.exception("background job %s failed, begun again", job.__qualname__)
            await asyncio.sleep(RESTART_S)
