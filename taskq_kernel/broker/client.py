"""The broker as the service, the workers and the sink see it.

A `Broker` holds one connection, opens it again with back-off when it is lost, and says
so once. On top of it:

- `publish` sends a batch and returns when RabbitMQ has confirmed every message of it;
- a `taskq_kernel.broker.consumer.Consumer` takes messages from a queue;
- only the service declares task queues. A task queue that did not exist when the service
  connected means that the broker's data was wiped, and everything that waits is published
  again (`Broker.fresh`). A worker that declared it first would hide that.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import pika

from taskq_kernel.broker.alarms import explain_block
from taskq_kernel.broker.consumer import Consumer
from taskq_kernel.broker.dead_letters import REASON_HEADER
from taskq_kernel.broker.delivery import Delivery
from taskq_kernel.broker.names import Names
from taskq_kernel.broker.publisher import Publisher, QueueMissing
from taskq_kernel.broker.session import NOT_FOUND, PRECONDITION_FAILED, Channel, ChannelRefused, Session, parse_url
from taskq_kernel.errors import BrokerUnreachable

log = logging.getLogger(__name__)

#: Deliveries of one message before a quorum queue gives it up to the dead-letter queue.
#: Giving a message back counts as one, and workers give messages back whenever they are
#: full, so the limit is far above what a healthy fleet reaches; attempts are counted in
#: the database. RabbitMQ 4 drops messages at 20 when no limit is set.
DELIVERY_LIMIT = 1000
BACKOFF_S = (0.05, 1.0)
#: How long nobody may use a session's queue before RabbitMQ drops it, in milliseconds: longer than a cell may run
#: while its worker takes no other.
SESSION_QUEUE_MS = 30 * 86_400_000


class Broker:
    """One connection to RabbitMQ that heals itself.

    Parameters
    ----------
    url : str
        AMQP URL. It is not logged and not part of any error.
    names : Names
        Queue names.
    queue_type : {'quorum', 'classic'}
        Type of the queues that this side declares.
    client_name : str
        Name of the connection, as RabbitMQ's tools show it.
    ca_file : Path, optional
        PEM file of the authorities to trust where the URL is amqps. Default: the system's.

    Raises
    ------
    SettingsError
        If the URL is no AMQP URL, or the PEM file cannot be used.

    Attributes
    ----------
    on_connect : list of coroutine functions
        Called with the broker after each (re)connection.
    fresh : set of str
        Queues of tasks that did not exist when this connection came up (``default``, ...).
    """

    def __init__(
        self, url: str, names: Names, queue_type: Literal["quorum", "classic"], client_name: str,
        ca_file: Path | None = None,
    ) -> None:
        self.names = names
        self.on_connect: list[Callable[[Broker], Awaitable[None]]] = []
        self.fresh: set[str] = set()
        self._parameters = parse_url(url, ca_file)
        self._queue_type = queue_type
        self._client_name = client_name
        self._session: Session | None = None
        self._publisher: Publisher | None = None
        self._tasks_queues: set[str] = set()
        self._connected = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether the connection is up."""
        return self._connected.is_set()

    @property
    def blocked(self) -> str:
        """Why RabbitMQ takes no messages, in its own words; empty while it does, or is away."""
        return self._session.blocked if self._session is not None else ""

    async def start(self) -> None:
        """Begin to connect, in the background."""
        self._task = asyncio.create_task(self._keep_connected(), name="broker connection")

    async def wait_connected(self, timeout_s: float | None = None) -> None:
        """Wait until the connection is up, or raise `BrokerUnreachable`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._connected.wait()
        except TimeoutError:
            raise BrokerUnreachable(f"RabbitMQ did not answer within {timeout_s:g} s") from None

    async def close(self) -> None:
        """Close the connection and stop connecting."""
        self._closing = True
        if self._session is not None:
            await self._session.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def publish(self, queue: str, bodies: Sequence[bytes]) -> None:
        """Send persistent messages to a queue; return when RabbitMQ has confirmed them all.

        Raises
        ------
        BrokerUnreachable
            If they are not all confirmed. Some may have arrived all the same.
        """
        publisher = self._taking()
        try:
            await publisher.publish(queue, bodies)
        except QueueMissing:
            # Somebody deleted the queue under us: what it held is lost as in a wipe, and a
            # new connection finds and makes every queue that is missing.
            await self._reset("a queue was deleted")
            raise

    async def give(self, worker: str, body: bytes) -> bool:
        """Send a message to a worker's own queue, and wait for its confirm; False if there is no such queue.

        Raises
        ------
        BrokerUnreachable
            If it is not confirmed. It may have arrived all the same.
        """
        try:
            await self._taking().publish(self.names.worker(worker), [body])
        except QueueMissing:
            return False
        return True

    def _taking(self) -> Publisher:
        """What publishes, while RabbitMQ takes messages: whatever else is sent would only fill buffers."""
        if self._publisher is None:
            raise BrokerUnreachable("RabbitMQ is away")
        if self.blocked:
            raise BrokerUnreachable(explain_block(self.blocked))
        return self._publisher

    def probe(self) -> None:
        """Send a message to nobody, so that RabbitMQ says whether it takes messages: see `blocked`.

        To be used by who does nothing but publish: RabbitMQ reads nothing more from a connection
        that it has blocked, acknowledgements included.
        """
        if self._publisher is not None and not self.blocked:
            self._publisher.probe()

    async def ready_count(self, queue: str) -> int:
        """How many messages wait in a queue."""
        channel = await self.open_channel()
        try:
            return await channel.declare(queue, passive=True)
        finally:
            channel.close()

    async def ensure_tasks_queue(self, queue: str) -> bool:
        """Declare the queues of ``queue``, one a priority. True if any did not exist.

        They are declared again by each later connection.
        """
        self._tasks_queues.add(queue)
        made = [await self.declare(name) for name in self.names.all_tasks(queue)]
        return any(made)

    async def declare(self, queue: str) -> bool:
        """Declare a queue with taskq's settings; True if it did not exist."""
        channel = await self.open_channel()
        try:
            await channel.declare(queue, passive=True)
        except ChannelRefused as error:
            if error.code != NOT_FOUND:
                raise
        else:
            return False
        finally:
            channel.close()
        channel = await self.open_channel()
        try:
            await channel.declare(queue, arguments=self._arguments(queue))
        except ChannelRefused as error:
            if error.code != PRECONDITION_FAILED:
                raise
            return False  # made at this moment by a peer with other settings: usable all the same
        finally:
            channel.close()
        return True

    async def declare_own(self, worker: str, channel: Channel) -> None:
        """Make a worker's own queue: it goes with this connection, and what is in it is for nobody then.

        Raises
        ------
        ChannelRefused
            While another connection has it. RabbitMQ finds out that one is gone only after some seconds.
        """
        await channel.declare(self.names.worker(worker), exclusive=True, arguments={"x-queue-type": "classic"})

    def consumer(
        self, queue: str, prefetch: int, on_delivery: Callable[[Delivery], None],
        make_queue: Callable[[Channel], Awaitable[None]] | None = None,
    ) -> Consumer:
        """A consumer of a queue, paused at first; it may make the queue on each channel that it takes messages on."""
        return Consumer(self, queue, prefetch, on_delivery, make_queue)

    async def dead_letter(self, delivery: Delivery, reason: str) -> None:
        """Move a message that cannot be used to the dead-letter queue, with the reason."""
        await self.dead_letter_body(delivery.body, delivery.queue, reason)
        delivery.ack()

    async def dead_letter_body(self, body: bytes, queue: str, reason: str) -> None:
        """Put a message that came through ``queue`` into the dead-letter queue, with the reason."""
        publisher = self._taking()
        headers = {REASON_HEADER: reason[:1000], "x-taskq-queue": queue}
        properties = pika.BasicProperties(delivery_mode=2, headers=headers)
        await publisher.publish(self.names.dead, [body], properties)
        log.warning("dead-lettered a message of %s: %s", queue, reason[:300])

    def _arguments(self, queue: str) -> dict[str, Any]:
        arguments: dict[str, Any] = {"x-queue-type": self._queue_type}
        if queue != self.names.dead:
            arguments["x-dead-letter-exchange"] = ""
            arguments["x-dead-letter-routing-key"] = self.names.dead
        if self.names.is_of_session(queue):
            arguments["x-expires"] = SESSION_QUEUE_MS
        if self._queue_type == "quorum":
            # Whoever looks at dead letters gives them back, too, and behind them there is nothing.
            arguments["x-delivery-limit"] = DELIVERY_LIMIT if queue != self.names.dead else 1_000_000
        return arguments

    async def open_channel(self) -> Channel:
        """A new channel, for what this class has no method for."""
        if self._session is None:
            raise BrokerUnreachable("RabbitMQ is away")
        return await self._session.channel()

    async def _reset(self, why: str) -> None:
        log.warning("connecting to RabbitMQ again: %s", why)
        if self._session is not None:
            await self._session.close()

    async def _keep_connected(self) -> None:
        delay, said = BACKOFF_S[0], False
        while not self._closing:
            try:
                reason = await self._connect_and_wait()
            except BrokerUnreachable as error:
                reason = str(error)
            except Exception as error:
                # A mistake of ours, or of whoever is called after a connection: it must not end this.
                log.exception("the connection to RabbitMQ failed in a way that nobody thought of")
                reason = f"{type(error).__name__}: {error}"
            else:
                delay, said = BACKOFF_S[0], False
            if self._closing:
                return
            if not said:
                log.warning("RabbitMQ is away, trying again until it is back: %s", reason)
                said = True
            # Half of the delay is random, so that a fleet does not come back in one instant.
            await asyncio.sleep(delay * (0.5 + random.random() / 2))  # noqa: S311  (no secret)
            delay = min(delay * 2, BACKOFF_S[1])

    async def _open_session(self) -> Session:
        return await Session.open(self._parameters, self._client_name)

    async def _connect_and_wait(self) -> str:
        """Hold one connection; return why it was lost."""
        session = self._session = await self._open_session()
        try:
            self._publisher = await Publisher.open(session)
            self.fresh = {
                queue for queue in sorted(self._tasks_queues) if await self.ensure_tasks_queue(queue)
            }
            await self.declare(self.names.dead)
            log.info("connected to RabbitMQ")
            self._connected.set()
            for callback in self.on_connect:
                await callback(self)
            return await session.closed
        finally:
            self._connected.clear()
            self._session = self._publisher = None
            await session.close()
