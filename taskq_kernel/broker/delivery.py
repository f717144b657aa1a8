"""Messages in hand, and how many bytes of them a consumer may have.

RabbitMQ bounds what it delivers by a number of messages alone, and one may have megabytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from taskq_kernel.broker.session import Channel


@dataclass(eq=False, slots=True)
class Delivery:
    """A message in hand. Until it is acknowledged it goes back if the connection is lost."""

    body: bytes
    queue: str
    tag: int
    channel: Channel
    in_hand: InHand
    #: How often it was given back before, where RabbitMQ tells: for its limit.
    returned: int = 0

    def ack(self) -> None:
        """Acknowledge it. On a channel that is gone nothing happens: the broker has put the message back."""
        if self.channel.is_open:
            self.channel.raw.basic_ack(self.tag)
        self.in_hand.remove(self)

    def requeue(self) -> None:
        """Put it back into its queue, at its place."""
        if self.channel.is_open:
            self.channel.raw.basic_nack(self.tag, requeue=True)
        self.in_hand.remove(self)


def acknowledge(deliveries: Iterable[Delivery]) -> None:
    """Acknowledge messages, as many as can be at once with one word to RabbitMQ.

    An acknowledgement may stand for all messages of its channel up to it: up to the first that
    was not settled and is not among these.
    """
    by_channel: dict[Channel, list[Delivery]] = {}
    for delivery in deliveries:
        by_channel.setdefault(delivery.channel, []).append(delivery)
    for channel, of_channel in by_channel.items():
        others = of_channel[0].in_hand.tags() - {one.tag for one in of_channel}
        limit = min(others, default=math.inf)
        first = [one for one in of_channel if one.tag < limit]
        if len(first) > 1 and channel.is_open:
            channel.raw.basic_ack(max(one.tag for one in first), multiple=True)
            for one in first:
                one.in_hand.remove(one)
            of_channel = [one for one in of_channel if one.tag > limit]
        for one in of_channel:
            one.ack()


class InHand:
    """What a consumer has in hand: full above a number of bytes, until half of them are settled.

    Parameters
    ----------
    limit_bytes : int
        Above this nothing more is taken; one message goes in whatever its size.
    changed : callable
        Called when it becomes full, or is full no longer.

    Attributes
    ----------
    full : bool
        Whether nothing more is taken.
    fits : int or None
        How many messages made it full the last time; None if it was not full of late.
    """

    def __init__(self, limit_bytes: int, changed: Callable[[], None]) -> None:
        self._limit_bytes = limit_bytes
        self._changed = changed
        self._deliveries: set[Delivery] = set()
        self._bytes = 0
        self.full = False
        self.fits: int | None = None

    def __len__(self) -> int:
        return len(self._deliveries)

    def tags(self) -> set[int]:
        """The tags of the messages in hand, by which the channel knows them."""
        return {delivery.tag for delivery in self._deliveries}

    def add(self, delivery: Delivery) -> None:
        """A message has come."""
        self._deliveries.add(delivery)
        self._bytes += len(delivery.body)
        if self._bytes >= self._limit_bytes and not self.full:
            self.full, self.fits = True, len(self._deliveries)
            self._changed()

    def expect(self, count: int) -> None:
        """So many messages will fit: they have become smaller."""
        self.fits = count

    def remove(self, delivery: Delivery) -> None:
        """A message is acknowledged or requeued."""
        if delivery not in self._deliveries:  # it was never taken, or its channel is gone
            return
        self._deliveries.remove(delivery)
        self._bytes -= len(delivery.body)
        if self.full and self._bytes <= self._limit_bytes // 2:
            self.full = False
            self._changed()

    def clear(self) -> None:
        """The channel is gone, and with it every message in hand."""
        self._deliveries.clear()
        self._bytes, self.full = 0, False
