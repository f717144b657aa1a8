"""What has to be looked at from time to time: leases, old rows, orphaned values."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from taskq_kernel.errors import listed
from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.service.blobs import Blobs
from taskq_kernel.store import leases, manifests, projects, sessions, set_clock, statistics, workers
from taskq_kernel.store.database import StoreUnavailable
from taskq_kernel.store.policy import Policy

log = logging.getLogger(__name__)

INTERVAL_S = 0.3
#: How often sessions are looked at.
CELLS_S = 0.5
#: How often what is not urgent is swept up.
SWEEP_S = 300.0
KEEP_WORKERS_S = 7 * 86400.0
KEEP_MINUTES_S = 86400.0


class Reaper:
    """Takes tasks from workers whose lease ran out, and ends the cells of sessions that ended."""

    def __init__(
        self, store: AsyncStore, policy: Policy, blobs: Blobs, *,
        wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        #: The rules of the settings.
        self._policy = policy
        #: The same at the pace of the fleet as it is now.
        self.policy = policy
        self._blobs = blobs
        self._wall = wall
        self._steady = steady
        self._note_the_clocks()

    def _note_the_clocks(self) -> None:
        self._looked_at = self._steady()
        #: The wall clock, by which the database's times are, against one that nobody sets.
        self._offset = self._wall() - self._steady()

    async def start(self, turned_back_s: float = 0.0) -> None:
        """Start every lease afresh: the service was away, or its clock was set, and the times there mean little.

        Parameters
        ----------
        turned_back_s : float
            By how much the wall clock was turned back, where that is known.
        """
        await self._store.write(set_clock.catch_up, turned_back_s)
        await self._keep_pace()
        await self._store.write(leases.renew_all_leases, self.policy)
        self._note_the_clocks()

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
        now = self._steady()
        late, self._looked_at = now - self._looked_at - INTERVAL_S, now
        # A suspended machine's steady clock stands still as well, and its wall clock does not.
        gone = self._wall() - now - self._offset
        if max(late, abs(gone)) > self._policy.lease_s / 2:
            # This process stood still, so workers could not report, or the clock was set: what the
            # leases say means nothing, neither that a worker is silent nor that it has time left.
            what = "stood still" if max(late, gone) > 0 else "had its clock turned back"
            log.warning("service %s for %.1f s: every lease starts afresh", what, max(late, abs(gone)))
            await self.start(max(0.0, -gone))
            return
        await self._keep_pace()
        if not await self._store.read(leases.expired_workers, self._wall()):
            return
        names, taken = await self._store.write(leases.reap, self._policy)
        if names:
            log.warning("worker lost: %s; taken from it: %d tasks", listed(names), taken)

    async def _keep_pace(self) -> None:
        self.policy = self._policy.for_fleet(await self._store.read(workers.count_workers))

    async def end_cells(self) -> None:
        """Fail what waits for sessions that have ended, until cancelled."""
        seen = 0
        while True:
            await asyncio.sleep(CELLS_S)
            try:
                ended = await self._store.read(sessions.ended_since, seen)
                if ended.queues:
                    await self._store.write(sessions.end_cells, ended.queues)
            except StoreUnavailable as error:
                log.error("cells of sessions that ended not looked at: %s", error)
            else:
                seen = ended.version

    async def sweep(self) -> None:
        """Remove what nobody needs any more, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_S)
            now = self._wall()
            try:
                await self._store.write(workers.forget_gone_workers, now - KEEP_WORKERS_S)
                await self._store.write(statistics.forget_minutes, now - KEEP_MINUTES_S)
                await self._store.write(projects.forget_unused_projects, now - projects.UNUSED_S)
                await self._store.write(manifests.forget_unused_manifests, now - manifests.UNUSED_S)
                await self._blobs.sweep(self._store)
            except (StoreUnavailable, OSError) as error:
                log.error("sweep: %s", error)
