"""What has to be looked at from time to time: leases, old rows, orphaned values."""

from __future__ import annotations

import asyncio
import logging
import time

from taskq_kernel.errors import listed
from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.service.blobs import Blobs
from taskq_kernel.store import leases, statistics, workers
from taskq_kernel.store.database import StoreUnavailable
from taskq_kernel.store.policy import Policy

log = logging.getLogger(__name__)

INTERVAL_S = 0.3
#: How often what is not urgent is swept up.
SWEEP_S = 300.0
KEEP_WORKERS_S = 7 * 86400.0
KEEP_MINUTES_S = 86400.0


class Reaper:
    """Takes tasks from workers whose lease ran out."""

    def __init__(self, store: AsyncStore, policy: Policy, blobs: Blobs) -> None:
        self._store = store
        self._policy = policy
        self._blobs = blobs
        self._looked_at = time.time()

    async def start(self) -> None:
        """Start every lease afresh: the service was away, and nobody could report."""
        await self._store.write(leases.renew_all_leases, self._policy)
        self._looked_at = time.time()

    async def run(self) -> None:
        """Look at the leases until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            try:
                await self.look()
            except StoreUnavailable as error:
                log.error("leases not looked at: %s", error)

    async def look(self) -> None:
        """Take the tasks of silent workers, once."""
        now = time.time()
        late, self._looked_at = now - self._looked_at - INTERVAL_S, now
        if late > self._policy.lease_s / 2:
            # This process stood still (a suspended laptop, a stopped process), so workers
            # could not report; it says nothing about them.
            log.warning("service stood still for %.1f s: every lease starts afresh", late)
            await self.start()
            return
        if not await self._store.read(leases.expired_workers, now):
            return
        names, taken = await self._store.write(leases.reap, self._policy)
        if names:
            log.warning("worker lost: %s; taken from it: %d tasks", listed(names), taken)

    async def sweep(self) -> None:
        """Remove what nobody needs any more, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_S)
            now = time.time()
            try:
                await self._store.write(workers.forget_gone_workers, now - KEEP_WORKERS_S)
                await self._store.write(statistics.forget_minutes, now - KEEP_MINUTES_S)
                await self._blobs.sweep(self._store)
            except (StoreUnavailable, OSError) as error:
                log.error("sweep: %s", error)
