"""RabbitMQ in memory, for tests that need no RabbitMQ.

`MemoryRabbit` stands for the server, and `MemoryBroker` is a `Broker` whose connections lead to
it. Nothing else is replaced: the session, its channels, the consumers and the publisher are the
real ones, over what pika would give them. The same tests run over it and over a real RabbitMQ.

Not there: delivery limits, alarms that end by themselves, and time: everything is done at once.
"""

from __future__ import annotations

import asyncio
import bisect
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from pika.exceptions import AMQPError, ChannelClosedByBroker, ChannelWrongStateError, ConnectionClosed

from taskq_kernel.broker.client import Broker
from taskq_kernel.broker.names import Names
from taskq_kernel.broker.session import NOT_FOUND, PRECONDITION_FAILED, Session
from taskq_kernel.errors import BrokerUnreachable

#: Of a queue that goes with another connection.
RESOURCE_LOCKED = 405


class MemoryBroker(Broker):
    """A broker client whose RabbitMQ is in memory.

    Parameters
    ----------
    rabbit : MemoryRabbit
        Where it connects to. Several clients may have the same.
    names : Names, optional
        Queue names.
    """

    def __init__(self, rabbit: MemoryRabbit, names: Names | None = None) -> None:
        super().__init__("amqp://localhost/", names or Names(), "classic", "double")
        self._rabbit = rabbit

    async def _open_session(self) -> Session:
        return self._rabbit.connect()


@dataclass(eq=False)
class Message:
    """A message in a queue."""

    serial: int
    body: bytes
    headers: dict[str, Any] = field(default_factory=dict)


class MemoryRabbit:
    """The server: its queues outlive connections. Its methods are what a test does to it, or asks it."""

    def __init__(self) -> None:
        self._queues: dict[str, _Queue] = {}
        self._connections: list[_Connection] = []
        self._serial = itertools.count(1)
        self._away = False
        self._refusing = 0
        self._blocked = ""
        #: How many messages it has handed out, those that came back included.
        self.delivered = 0

    # -- what a test asks ----------------------------------------------------------------

    @property
    def queues(self) -> set[str]:
        """The names of its queues."""
        return set(self._queues)

    def messages(self, queue: str) -> list[Message]:
        """What waits in a queue, in order; nothing where there is no such queue."""
        return list(self._queues[queue].ready) if queue in self._queues else []

    def bodies(self, queue: str) -> list[bytes]:
        """What waits in a queue, without anything else of the messages."""
        return [message.body for message in self.messages(queue)]

    def unsettled(self, queue: str) -> int:
        """How many messages of a queue wait, or are delivered and not acknowledged."""
        return len(self.messages(queue)) + sum(one.unacknowledged(queue) for one in self._connections)

    # -- what a test does ----------------------------------------------------------------

    def drop_connections(self) -> None:
        """Close every connection. Clients come back at once."""
        for connection in tuple(self._connections):
            connection.lose("the double has dropped it")

    def go_away(self) -> None:
        """Close every connection and take no new one, until `come_back`."""
        self._away = True
        self.drop_connections()

    def come_back(self) -> None:
        """Take connections again."""
        self._away = False

    def wipe(self) -> None:
        """Lose all data. To be done while it is away."""
        self._queues.clear()

    def purge(self, queue: str) -> None:
        """Drop what waits in a queue."""
        self._queues[queue].ready.clear()

    def delete(self, queue: str) -> None:
        """Delete a queue with what is in it; its consumers are told."""
        for subscription in self._queues.pop(queue).subscriptions:
            subscription.channel.tell_cancelled(subscription)
        for connection in self._connections:
            connection.owns.discard(queue)

    def refuse(self, messages: int) -> None:
        """Refuse the next so many messages that are published."""
        self._refusing = messages

    def block(self, reason: str = "memory") -> None:
        """Read nothing more from whoever publishes, until `unblock`."""
        self._blocked = reason

    def unblock(self) -> None:
        """Read on."""
        self._blocked = ""
        for connection in self._connections:
            connection.unblock()

    # -- what clients do -----------------------------------------------------------------

    def connect(self) -> Session:
        """Open a connection, or raise `BrokerUnreachable`."""
        if self._away:
            raise BrokerUnreachable("RabbitMQ does not answer: the double is away")
        connection = _Connection(self)
        self._connections.append(connection)
        return Session(connection, connection.closed)

    def disconnected(self, connection: _Connection) -> None:
        if connection in self._connections:
            self._connections.remove(connection)

    @property
    def blocked(self) -> str:
        return self._blocked

    def queue(self, name: str) -> _Queue:
        try:
            return self._queues[name]
        except KeyError:
            raise ChannelClosedByBroker(NOT_FOUND, f"NOT_FOUND - no queue '{name}'") from None

    def check_lock(self, queue: str, asking: _Connection) -> None:
        """Refuse a queue that goes with another connection."""
        if any(queue in one.owns for one in self._connections if one is not asking):
            locked = f"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{queue}'"
            raise ChannelClosedByBroker(RESOURCE_LOCKED, locked)

    def declare(self, name: str, passive: bool, arguments: dict[str, Any] | None) -> _Queue:
        if passive or name in self._queues:
            found = self.queue(name)
            if not passive and found.arguments != arguments:
                raise ChannelClosedByBroker(PRECONDITION_FAILED, f"PRECONDITION_FAILED - inequivalent arg for '{name}'")
            return found
        return self._queues.setdefault(name, _Queue(arguments))

    def take(self, name: str, body: bytes, headers: dict[str, Any]) -> str:
        """A message is published: whether it is `kept`, `refused` or `unroutable`."""
        if self._refusing:
            self._refusing -= 1
            return "refused"
        if name not in self._queues:
            return "unroutable"
        self._queues[name].put(Message(next(self._serial), body, headers))
        return "kept"


class _Queue:
    """Messages in order, and who takes them in turn."""

    def __init__(self, arguments: dict[str, Any] | None) -> None:
        self.arguments = arguments
        self.ready: list[Message] = []
        self.subscriptions: deque[_Subscription] = deque()

    def put(self, message: Message) -> None:
        """Put it at its place: at the end, or where it was before it was delivered."""
        bisect.insort(self.ready, message, key=lambda one: one.serial)
        self.deliver()

    def deliver(self) -> None:
        while self.ready:
            free = next((one for one in self.subscriptions if one.has_room), None)
            if free is None:
                return
            self.subscriptions.remove(free)
            self.subscriptions.append(free)
            free.channel.send(free, self.ready.pop(0))


@dataclass(eq=False)
class _Subscription:
    tag: str
    channel: _Channel
    queue: _Queue
    callback: Callable[..., None]
    prefetch: int
    unacknowledged: int = 0

    @property
    def has_room(self) -> bool:
        return not self.prefetch or self.unacknowledged < self.prefetch


class _Connection:
    """What pika's connection is to a `Session`. Everything asked of it is done in order, soon."""

    def __init__(self, rabbit: MemoryRabbit) -> None:
        self.rabbit = rabbit
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[str] = self._loop.create_future()
        self._channels: list[_Channel] = []
        self._asked: deque[Callable[[], None]] = deque()
        #: The queues that go with it.
        self.owns: set[str] = set()
        self._deaf = False
        self._on_blocked: list[Callable[..., None]] = []
        self._on_unblocked: list[Callable[..., None]] = []

    def add_on_connection_blocked_callback(self, callback: Callable[..., None]) -> None:
        self._on_blocked.append(callback)

    def add_on_connection_unblocked_callback(self, callback: Callable[..., None]) -> None:
        self._on_unblocked.append(callback)

    def channel(self, on_open_callback: Callable[[_Channel], None]) -> None:
        if self.closed.done():
            raise ConnectionClosed(0, "the connection is closed")

        def open_one() -> None:
            channel = _Channel(self)
            self._channels.append(channel)
            on_open_callback(channel)

        self.ask(open_one)

    def unacknowledged(self, queue: str) -> int:
        return sum(channel.unacknowledged(self.rabbit.queue(queue)) for channel in self._channels)

    def close(self) -> None:
        self._loop.call_soon(self.lose, "this side has closed it")

    def _adapter_disconnect_stream(self) -> None:
        self.lose("this side has hung up")

    def ask(self, action: Callable[[], None]) -> None:
        """Have something done once what was asked before is done."""
        self._asked.append(action)
        self._loop.call_soon(self._do)

    def _do(self) -> None:
        # One at a time: between two of them the client may act, as it may where a network lies between.
        if self._asked and not self._deaf and not self.closed.done():
            self._asked.popleft()()

    def block(self, retry: Callable[[], None]) -> None:
        """RabbitMQ has got a message that it takes no more: it says so, and reads no further."""
        self._deaf = True
        self._asked.appendleft(retry)
        for callback in self._on_blocked:
            callback(self, SimpleNamespace(method=SimpleNamespace(reason=self.rabbit.blocked)))

    def unblock(self) -> None:
        if self._deaf:
            self._deaf = False
            for callback in self._on_unblocked:
                callback(self, SimpleNamespace(method=None))
            for _ in range(len(self._asked)):
                self._loop.call_soon(self._do)

    @property
    def is_open(self) -> bool:
        """Whether something can be said on it: as pika's connection has it."""
        return not self.closed.done()

    def lose(self, reason: str) -> None:
        if self.closed.done():
            return
        self.rabbit.disconnected(self)
        for channel in self._channels:
            channel.end(ConnectionClosed(0, reason))
        for queue in self.owns & self.rabbit.queues:
            self.rabbit.delete(queue)
        self.closed.set_result(reason)


class _Channel:
    """What pika's channel is to a `Channel`."""

    def __init__(self, connection: _Connection) -> None:
        self.is_open = True
        self.connection = connection
        self._rabbit = connection.rabbit
        self._prefetch = 0
        self._tags = itertools.count(1)
        self._published = 0
        self._unacknowledged: dict[int, tuple[_Subscription, Message]] = {}
        self._subscriptions: dict[str, _Subscription] = {}
        self._on_close: list[Callable[..., None]] = []
        self._on_cancel: list[Callable[..., None]] = []
        self._on_return: list[Callable[..., None]] = []
        self._on_confirm: Callable[..., None] = lambda _: None

    # -- who is told ---------------------------------------------------------------------

    def add_on_close_callback(self, callback: Callable[..., None]) -> None:
        self._on_close.append(callback)

    def add_on_cancel_callback(self, callback: Callable[..., None]) -> None:
        self._on_cancel.append(callback)

    def add_on_return_callback(self, callback: Callable[..., None]) -> None:
        self._on_return.append(callback)

    def confirm_delivery(self, ack_nack_callback: Callable[..., None], callback: Callable[..., None]) -> None:
        self._on_confirm = ack_nack_callback
        self._ask(lambda: callback(None))

    # -- queues --------------------------------------------------------------------------

    def queue_declare(
        self, queue: str, callback: Callable[..., None], passive: bool = False, durable: bool = True,
        exclusive: bool = False, arguments: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        if durable == exclusive:
            raise ValueError("taskq declares durable queues, and those that go with their connection")

        def declare() -> None:
            self._rabbit.check_lock(queue, self.connection)
            found = self._rabbit.declare(queue, passive, arguments)
            if exclusive:
                self.connection.owns.add(queue)
            callback(SimpleNamespace(method=SimpleNamespace(message_count=len(found.ready))))

        self._ask(declare)

    def queue_delete(self, queue: str, callback: Callable[..., None]) -> None:
        def delete() -> None:
            if queue in self._rabbit.queues:
                self._rabbit.delete(queue)
            callback(None)

        self._ask(delete)

    # -- consuming -----------------------------------------------------------------------

    def basic_qos(self, prefetch_count: int, callback: Callable[..., None]) -> None:
        def set_prefetch() -> None:
            self._prefetch = prefetch_count
            callback(None)

        self._ask(set_prefetch)

    def basic_consume(
        self, queue: str, on_message_callback: Callable[..., None], callback: Callable[..., None]
    ) -> None:
        def consume() -> None:
            self._rabbit.check_lock(queue, self.connection)
            found = self._rabbit.queue(queue)
            tag = f"tag-{next(self._tags)}"
            subscription = _Subscription(tag, self, found, on_message_callback, self._prefetch)
            self._subscriptions[tag] = subscription
            found.subscriptions.append(subscription)
            callback(SimpleNamespace(method=SimpleNamespace(consumer_tag=tag)))
            found.deliver()

        self._ask(consume)

    def basic_cancel(self, consumer_tag: str, callback: Callable[..., None]) -> None:
        def cancel() -> None:
            self._unsubscribe(self._subscriptions.pop(consumer_tag, None))
            callback(None)

        self._ask(cancel)

    def send(self, subscription: _Subscription, message: Message) -> None:
        """Deliver a message."""
        tag = next(self._tags)
        self._unacknowledged[tag] = (subscription, message)
        self._rabbit.delivered += 1
        subscription.unacknowledged += 1
        subscription.callback(self, SimpleNamespace(delivery_tag=tag), None, message.body)

    def basic_ack(self, delivery_tag: int, multiple: bool = False) -> None:
        def acknowledge() -> None:
            earlier = [tag for tag in self._unacknowledged if tag < delivery_tag] if multiple else []
            for tag in (*earlier, delivery_tag):
                self._settle(tag, requeue=False)

        self._ask(acknowledge)

    def basic_nack(self, delivery_tag: int, requeue: bool) -> None:
        self._ask(lambda: self._settle(delivery_tag, requeue=requeue))

    def unacknowledged(self, queue: _Queue) -> int:
        return sum(subscription.queue is queue for subscription, _ in self._unacknowledged.values())

    def _settle(self, tag: int, *, requeue: bool) -> None:
        if tag not in self._unacknowledged:
            raise ChannelClosedByBroker(PRECONDITION_FAILED, f"PRECONDITION_FAILED - unknown delivery tag {tag}")
        subscription, message = self._unacknowledged.pop(tag)
        subscription.unacknowledged -= 1
        if requeue:
            subscription.queue.put(message)
        else:
            subscription.queue.deliver()

    def tell_cancelled(self, subscription: _Subscription) -> None:
        """Its queue is deleted."""
        self._subscriptions.pop(subscription.tag, None)
        for callback in self._on_cancel:
            callback(None)

    def _unsubscribe(self, subscription: _Subscription | None) -> None:
        if subscription is not None and subscription in subscription.queue.subscriptions:
            subscription.queue.subscriptions.remove(subscription)

    # -- publishing ----------------------------------------------------------------------

    def basic_publish(
        self, exchange: str, queue: str, body: bytes, properties: Any = None, mandatory: bool = False
    ) -> None:
        if exchange:
            raise ValueError("taskq publishes to the default exchange")
        headers = dict(getattr(properties, "headers", None) or {})

        def publish() -> None:
            if self._rabbit.blocked:
                self.connection.block(publish)
                return
            self._published += 1
            came = self._rabbit.take(queue, body, headers)
            if came == "unroutable" and mandatory:
                for callback in self._on_return:
                    callback(self, SimpleNamespace(routing_key=queue), properties, body)
            name = "Basic.Nack" if came == "refused" else "Basic.Ack"
            self._on_confirm(
                SimpleNamespace(method=SimpleNamespace(NAME=name, delivery_tag=self._published, multiple=False))
            )

        self._ask(publish)

    # -- its end -------------------------------------------------------------------------

    def close(self) -> None:
        self.end(ChannelWrongStateError("this side has closed it"))

    def end(self, error: AMQPError) -> None:
        """It is closed, by either side: what was not acknowledged goes back."""
        if not self.is_open:
            return
        self.is_open = False
        for subscription in self._subscriptions.values():
            self._unsubscribe(subscription)
        unacknowledged, self._unacknowledged = self._unacknowledged, {}
        for subscription, message in unacknowledged.values():
            subscription.queue.put(message)
        for callback in self._on_close:
            callback(self, error)

    def _ask(self, action: Callable[[], None]) -> None:
        if not self.is_open:
            raise ChannelWrongStateError("the channel is closed")

        def act() -> None:
            if self.is_open:
                try:
                    action()
                except ChannelClosedByBroker as error:
                    self.end(error)

        self.connection.ask(act)
