"""The live feed: every subscriber follows the version counter with a cursor of its own.

Nothing queues up for a subscriber. It reads from the database what came after its cursor,
sends it, and only then looks again; while it is slow, changes of the same task melt into
one. Subscribers at the same cursor share one reading.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from typing import Any

from taskq_kernel.errors import ServiceError
from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.store.database import StoreUnavailable, current_version
from taskq_kernel.store.feed import Changes, check_database, read_changes
from taskq_kernel.store.filters import TaskFilter

log = logging.getLogger(__name__)

#: How often the counter is looked at, for changes that another process made.
POLL_S = 0.5
#: How long an event is held back after one with many changes, so that a busy feed settles
#: at few large events: so much for each change in the last one, and so much at most. A reading
#: that brought nothing, because all that changed was filtered out, holds the next back so long.
SPACING_PER_CHANGE_S = 0.002
SPACING_S = 0.05
#: How long a change that ends no task waits for company: a short task waits, runs and has ended
#: within one event.
COMPANY_S = 0.02


class Feed:
    """Knows the latest version, and wakes the subscribers when it grows."""

    def __init__(self, store: AsyncStore) -> None:
        self._store = store
        self._version = self._told = 0
        self._telling: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()
        self._closing = False
        self._subscribers = 0
        self._readings: dict[tuple[Any, ...], asyncio.Task[Changes]] = {}

    @property
    def subscribers(self) -> int:
        """How many follow the feed."""
        return self._subscribers

    def advance(self, version: int, *, ended: bool = True) -> None:
        """Take note of a version, in the event loop; ``ended`` is whether a task has ended since the one before."""
        if version <= self._version:
            return
        self._version = version
        if ended:
            self._tell()
        elif self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(COMPANY_S, self._tell)

    def _tell(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        self._told = self._version
        self._wake()

    def close(self) -> None:
        """End every subscription."""
        self._closing = True
        self._tell()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def poll(self) -> None:
        """Look at the counter from time to time, as long as anybody listens."""
        while True:
            await asyncio.sleep(POLL_S)
            if self._subscribers:
                try:
                    self.advance(await self._store.read(current_version))
                except StoreUnavailable as error:
                    log.warning("feed: %s", error)

    async def follow(
        self, since: int | None, task_filter: TaskFilter | None, wants: frozenset[str], database: str | None = None
    ) -> AsyncGenerator[Changes]:
        """The changes after a version, for ever; from now on where ``since`` is None.

        The first event comes at once, even if nothing changed: it carries the version.

        Raises
        ------
        ServiceError
            ``OTHER_DATABASE`` if ``since`` is a version of another one than ``database``,
            ``CURSOR_TOO_NEW`` if there is no such version yet.
        """
        self._subscribers += 1
        try:
            if since is not None and database is not None:
                await self._store.read(check_database, database)
            cursor = since if since is not None else await self._store.read(current_version)
            if cursor < 0:
                raise ServiceError(f"sinceVersion is {cursor}: give 0 or more", "BAD_INPUT")
            first, next_at = True, 0.0
            while not self._closing:
                changes = await self._read(cursor, task_filter, wants)
                count = len(changes.tasks) + len(changes.deleted)
                # Changes of others, of which there is nothing to tell, cost a reading as well.
                spacing = min(SPACING_S, SPACING_PER_CHANGE_S * count) if count else SPACING_S
                next_at = 0.0 if first else time.monotonic() + spacing
                if first or count:
                    yield changes
                    first = False
                cursor = changes.version
                # Who is behind catches up as fast as it can read.
                if not changes.more:
                    await self._news(cursor, next_at)
        finally:
            self._subscribers -= 1

    async def _news(self, cursor: int, next_at: float) -> None:
        """Wait for a later version, and until the next event may be sent."""
        while self._told <= cursor and not self._closing:
            await self._changed.wait()
        pause = next_at - time.monotonic()
        if pause > 0 and not self._closing:
            await asyncio.sleep(pause)

    async def _read(self, cursor: int, task_filter: TaskFilter | None, wants: frozenset[str]) -> Changes:
        """Read changes; those who want the same at the same time share it."""
        # Written out: a filter may hold lists, and those who ask for the same mean equal ones.
        key = (cursor, wants, self._version, repr(task_filter))
        reading = self._readings.get(key)
        if reading is None:
            reading = asyncio.ensure_future(self._store.read(read_changes, cursor, task_filter, wants))
            self._readings[key] = reading
            reading.add_done_callback(lambda _done: self._readings.pop(key, None))
        return await asyncio.shield(reading)
