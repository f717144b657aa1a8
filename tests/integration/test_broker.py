"""The broker client against a real RabbitMQ."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from stacks import RunningStack

from taskq_kernel.broker.client import Broker
from taskq_kernel.broker.delivery import Delivery
from taskq_kernel.broker.names import Names
from taskq_kernel.broker.publisher import QueueMissing
from taskq_kernel.broker.session import Channel
from taskq_kernel.errors import BrokerUnreachable


@asynccontextmanager
async def connected(stack: RunningStack, queue_type: str = "classic") -> AsyncIterator[Broker]:
    """A broker under a prefix of its own, whose queues are deleted at the end."""
    broker = Broker(stack.broker_url, Names(f"test-{uuid.uuid4().hex[:8]}"), queue_type, "test")  # type: ignore[arg-type]
    await broker.start()
    await broker.wait_connected(10)
    await broker.ensure_tasks_queue("default")
    try:
        yield broker
    finally:
        await broker.wait_connected(10)
        for queue in (*broker.names.all_tasks("default"), broker.names.dead, broker.names.outcomes):
            await delete(broker, queue)
        await broker.close()


async def delete(broker: Broker, queue: str) -> None:
    channel = await broker.open_channel()
    await channel.call(channel.raw.queue_delete, queue=queue)
    channel.close()


async def gather(count: int, got: list[Delivery]) -> None:
    async with asyncio.timeout(10):
        while len(got) < count:
            await asyncio.sleep(0.005)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 60))  # type: ignore[arg-type]


@pytest.mark.parametrize("queue_type", ["classic", "quorum"])
def test_every_message_of_a_confirmed_batch_reaches_the_consumer_in_order(
    stack: RunningStack, queue_type: str
) -> None:
    async def scenario() -> None:
        async with connected(stack, queue_type) as broker:
            queue = broker.names.tasks("default", 1)
            await broker.publish(queue, [str(number).encode() for number in range(500)])
            got: list[Delivery] = []
            consumer = broker.consumer(queue, 50, lambda delivery: (got.append(delivery), delivery.ack()))
            consumer.resume()
            await gather(500, got)
            assert [int(one.body) for one in got] == list(range(500))
            await consumer.close()
            assert await broker.ready_count(queue) == 0

    run(scenario)


def test_a_message_of_a_quorum_queue_tells_how_often_it_was_given_back(stack: RunningStack) -> None:
    async def scenario() -> None:
        async with connected(stack, "quorum") as broker:
            queue = broker.names.tasks("default", 1)
            await broker.publish(queue, [b"1"])
            returned: list[int] = []
            done = asyncio.Event()

            def take(delivery: Delivery) -> None:
                returned.append(delivery.returned)
                if len(returned) < 3:
                    delivery.requeue()
                else:
                    delivery.ack()
                    done.set()

            consumer = broker.consumer(queue, 1, take)
            consumer.resume()
            await asyncio.wait_for(done.wait(), 10)
            await consumer.close()
            assert returned == [0, 1, 2]

    run(scenario)


def test_a_paused_consumer_leaves_messages_in_the_queue_until_it_resumes(stack: RunningStack) -> None:
    async def scenario() -> None:
        async with connected(stack) as broker:
            queue = broker.names.tasks("default", 1)
            got: list[Delivery] = []
            consumer = broker.consumer(queue, 50, lambda delivery: (got.append(delivery), delivery.ack()))
            consumer.resume()
            await broker.publish(queue, [b"1"])
            await gather(1, got)
            consumer.pause()
            await broker.publish(queue, [b"2", b"3"])
            async with asyncio.timeout(10):
                while await broker.ready_count(queue) != 2:
                    await asyncio.sleep(0.01)
            assert len(got) == 1
            consumer.resume()
            await gather(3, got)
            await consumer.close()

    run(scenario)


def test_publishing_to_a_deleted_queue_says_so_and_the_next_connection_makes_it_again(
    stack: RunningStack,
) -> None:
    async def scenario() -> None:
        async with connected(stack) as broker:
            queue = broker.names.tasks("default", 1)
            await delete(broker, queue)
            with pytest.raises(QueueMissing):
                await broker.publish(queue, [b"lost"])
            await broker.wait_connected(10)
            assert broker.fresh == {"default"}
            await broker.publish(queue, [b"kept"])
            assert await broker.ready_count(queue) == 1

    run(scenario)


def test_a_consumer_subscribes_again_after_its_queue_was_deleted_and_made_again(stack: RunningStack) -> None:
    async def scenario() -> None:
        async with connected(stack) as broker:
            queue = broker.names.tasks("default", 1)
            got: list[Delivery] = []
            consumer = broker.consumer(queue, 50, lambda delivery: (got.append(delivery), delivery.ack()))
            consumer.resume()
            await broker.publish(queue, [b"1"])
            await gather(1, got)
            await delete(broker, queue)
            await broker.ensure_tasks_queue("default")
            await broker.publish(queue, [b"2"])
            await gather(2, got)
            await consumer.close()

    run(scenario)


def test_a_dead_letter_carries_the_reason_and_the_queue_it_came_from(stack: RunningStack) -> None:
    async def scenario() -> None:
        async with connected(stack) as broker:
            queue = broker.names.tasks("default", 1)
            got: list[Delivery] = []
            consumer = broker.consumer(queue, 50, got.append)
            consumer.resume()
            await broker.publish(queue, [b"\xff not JSON"])
            await gather(1, got)
            await broker.dead_letter(got[0], "not JSON")
            await consumer.close()
            channel = await broker.open_channel()
            answered: asyncio.Future[tuple[object, bytes]] = asyncio.get_running_loop().create_future()
            channel.raw.basic_get(
                broker.names.dead, lambda _c, _m, properties, body: answered.set_result((properties, body))
            )
            properties, body = await asyncio.wait_for(answered, 10)
            assert body == b"\xff not JSON"
            headers = properties.headers  # type: ignore[attr-defined]
            assert headers == {"x-taskq-reason": "not JSON", "x-taskq-queue": queue}
            channel.close()
            assert await broker.ready_count(queue) == 0

    run(scenario)


def test_a_broker_that_is_away_is_an_error_to_publish_and_says_nothing_of_the_password() -> None:
    async def scenario() -> None:
        broker = Broker("amqp://user:secret-word@127.0.0.1:1/%2F", Names(), "classic", "test")
        await broker.start()
        with pytest.raises(BrokerUnreachable) as caught:
            await broker.publish("anything", [b"1"])
        assert "secret-word" not in str(caught.value)
        with pytest.raises(BrokerUnreachable, match=r"within 0\.2 s"):
            await broker.wait_connected(0.2)
        await broker.close()

    run(scenario)


def test_a_mistake_of_ours_after_a_connection_does_not_end_the_connecting(
    stack: RunningStack, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with connected(stack) as broker:
            calls: list[bool] = []

            async def fails_once(_broker: Broker) -> None:
                calls.append(True)
                if len(calls) == 1:
                    raise ZeroDivisionError("a mistake")

            broker.on_connect.append(fails_once)
            await broker._reset("the test says so")
            async with asyncio.timeout(10):
                while len(calls) < 2 or not broker.connected:
                    await asyncio.sleep(0.01)
            await broker.publish(broker.names.tasks("default", 1), [b"1"])

    run(scenario)
    assert "a mistake" in caplog.text


def test_a_mistake_of_ours_in_subscribing_does_not_end_the_subscribing(
    stack: RunningStack, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with connected(stack) as broker:
            queue = broker.names.tasks("default", 1)
            got: list[Delivery] = []
            consumer = broker.consumer(queue, 50, lambda delivery: (got.append(delivery), delivery.ack()))
            subscribe, failed = consumer._subscribe, []

            async def fails_once(channel: Channel) -> str:
                if not failed:
                    failed.append(True)
                    raise ZeroDivisionError("a mistake")
                return await subscribe(channel)

            consumer._subscribe = fails_once  # type: ignore[method-assign]
            consumer.resume()
            await broker.publish(queue, [b"1"])
            await gather(1, got)
            await consumer.close()

    run(scenario)
    assert "a mistake" in caplog.text
