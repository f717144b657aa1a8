"""Tasks that the service has given this worker as they were submitted: they come in a queue of its own.

Each is this worker's already, by its lease, and starts once the service has said that it still is: it may
have been cancelled on its way. From then on it is a claim like any other, but that it waits longer for a slot:
the service does not know that a Julia is being replaced, nor that a task which it has taken away still runs.
What does not come, or cannot be read, no heartbeat names, and so the service takes it back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from taskq_kernel.broker.client import Broker
from taskq_kernel.broker.delivery import Delivery
from taskq_kernel.broker.session import Channel
from taskq_kernel.errors import MessageError, ServiceError, ServiceUnreachable
from taskq_kernel.messages import TaskMessage, decode
from taskq_worker.claims.claim import Claim
from taskq_worker.claims.claimer import Claimer
from taskq_worker.claims.claims import Claims
from taskq_worker.service_api import ServiceApi, is_away

log = logging.getLogger(__name__)

#: How many messages may be on their way here: more than any worker is given at once.
PREFETCH = 100
#: How long to wait before a service that was away is asked again, in seconds.
AGAIN_S = 0.25


class Granted:
    """Takes what this worker is given.

    Parameters
    ----------
    broker, api, claims, claimer
        The worker's own.
    on_change : callable
        Called when the service should hear of this worker soon, and this worker of the service.

    Attributes
    ----------
    ready : bool
        Whether it can be given tasks: its queue is there.
    """

    def __init__(
        self, broker: Broker, api: ServiceApi, claims: Claims, claimer: Claimer, on_change: Callable[[], None]
    ) -> None:
        self._broker = broker
        self._api = api
        self._claims = claims
        self._claimer = claimer
        self._on_change = on_change
        self._came: list[tuple[TaskMessage, int]] = []
        self._wake = asyncio.Event()
        #: That on which the queue was made.
        self._channel: Channel | None = None
        self._consumer = broker.consumer(
            broker.names.worker(api.worker), PREFETCH, self._on_delivery, self._make_queue
        )

    @property
    def ready(self) -> bool:
        return self._channel is not None and self._channel.is_open

    async def run(self) -> None:
        """Take tasks for ever."""
        self._consumer.resume()
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                came, self._came = self._came, []
                try:
                    await self._take(came)
                except (ServiceUnreachable, ServiceError) as error:
                    log.debug("cannot take %d tasks that were given: %s", len(came), error)
                    if is_away(error):
                        await self._later(came)
        finally:
            await self._consumer.close()

    async def _later(self, came: Sequence[tuple[TaskMessage, int]]) -> None:
        """Ask again: what it has taken away by then it will say."""
        await asyncio.sleep(AGAIN_S)
        self._came[:0] = came
        self._wake.set()

    async def _make_queue(self, channel: Channel) -> None:
        """Make the queue; refused while RabbitMQ takes an earlier connection of this worker to be there still."""
        await self._broker.declare_own(self._api.worker, channel)
        self._channel = channel
        self._on_change()

    def _on_delivery(self, delivery: Delivery) -> None:
        try:
            self._came.append((decode(TaskMessage, delivery.body), len(delivery.body)))
        except MessageError as error:
            log.warning("a task that was given cannot be read, and goes back: %s", error.reason)
        else:
            self._wake.set()
        delivery.ack()

    async def _take(self, came: Sequence[tuple[TaskMessage, int]]) -> None:
        """Have those wait for a slot that are known to be this worker's still; release them where it drains."""
        answer = await self._api.still_held([_attempt(task) for task, _ in came])
        held = [(task, length) for task, length in came if _attempt(task) in answer and task.id not in self._claims]
        if self._claimer.draining:
            await self._api.release([_attempt(task) for task, _ in held])
            return
        if len(held) > self._claimer.room:
            self._on_change()  # of what the service may have taken away here the answer to a heartbeat tells
        for task, length in held:
            self._claims.add(Claim(task, _attempt(task)[1], length, given=True))
        self._claimer.look()


def _attempt(task: TaskMessage) -> tuple[str, int]:
    """The attempt of a task that this worker was given."""
    return task.id, task.attempt or 0
