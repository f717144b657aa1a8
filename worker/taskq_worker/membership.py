"""A worker's place in the fleet: joined, kept by heartbeats, left."""

from __future__ import annotations

import asyncio
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

    @property
    def joined(self) -> bool:
        """Whether the service has ever known this worker."""
        return self._timer is not None

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
        """
        delay, said = BACKOFF_S[0], False
        while True:
            description = self._describe()
            try:
                lease = await self._api.register(description)
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
                # The first interval stays: a timer that is waited for must not be replaced.
                self._timer = self._timer or HeartbeatTimer(lease.heartbeat_s)
                return lease

    async def run(self) -> None:
        """Heartbeat for ever; `join` comes first."""
        if self._timer is None:
            raise RuntimeError("a worker joins before it sends heartbeats")
        away = False
        while True:
            await self._timer.next()
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
                self._on_reply(reply.drain)

    async def leave(self) -> None:
        """Say goodbye, if the service can be told: what is still claimed goes back to its queue."""
        self._leaving = True
        try:
            await asyncio.wait_for(self._api.leave(), LEAVE_S)
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
