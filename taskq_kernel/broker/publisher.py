"""Batches of messages on a channel, each of them confirmed by RabbitMQ."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import pika
from pika.exceptions import AMQPError

from taskq_kernel.broker.alarms import NOWHERE
from taskq_kernel.broker.session import Channel, Session
from taskq_kernel.errors import BrokerUnreachable

#: How long a batch may wait for its confirms, in seconds (a broker under a memory or
#: disk alarm takes nothing).
CONFIRM_TIMEOUT_S = 30.0

PERSISTENT = pika.BasicProperties(delivery_mode=2, content_type="application/json")


class QueueMissing(BrokerUnreachable):
    """A message came back because its queue does not exist."""


class Publisher:
    """Publishes batches on a channel with publisher confirms."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._published = 0
        self._waiting: dict[int, _Batch] = {}
        self._late: set[_Batch] = set()

    @classmethod
    async def open(cls, session: Session) -> Publisher:
        channel = await session.channel()
        self = cls(channel)
        channel.raw.add_on_return_callback(self._on_return)
        await channel.call(channel.raw.confirm_delivery, ack_nack_callback=self._on_confirm)
        return self

    def probe(self) -> None:
        """Publish a message that RabbitMQ drops, since no queue has its name."""
        try:
            self._published += 1  # it is confirmed too
            self._channel.raw.basic_publish("", NOWHERE, b"", mandatory=False)
        except AMQPError as error:
            raise BrokerUnreachable(f"RabbitMQ closed the connection while publishing: {error}") from error

    async def publish(
        self, queue: str, bodies: Sequence[bytes], properties: pika.BasicProperties = PERSISTENT
    ) -> None:
        if not bodies:
            return
        if self._late:
            # They are in the connection's buffer still: whoever tries again would fill the memory.
            raise BrokerUnreachable("RabbitMQ takes nothing: it has not confirmed what was sent before")
        batch = _Batch(queue, len(bodies))
        try:
            for body in bodies:
                # The tag that the broker will confirm counts this channel's messages from 1.
                self._published += 1
                self._waiting[self._published] = batch
                self._channel.raw.basic_publish("", queue, body, properties, mandatory=True)
        except AMQPError as error:
            raise BrokerUnreachable(f"RabbitMQ closed the connection while publishing: {error}") from error
        either: list[asyncio.Future[Any]] = [batch.confirmed, self._channel.closed]
        await asyncio.wait(either, timeout=CONFIRM_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        if not batch.confirmed.done():
            self._late.add(batch)
            batch.confirmed.add_done_callback(lambda _: self._late.discard(batch))
            raise BrokerUnreachable(f"RabbitMQ did not confirm {batch.left} of {len(bodies)} messages")
        if batch.refused:
            raise BrokerUnreachable(f"RabbitMQ refused {batch.refused} of {len(bodies)} messages")
        if batch.returned:
            raise QueueMissing(f"the queue {queue} does not exist")

    def _on_confirm(self, frame: Any) -> None:
        last = frame.method.delivery_tag
        # Tags are handed out in order, and the dictionary keeps it.
        tags = list(takewhile(lambda tag: tag <= last, self._waiting)) if frame.method.multiple else [last]
        refused = frame.method.NAME == "Basic.Nack"
        for tag in tags:
            batch = self._waiting.pop(tag, None)
            if batch is not None:
                batch.confirm(refused=refused)

    def _on_return(self, _channel: Any, method: Any, _properties: Any, _body: bytes) -> None:
        # RabbitMQ returns a message before it confirms it, so its batch still waits; which
        # message it was does not matter: the whole batch went to a queue that is missing.
        for batch in set(self._waiting.values()):
            batch.returned |= batch.queue == method.routing_key


class _Batch:
    """A batch on its way: how many confirms are still to come."""

    def __init__(self, queue: str, size: int) -> None:
        self.queue = queue
        self.left = size
        self.refused = 0
        self.returned = False
        self.confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def confirm(self, *, refused: bool) -> None:
        self.left -= 1
        self.refused += refused
        if self.left == 0 and not self.confirmed.done():
            self.confirmed.set_result(None)
