"""The live feed: every subscriber follows the version counter with a cursor of its own.

Nothing queues up for a subscriber. It reads what came after its cursor, sends it, and only
then looks again; while it is slow, changes of the same task melt into one. What small
transactions have just changed is in memory (`recent_changes`), and the rest is read from the
database, where subscribers at the same cursor share one reading.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from typing import Any

from taskq_kernel.errors import ServiceError
from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.service.recent_changes import RecentChanges
from taskq_kernel.store import Write
from taskq_kernel.store.database import StoreUnavailable, current_version
from taskq_kernel.store.feed import check_database, read_changes
from taskq_kernel.store.filters import TaskFilter
from taskq_kernel.store.made import Changes

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
        #: What each subscriber asks for, and all of that together.
        self._wanted: list[frozenset[str]] = []
        self._wants: frozenset[str] = frozenset()
        self._recent = RecentChanges()
        self._readings: dict[tuple[Any, ...], asyncio.Task[Changes]] = {}

    @property
    def subscribers(self) -> int:
        """How many follow the feed."""
        return len(self._wanted)

    def read_in(self, write: Write) -> None:
        """Have a transaction that is about to be committed read what it has changed, where anybody wants to know it."""
        wants = self._wants
        if self._wanted:
            changes = RecentChanges.read(write, wants)
            write.changes = None if changes is None else (wants, changes)

    def committed(self, write: Write) -> None:
        """Take note of a transaction, in the event loop."""
        if write.version > self._version:
            wants, changes = write.changes or (self._wants, None)
            self._recent.note(write.since, write.version, wants, changes)
            self._advance(write.version, ended=write.ended)

    def advance(self, version: int, *, ended: bool = True) -> None:
        """Take note of a version that another process may have made; ``ended`` is whether a task has ended since."""
        if version > self._version:
            self._recent.note(self._version, version, self._wants, None)
            self._advance(version, ended=ended)

    def _advance(self, version: int, *, ended: bool) -> None:
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
            if self._wanted:
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
        self._wanted.append(wants)
        self._wants = frozenset().union(*self._wanted)
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
            self._wanted.remove(wants)
            self._wants = frozenset().union(*self._wanted)

    async def _news(self, cursor: int, next_at: float) -> None:
        """Wait for a later version, and until the next event may be sent."""
        while self._told <= cursor and not self._closing:
            await self._changed.wait()
        pause = next_at - time.monotonic()
        if pause > 0 and not self._closing:
            await asyncio.sleep(pause)

    async def _read(self, cursor: int, task_filter: TaskFilter | None, wants: frozenset[str]) -> Changes:
        """Read changes, from memory where they are there; those who want the same at the same time share it."""
        sight = None if task_filter is None else task_filter.visible_to
        if task_filter is None or task_filter == TaskFilter(visible_to=sight):
            recent = self._recent.after(cursor, wants, sight)
            if recent is not None:
                return recent
        # Written out: a filter may hold lists, and those who ask for the same mean equal ones.
        key = (cursor, wants, self._version, repr(task_filter))
        reading = self._readings.get(key)
        if reading is None:
            reading = asyncio.ensure_future(self._store.read(read_changes, cursor, task_filter, wants))
            self._readings[key] = reading
            reading.add_done_callback(lambda _done: self._readings.pop(key, None))
        return await asyncio.shield(reading)
