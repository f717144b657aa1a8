"""When a worker's next heartbeat is due."""

from __future__ import annotations

import asyncio
from contextlib import suppress

#: News waits for this share of the interval at least, so that a task that reports its
#: progress a thousand times a second makes four times the usual heartbeats, not a thousand.
SOONEST = 0.25


class HeartbeatTimer:
    """Beats at an interval, and sooner when there is something to tell.

    Parameters
    ----------
    interval_s : float
        The longest time between two heartbeats, in seconds.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._news = asyncio.Event()

    def beat_every(self, interval_s: float) -> None:
        """Another interval, from the next heartbeat on."""
        self._interval_s = interval_s

    def news(self) -> None:
        """There is something to tell, such as progress: beat as soon as may be."""
        self._news.set()

    async def next(self) -> None:
        """Wait until the next heartbeat is due."""
        await asyncio.sleep(SOONEST * self._interval_s)
        with suppress(TimeoutError):
            async with asyncio.timeout((1 - SOONEST) * self._interval_s):
                await self._news.wait()
        self._news.clear()
