"""What a broker promises, asked of RabbitMQ and of its double: whoever tests with the double relies on this."""

from __future__ import annotations

import asyncio
import uuid
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable

import pytest
from stacks import RunningStack, until

from taskq_kernel.broker import consumer as consumer_module
from taskq_kernel.broker.client import Broker
from taskq_kernel.broker.delivery import Delivery, acknowledge
from taskq_kernel.broker.double import MemoryBroker, MemoryRabbit
from taskq_kernel.broker.names import Names
from taskq_kernel.broker.publisher import QueueMissing
from taskq_kernel.broker.session import Channel, ChannelRefused
from taskq_kernel.errors import BrokerUnreachable


class Server(ABC):
    """A RabbitMQ, or what stands for one."""

    def __init__(self) -> None:
        self.names = Names(f"test-{uuid.uuid4().hex[:8]}")

    @abstractmethod
    def client(self) -> Broker:
        """A client that is not started yet."""

    @abstractmethod
    async def delete(self, broker: Broker, queue: str) -> None:
        """Delete a queue."""

    @abstractmethod
    async def dead_letters(self, broker: Broker) -> list[tuple[bytes, object]]:
        """The bodies and headers of what is in the dead-letter queue."""


class RealServer(Server):
    def __init__(self, stack: RunningStack) -> None:
        super().__init__()
        self._stack = stack

    def client(self) -> Broker:
        return Broker(self._stack.broker_url, self.names, "classic", "test")

    async def delete(self, broker: Broker, queue: str) -> None:
        channel = await broker.open_channel()
        await channel.call(channel.raw.queue_delete, queue=queue)
        channel.close()

    async def dead_letters(self, broker: Broker) -> list[tuple[bytes, object]]:
        channel = await broker.open_channel()
        found: list[tuple[bytes, object]] = []
        for _ in range(await broker.ready_count(self.names.dead)):
            got: asyncio.Future[tuple[bytes, object]] = asyncio.get_running_loop().create_future()
            channel.raw.basic_get(self.names.dead, lambda _c, _m, p, body, got=got: got.set_result((body, p.headers)))
            found.append(await asyncio.wait_for(got, 10))
        channel.close()
        return found


class Double(Server):
    def __init__(self) -> None:
        super().__init__()
        self.rabbit = MemoryRabbit()

    def client(self) -> Broker:
        return MemoryBroker(self.rabbit, self.names)

    async def delete(self, _broker: Broker, queue: str) -> None:
        if queue in self.rabbit.queues:
            self.rabbit.delete(queue)

    async def dead_letters(self, _broker: Broker) -> list[tuple[bytes, object]]:
        return [(message.body, message.headers) for message in self.rabbit.messages(self.names.dead)]


@pytest.fixture(params=["double", "rabbitmq"])
def server(request: pytest.FixtureRequest) -> Server:
    return Double() if request.param == "double" else RealServer(request.getfixturevalue("stack"))


def play(server: Server, scene: Callable[[Broker, str], Awaitable[None]]) -> None:
    """Run a scene with a client that is connected, and a queue of tasks; both are gone afterwards."""

    async def act() -> None:
        broker = server.client()
        await broker.start()
        await broker.wait_connected(10)
        await broker.ensure_tasks_queue("default")
        try:
            await scene(broker, server.names.tasks("default", 1))
        finally:
            await broker.wait_connected(10)
            for queue in (*server.names.all_tasks("default"), server.names.dead, server.names.outcomes):
                await server.delete(broker, queue)
            await broker.close()

    asyncio.run(asyncio.wait_for(act(), 60))


async def until_waiting(broker: Broker, queue: str, count: int) -> None:
    async with asyncio.timeout(10):
        while await broker.ready_count(queue) != count:
            await asyncio.sleep(0.005)


def bodies(deliveries: list[Delivery]) -> list[bytes]:
    return [one.body for one in deliveries]


def test_of_messages_acknowledged_at_once_none_is_left_and_the_others_are(server: Server) -> None:
    async def scene(broker: Broker, queue: str) -> None:
        await broker.publish(queue, [str(number).encode() for number in range(10)])
        got: list[Delivery] = []
        consumer = broker.consumer(queue, 10, got.append)
        consumer.resume()
        await until(lambda: len(got) == 10, "all are in hand")
        got[8].requeue()  # not among them, and no longer in hand
        acknowledge([got[number] for number in (4, 0, 1, 2, 6, 7)])  # of 3 and 5 nothing is said
        acknowledge([])
        await until(lambda: len(got) == 11, "what was given back comes again")
        await consumer.close()
        await until_waiting(broker, queue, 4)
        again: list[Delivery] = []
        second = broker.consumer(queue, 10, again.append)
        second.resume()
        await until(lambda: len(again) == 4, "those that are left come again")
        assert bodies(again) == [b"3", b"5", b"8", b"9"]
        await second.close()

    play(server, scene)


def test_every_message_of_a_confirmed_batch_comes_once_and_in_order(server: Server) -> None:
    async def scene(broker: Broker, queue: str) -> None:
        batch = [str(number).encode() for number in range(300)]
        await broker.publish(queue, batch)
        assert await broker.ready_count(queue) == 300
        got: list[Delivery] = []
        consumer = broker.consumer(queue, 50, lambda one: (got.append(one), one.ack()))
        consumer.resume()
        await until(lambda: len(got) == 300, "all have come")
        assert bodies(got) == batch
        await consumer.close()
        assert await broker.ready_count(queue) == 0

    play(server, scene)


def test_no_more_than_the_prefetch_is_in_hand(server: Server) -> None:
    async def scene(broker: Broker, queue: str) -> None:
        await broker.publish(queue, [b"x"] * 10)
        got: list[Delivery] = []
        consumer = broker.consumer(queue, 3, got.append)
        consumer.resume()
        await until_waiting(broker, queue, 7)
        assert len(got) == 3
        got[0].ack()
        await until(lambda: len(got) == 4, "one more comes for one that is acknowledged")
        await consumer.close()
        await until_waiting(broker, queue, 9)

    play(server, scene)


def test_no_more_bytes_than_allowed_are_in_hand(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer_module, "IN_HAND_BYTES", 1000)

    async def scene(broker: Broker, queue: str) -> None:
        await broker.publish(queue, [str(number).encode().ljust(400) for number in range(9)])
        got: list[Delivery] = []
        done: list[int] = []
        consumer = broker.consumer(queue, 500, got.append)
        consumer.resume()
        while len(done) < 9:
            await until(lambda: bool(got), "another comes")
            assert len(got) <= 3
            delivery = got.pop(0)
            done.append(int(delivery.body))
            delivery.ack()
        assert sorted(done) == list(range(9))
        await consumer.close()

    play(server, scene)


def test_a_message_that_is_requeued_comes_again_before_those_behind_it(server: Server) -> None:
    async def scene(broker: Broker, queue: str) -> None:
        await broker.publish(queue, [b"1", b"2", b"3"])
        got: list[Delivery] = []
        consumer = broker.consumer(queue, 1, got.append)
        consumer.resume()
        await until(lambda: len(got) == 1, "the first comes")
        got[0].requeue()
        await until(lambda: len(got) == 2, "another comes")
        assert bodies(got) == [b"1", b"1"]
        await consumer.close()
        await until_waiting(broker, queue, 3)

    play(server, scene)


def test_a_consumer_that_pauses_takes_nothing_until_it_resumes(server: Server) -> None:
    async def scene(broker: Broker, queue: str) -> None:
        got: list[Delivery] = []
        consumer = broker.consumer(queue, 50, lambda one: (got.append(one), one.ack()))
        consumer.resume()
        await broker.publish(queue, [b"1"])
        await until(lambda: len(got) == 1, "it takes one")
        consumer.pause()
        await consumer.unsubscribed()
        await broker.publish(queue, [b"2"])
        assert await broker.ready_count(queue) == 1
        consumer.resume()
        await until(lambda: len(got) == 2, "it takes the other")
        await consumer.close()

    play(server, scene)


def test_what_was_in_hand_when_the_connection_was_lost_comes_again(server: Server) -> None:
    async def scene(broker: Broker, queue: str) -> None:
        connections = 0

        async def count(_broker: Broker) -> None:
            nonlocal connections
            connections += 1

        broker.on_connect.append(count)
        await broker.publish(queue, [b"1", b"2"])
        got: list[Delivery] = []
        consumer = broker.consumer(queue, 50, got.append)
        consumer.resume()
        await until(lambda: len(got) == 2, "both come")
        await broker._reset("the test loses the connection")
        await until(lambda: len(got) == 4, "both come again")
        assert bodies(got) == [b"1", b"2", b"1", b"2"]
        assert [one.channel.is_open for one in got] == [False, False, True, True]
        assert connections == 1
        assert broker.fresh == set(), "no queue was lost"
        for delivery in got:
            delivery.ack()  # on the channel that is gone, that does nothing
        await consumer.close()
        assert await broker.ready_count(queue) == 0

    play(server, scene)


def test_a_queue_that_was_deleted_is_missed_and_made_again(server: Server) -> None:
    async def scene(broker: Broker, queue: str) -> None:
        await server.delete(broker, queue)
        with pytest.raises(QueueMissing):
            await broker.publish(queue, [b"lost"])
        await broker.wait_connected(10)
        assert broker.fresh == {"default"}
        await broker.publish(queue, [b"kept"])
        assert await broker.ready_count(queue) == 1

    play(server, scene)


def test_a_consumer_waits_for_a_queue_and_survives_that_it_is_deleted(server: Server) -> None:
    async def scene(broker: Broker, _queue: str) -> None:
        queue = server.names.outcomes
        got: list[Delivery] = []
        consumer = broker.consumer(queue, 50, lambda one: (got.append(one), one.ack()))
        consumer.resume()
        assert await broker.declare(queue)
        assert not await broker.declare(queue), "it is there already"
        await broker.publish(queue, [b"1"])
        await until(lambda: len(got) == 1, "it has found the queue")
        await server.delete(broker, queue)
        assert await broker.declare(queue)
        await broker.publish(queue, [b"2"])
        await until(lambda: len(got) == 2, "it has found it again")
        await consumer.close()

    play(server, scene)


def test_a_dead_letter_has_the_reason_and_the_queue_it_came_from(server: Server) -> None:
    async def scene(broker: Broker, queue: str) -> None:
        got: list[Delivery] = []
        consumer = broker.consumer(queue, 50, got.append)
        consumer.resume()
        await broker.publish(queue, [b"\xff not JSON"])
        await until(lambda: len(got) == 1, "it comes")
        await broker.dead_letter(got[0], "not JSON")
        await consumer.close()
        assert await broker.ready_count(queue) == 0
        headers = {"x-taskq-reason": "not JSON", "x-taskq-queue": queue}
        assert await server.dead_letters(broker) == [(b"\xff not JSON", headers)]

    play(server, scene)


def test_a_client_that_is_closed_publishes_nothing_more(server: Server) -> None:
    async def scene(_broker: Broker, queue: str) -> None:
        other = server.client()
        await other.start()
        await other.wait_connected(10)
        assert other.connected
        await other.close()
        with pytest.raises(BrokerUnreachable):
            await other.publish(queue, [b"too late"])
        assert not other.connected

    play(server, scene)


def test_a_workers_own_queue_takes_what_it_is_given_and_goes_with_its_connection(server: Server) -> None:
    async def scene(broker: Broker, queue: str) -> None:
        assert not await broker.give("w", b"too soon"), "there is no such queue"
        assert broker.connected, "which is no reason to connect again"
        worker = server.client()
        await worker.start()
        await worker.wait_connected(10)
        made = 0

        async def make(channel: Channel) -> None:
            nonlocal made
            await worker.declare_own("w", channel)
            made += 1

        got: list[Delivery] = []
        consumer = worker.consumer(server.names.worker("w"), 50, lambda one: (got.append(one), one.ack()), make)
        consumer.resume()
        await until(lambda: made == 1, "its queue is there")
        assert await broker.give("w", b"1")
        await until(lambda: bodies(got) == [b"1"], "it has come")
        consumer.pause()
        await consumer.unsubscribed()
        assert await broker.give("w", b"nobody takes it")
        await worker._reset("the test loses the connection")
        consumer.resume()
        await until(lambda: made == 2, "its queue is there again")
        assert await broker.give("w", b"2")
        await until(lambda: bodies(got) == [b"1", b"2"], "what it had not taken is gone")
        await consumer.close()
        await worker.close()
        assert not await broker.give("w", b"too late")
        await broker.publish(queue, [b"others are there as before"])

    play(server, scene)


def test_a_workers_own_queue_is_refused_to_another_connection_for_as_long_as_that_which_has_it_lives(
    server: Server,
) -> None:
    async def scene(broker: Broker, queue: str) -> None:
        earlier, later = server.client(), server.client()
        for one in (earlier, later):
            await one.start()
            await one.wait_connected(10)
        await earlier.declare_own("w", await earlier.open_channel())
        refused: list[int] = []
        made = asyncio.Event()

        async def make(channel: Channel) -> None:
            try:
                await later.declare_own("w", channel)
            except ChannelRefused as error:
                refused.append(error.code)
                raise
            made.set()

        got: list[Delivery] = []
        consumer = later.consumer(server.names.worker("w"), 50, lambda one: (got.append(one), one.ack()), make)
        consumer.resume()
        await until(lambda: len(refused) >= 2, "it is refused, and tried again")
        assert {*refused} == {405}
        assert later.connected, "all else goes on as before"
        await later.publish(queue, [b"1"])
        assert await broker.give("w", b"for the earlier one")
        await earlier.close()
        await until(made.is_set, "it is there once that connection is gone")
        assert await broker.give("w", b"for the later one")
        await until(lambda: bodies(got) == [b"for the later one"], "it has come, and nothing else")
        await consumer.close()
        await later.close()

    play(server, scene)
