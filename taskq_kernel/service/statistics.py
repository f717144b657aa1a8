"""Statistics for many askers: read at most a few times a second."""

from __future__ import annotations

import time

from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.store.statistics import Statistics, read_statistics

#: How long an answer is passed on to others.
FRESH_S = 0.25


class CachedStatistics:
    """The last readings, as long as they are fresh: one for all, or one an owner."""

    def __init__(self, store: AsyncStore) -> None:
        self._store = store
        self._last: dict[str | None, tuple[float, Statistics]] = {}

    async def get(self, visible_to: str | None = None) -> Statistics:
        """Where everything stands, at most `FRESH_S` seconds ago; see `read_statistics`."""
        now = time.monotonic()
        last = self._last.get(visible_to)
        if last is not None and now - last[0] < FRESH_S:
            return last[1]
        read = await self._store.read(read_statistics, time.time(), visible_to)
        self._last = {owner: one for owner, one in self._last.items() if now - one[0] < FRESH_S}
        self._last[visible_to] = (time.monotonic(), read)
        return read
