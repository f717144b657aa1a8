"""Makes the tasks of batches as workers come to them."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.store import expansion
from taskq_kernel.store.database import StoreUnavailable

log = logging.getLogger(__name__)

#: How often it is looked whether a batch runs low, in seconds, while there is one; and how long nobody
#: has to look while there is none: whoever submits one wakes the expander.
LOOK_S = 0.2
REST_S = 5.0


class Expander:
    """Keeps some tasks of every batch waiting, until it is cancelled."""

    def __init__(self, store: AsyncStore) -> None:
        self._store = store
        self._grids = expansion.Grids()
        self._submitted = asyncio.Event()

    @property
    def grids(self) -> expansion.Grids:
        """The grids that are at hand; for the store's own thread."""
        return self._grids

    def wake(self) -> None:
        """Look now: there may be another batch. Called in the event loop."""
        self._submitted.set()

    async def run(self) -> None:
        """Make tasks, for ever."""
        while True:
            self._submitted.clear()
            try:
                pause = LOOK_S if await self._look() else REST_S
            except StoreUnavailable as error:
                log.error("no tasks made of batches: %s", error)
                pause = REST_S
            with contextlib.suppress(TimeoutError):
                # Not `wait_for`: Python 3.11's takes no notice of being cancelled just when what it waits for is there.
                async with asyncio.timeout(pause):
                    await self._submitted.wait()

    async def _look(self) -> bool:
        """Fill up every batch that runs low; whether there is any of which tasks are to be made."""
        unmade = await self._store.read(expansion.unmade_batches)
        for batch in unmade:
            waiting = batch.waiting
            if waiting > expansion.AHEAD // 2:
                continue
            more, chunk = True, expansion.CHUNK if waiting else expansion.FIRST_CHUNK
            while more and waiting < expansion.AHEAD:
                made, more = await self._store.write(expansion.make_next, batch.id, self._grids, chunk)
                waiting, chunk = waiting + made, expansion.CHUNK
        return bool(unmade)
