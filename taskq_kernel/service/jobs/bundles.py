"""How many short tasks go into one message: from how long tasks like them have taken, and who serves the queue."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Iterable

from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.store.bundling import Serving, Work, read_serving, work_of
from taskq_kernel.store.rows import DueRow

#: How much work one message carries at most, in seconds, by the moving estimate; and how many tasks.
BUNDLE_S = 0.03
MOST = 50
#: What a task takes besides its own code, in seconds.
AROUND_S = 0.0005
#: How many messages every slot of the fleet is to find, as far as there are so many tasks.
EACH_SLOT = 2
#: Of how much code is known how long it takes, and how long it is believed who serves a queue, in seconds.
KNOWN = 1000
FRESH_S = 1.0


class Bundles:
    """Knows how long tasks take, and decides how many of them go together.

    A task of which nothing is known goes alone, as does a long one.
    """

    def __init__(self, store: AsyncStore) -> None:
        self._store = store
        self._seconds: OrderedDict[Work, float] = OrderedDict()
        self._serving: dict[str, Serving] = {}
        self._looked_at = -math.inf

    def note(self, ran: Iterable[tuple[str | None, str | None, float]]) -> None:
        """Take note of how long tasks took. Slow ones count at once, fast ones by halves."""
        for source, entry, seconds in ran:
            before = self._seconds.get((source, entry), seconds)
            self._seconds[source, entry] = max(seconds, (before + seconds) / 2)
            self._seconds.move_to_end((source, entry))
        while len(self._seconds) > KNOWN:
            self._seconds.popitem(last=False)

    async def look(self) -> None:
        """Find out who serves which queue, unless that was a moment ago."""
        if self._seconds and time.monotonic() - self._looked_at > FRESH_S:
            self._serving = await self._store.read(read_serving)
            self._looked_at = time.monotonic()

    def most(self, row: DueRow, waiting: int) -> int:
        """How many tasks like this one, of which so many wait, go into one message."""
        seconds, serving = self._seconds.get(work_of(row)), self._serving.get(row.queue)
        if seconds is None or serving is None or not serving.bundles:
            return 1
        # So that no slot is without work because another has it all.
        fair = math.ceil(waiting / (EACH_SLOT * serving.slots))
        return max(1, min(int(BUNDLE_S / (seconds + AROUND_S)), fair, MOST))
