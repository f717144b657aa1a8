"""A worker's place in the fleet: joined, kept by heartbeats, left."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from taskq_kernel.errors import ServiceError, ServiceUnreachable
from taskq_worker.claims.claim import Claim
from taskq_worker.claims.claims import Claims
from taskq_worker.heartbeat_timer import HeartbeatTimer
from taskq_worker.service_api import HeartbeatReply, Lease, ServiceApi, is_away

log = logging.getLogger(__name__)

#: How long leaving may take, in seconds.
LEAVE_S = 5.0
#: Pauses between attempts to join, in seconds: the first, and the longest.
BACKOFF_S = (0.1, 1.0)


class Left(Exception):
    """It has said goodbye, or is about to: it joins no more."""


class Membership:
    """Joins the fleet, renews the lease of what is claimed, and hears what to stop.

    Parameters
    ----------
    api, claims
        The worker's own.
    describe : callable
        What the worker says of itself when it joins.
    stop_attempt : callable
        Called with an attempt that the service has taken away.
    on_reply : callable
        Called after each heartbeat that the service has answered; True if it asks this worker to drain.
    """

    def __init__(
        self,
        api: ServiceApi,
        claims: Claims,
        *,
        describe: Callable[[], dict[str, Any]],
        stop_attempt: Callable[[Claim], Awaitable[None]],
        on_reply: Callable[[bool], None],
    ) -> None:
        self._api = api
        self._claims = claims
        self._describe = describe
        self._stop_attempt = stop_attempt
        self._on_reply = on_reply
        self._timer: HeartbeatTimer | None = None
        #: What the service knows of this worker.
        self._said: dict[str, Any] = {}
        #: True from the goodbye on: a heartbeat that is refused after it must not join again.
        self._leaving = False
        #: Held while the service is asked to let it join: the goodbye must not overtake that.
        self._joining = asyncio.Lock()
        #: Whether the service was ever asked, and so may know this worker.
        self._asked = False

    def news(self) -> None:
        """There is something to tell: beat soon."""
        if self._timer is not None:
            self._timer.news()

    async def join(self) -> Lease:
        """Join the fleet, or say anew what this worker is; wait for as long as the service is away.

        Raises
        ------
        ServiceError
            If the service refuses.
        Left
            If this worker leaves meanwhile.
        """
        delay, said = BACKOFF_S[0], False
        while True:
            description = self._describe()
            try:
                lease = await self._register(description)
            except (ServiceUnreachable, ServiceError) as error:
                if not is_away(error):
                    raise
                if not said:
                    log.warning("the service is away, trying again until it is back: %s", error)
                said = True
                await asyncio.sleep(delay)
                delay = min(2 * delay, BACKOFF_S[1])
            else:
                self._said = description
                # A timer that is waited for must not be replaced; each heartbeat's answer sets its interval anew.
                self._timer = self._timer or HeartbeatTimer(lease.heartbeat_s)
                return lease

    async def _register(self, description: dict[str, Any]) -> Lease:
        async with self._joining:
            if self._leaving:
                raise Left
            self._asked = True
            return await self._api.register(description)

    async def run(self) -> None:
        """Heartbeat until it leaves; `join` comes first."""
        if self._timer is None:
            raise RuntimeError("a worker joins before it sends heartbeats")
        with contextlib.suppress(Left):
            await self._keep(self._timer)

    async def _keep(self, timer: HeartbeatTimer) -> None:
        away = False
        while True:
            await timer.next()
            if self._leaving:
                return
            try:
                if self._describe() != self._said:  # its packages have changed: what it computes from now on is other
                    await self.join()
                reply = await self._beat()
            except (ServiceUnreachable, ServiceError) as error:
                if self._leaving:
                    return
                if not is_away(error):
                    log.warning("the service does not know this worker, joining again: %s", error)
                    await self.join()
                    continue
                if not away:
                    log.warning("the service is away; going on with what runs: %s", error)
                away = True
            else:
                if away:
                    log.info("the service is back")
                away = False
                timer.beat_every(reply.heartbeat_s)
                self._on_reply(reply.drain)

    async def leave(self) -> None:
        """Say goodbye, if the service can be told: what is still claimed goes back to its queue.

        A worker that the service was never asked to let join has nothing to say.
        """
        self._leaving = True
        try:
            async with asyncio.timeout(LEAVE_S), self._joining:
                if self._asked:
                    await self._api.leave()
        except (ServiceUnreachable, ServiceError, TimeoutError) as error:
            log.warning("could not say goodbye, the lease will run out: %s", error)

    async def _beat(self) -> HeartbeatReply:
        reports = [(claim, *claim.report()) for claim in self._claims]
        reply = await self._api.heartbeat(
            [entry for _, entry, _ in reports], [chunk for _, _, logs in reports for chunk in logs]
        )
        for claim, entry, logs in reports:
            claim.reported(entry, logs)
        sent = {claim.task.id: claim for claim, _, _ in reports}
        for task_id in reply.settled:
            self._claims.forget(sent[task_id])
        for task_id in reply.stop:
            await self._stop_attempt(sent[task_id])
        return reply
