"""A subscription to a queue that can be paused, and that outlives the connection."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from taskq_kernel.broker.delivery import Delivery, InHand
from taskq_kernel.broker.session import Channel, ChannelRefused
from taskq_kernel.errors import BrokerUnreachable

log = logging.getLogger(__name__)

#: Pauses before it subscribes again, in seconds: the first, and the longest.
BACKOFF_S = (0.05, 1.0)
#: What a consumer may have in hand, in bytes: RabbitMQ counts messages only, and one may have megabytes.
IN_HAND_BYTES = 16 << 20
#: How soon after its subscription a consumer has the first messages, in seconds, and how
#: long a subscription takes at most where all is well.
SETTLE_S = 0.004
SUBSCRIBE_S = 0.2


class Connection(Protocol):
    """What a consumer needs of `taskq_kernel.broker.client.Broker`."""

    async def wait_connected(self, timeout_s: float | None = None) -> None:
        """Wait until the connection is up, or raise `BrokerUnreachable`."""

    async def open_channel(self) -> Channel:
        """A new channel, for what has no method of its own."""


class Consumer:
    """A subscription to one queue, on a channel of its own.

    While it is active it subscribes again after every reconnection, and waits for a queue
    that does not exist yet. It ends its subscription while it has `IN_HAND_BYTES` in hand,
    and asks for as many messages the next time as fit. A queue that goes with its connection it makes
    anew each time; where that is refused, it tries again.
    """

    def __init__(
        self, broker: Connection, queue: str, prefetch: int, on_delivery: Callable[[Delivery], None],
        make_queue: Callable[[Channel], Awaitable[None]] | None = None,
    ) -> None:
        self.queue = queue
        self._make_queue = make_queue
        self._broker = broker
        self._in_hand = InHand(IN_HAND_BYTES, lambda: self._changed.set())
        self._prefetch = prefetch
        self._subscribed_prefetch = 0
        self._on_delivery = on_delivery
        self._active = False
        self._channel: Channel | None = None
        self._tag: str | None = None
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._late: list[Delivery] = []
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._resumed_at = self._subscribed_at = float("-inf")

    @property
    def settled(self) -> bool:
        """Whether what waits in the queue has had the time to arrive since `resume`.

        True, too, once a subscription takes long: the queue does not exist, or RabbitMQ is slow.
        """
        now = time.monotonic()
        if self._tag is None:
            return not self._active or now - self._resumed_at > SUBSCRIBE_S
        return now - self._subscribed_at >= SETTLE_S

    @property
    def active(self) -> bool:
        """Whether messages are wanted."""
        return self._active

    def resume(self) -> None:
        """Take messages from now on."""
        self._active = True
        self._resumed_at = time.monotonic()
        self._changed.set()
        if self._task is None:
            self._task = asyncio.create_task(self._keep_subscribed(), name=f"consumer of {self.queue}")

    def set_prefetch(self, prefetch: int) -> None:
        """Change how many messages may be in hand; it takes a new subscription."""
        if prefetch != self._prefetch:
            self._prefetch = prefetch
            self._changed.set()

    def pause(self) -> None:
        """Take no more messages. Those that are on their way are given back."""
        self._active = False
        self._changed.set()

    async def unsubscribed(self) -> None:
        """Wait, after `pause`, until RabbitMQ delivers nothing here; what is given back then stays there."""
        await self._quiet.wait()

    async def close(self) -> None:
        """Stop for good; what is in hand and not acknowledged goes back to the queue."""
        self._active = False
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._channel is not None:
            self._channel.close()

    async def _keep_subscribed(self) -> None:
        delay = BACKOFF_S[0]
        while True:
            await self._broker.wait_connected()
            try:
                await self._follow()
            except BrokerUnreachable as error:
                log.debug("consumer of %s: %s", self.queue, error)
                self._quiet.set()
                delay = min(2 * delay, BACKOFF_S[1]) if self._tag is None else BACKOFF_S[0]
            except Exception:
                log.exception("consumer of %s failed, subscribing again", self.queue)
                delay = BACKOFF_S[1]
            await asyncio.sleep(delay)

    async def _follow(self) -> None:
        """Subscribe and unsubscribe as wanted, until the channel is gone."""
        channel = self._channel = await self._broker.open_channel()
        try:
            await self._follow_on(channel)
        finally:
            # A subscription that RabbitMQ answers late would go on taking messages, for nobody.
            channel.close()

    async def _follow_on(self, channel: Channel) -> None:
        self._tag = None
        self._late.clear()
        self._in_hand.clear()
        channel.raw.add_on_cancel_callback(lambda _frame: channel.close())  # the queue was deleted
        if self._make_queue is not None:
            await self._make_queue(channel)
        while channel.is_open:
            self._changed.clear()
            if self._tag is not None and not (self._wanting and self._fitting == self._subscribed_prefetch):
                tag, self._tag = self._tag, None
                await channel.call(channel.raw.basic_cancel, consumer_tag=tag)
                self._give_back_late()
                self._quiet.set()
            self._give_back_late()  # it may be wanted again before the subscription ended
            if self._tag is None and self._wanting:
                self._tag = await self._subscribe(channel)
            changed = asyncio.ensure_future(self._changed.wait())
            either: list[asyncio.Future[Any]] = [changed, channel.closed]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            changed.cancel()
        if not channel.closed.done():
            raise BrokerUnreachable("the connection to RabbitMQ was lost")  # of which the channel has not heard yet
        raise ChannelRefused(*channel.closed.result())

    @property
    def _wanting(self) -> bool:
        """Whether to be subscribed."""
        return self._active and not self._in_hand.full

    @property
    def _fitting(self) -> int:
        """How many messages to ask for."""
        fits = self._in_hand.fits
        return self._prefetch if fits is None else min(self._prefetch, fits)

    def _give_back_late(self) -> None:
        """Requeue what came when nothing was wanted any more."""
        late, self._late = self._late, []
        for delivery in late:
            delivery.requeue()

    async def _subscribe(self, channel: Channel) -> str:
        def deliver(_raw: Any, method: Any, properties: Any, body: bytes) -> None:
            delivery = Delivery(
                body, self.queue, method.delivery_tag, channel, self._in_hand, _times_returned(properties)
            )
            if self._in_hand.full:
                delivery.requeue()
                return
            self._in_hand.add(delivery)
            if not self._active:
                # Given back now it would come again at once, and again, until RabbitMQ ends the subscription.
                # In hand all the same: an acknowledgement of all up to a later one must not take it along.
                self._late.append(delivery)
                return
            if len(self._in_hand) >= self._subscribed_prefetch < self._prefetch and not self._in_hand.full:
                # Messages have become smaller: ask for twice as many.
                self._in_hand.expect(2 * self._subscribed_prefetch)
                self._changed.set()
            self._on_delivery(delivery)

        self._quiet.clear()
        self._subscribed_prefetch = self._fitting
        await channel.call(channel.raw.basic_qos, prefetch_count=self._subscribed_prefetch)
        frame = await channel.call(channel.raw.basic_consume, queue=self.queue, on_message_callback=deliver)
        self._subscribed_at = time.monotonic()
        return str(frame.method.consumer_tag)


def _times_returned(properties: Any) -> int:
    """How often a message was given back, as far as its queue counts that: a quorum queue does."""
    count = (getattr(properties, "headers", None) or {}).get("x-delivery-count")
    return count if isinstance(count, int) else 0
