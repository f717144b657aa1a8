"""Statistics for many askers: read once per version, and at most a few times a second."""

from __future__ import annotations

import time

from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.store.statistics import Statistics, read_statistics

#: How long an answer is passed on to others.
FRESH_S = 0.25


class CachedStatistics:
    """The last reading, as long as it is fresh."""

    def __init__(self, store: AsyncStore) -> None:
        self._store = store
        self._last: tuple[float, Statistics] | None = None

    async def get(self) -> Statistics:
        """Where everything stands, at most `FRESH_S` seconds ago."""
        if self._last is not None and time.monotonic() - self._last[0] < FRESH_S:
            return self._last[1]
        read = await self._store.read(read_statistics, time.time())
        self._last = (time.monotonic(), read)
        return read
