"""The service and a real RabbitMQ: what waits is handed over, whatever happens to either."""

from __future__ import annotations

import asyncio
import signal
import uuid
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import pytest
from service_process import ServiceProcess, service_process
from stacks import RunningStack, eventually

from taskq_kernel.broker.client import Broker
from taskq_kernel.broker.delivery import Delivery
from taskq_kernel.broker.names import Names
from taskq_kernel.messages import TaskMessage, decode

T = TypeVar("T")
CREATE = "mutation($i: [TaskInput!]!) { createTasks(inputs: $i) { id number } }"


@pytest.fixture
def names() -> Names:
    return Names(f"test-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def service(stack: RunningStack, names: Names, tmp_path: Any) -> Iterator[ServiceProcess]:
    """A service of its own on the stack's broker, under a prefix of its own."""
    with service_process(
        tmp_path / "home", broker=stack.broker_url, broker_prefix=names.prefix, queue_type="classic"
    ) as running:
        eventually(lambda: status(running)["brokerConnected"], "the service is connected")
        yield running
        with_broker(stack, names, lambda broker: delete(broker, *names.all_tasks("default"), names.dead))


def status(service: ServiceProcess) -> dict[str, Any]:
    return service.data("{ statistics { brokerConnected outboxLength } }")["statistics"]  # type: ignore[no-any-return]  # JSON


def handed_over(service: ServiceProcess) -> None:
    eventually(lambda: status(service)["outboxLength"] == 0, "the outbox is empty")


def create(service: ServiceProcess, count: int, **options: Any) -> list[int]:
    given = [{"code": "1", **options}] * count
    return [task["number"] for task in service.data(CREATE, i=given)["createTasks"]]


def with_broker(stack: RunningStack, names: Names, action: Callable[[Broker], Awaitable[T]]) -> T:
    async def act() -> T:
        broker = Broker(stack.broker_url, names, "classic", "test")
        await broker.start()
        try:
            await broker.wait_connected(10)
            return await action(broker)
        finally:
            await broker.close()

    return asyncio.run(asyncio.wait_for(act(), 30))


async def delete(broker: Broker, *queues: str) -> None:
    channel = await broker.open_channel()
    for queue in queues:
        await channel.call(channel.raw.queue_delete, queue=queue)
    channel.close()


def taken(stack: RunningStack, names: Names, count: int, priority: int = 1) -> list[int]:
    """Take messages out of the queue; the numbers of their tasks."""
    async def take(broker: Broker) -> list[int]:
        got: list[Delivery] = []

        def receive(delivery: Delivery) -> None:
            got.append(delivery)
            delivery.ack()

        consumer = broker.consumer(names.tasks("default", priority), 100, receive)
        consumer.resume()
        async with asyncio.timeout(20):
            while len(got) < count:
                await asyncio.sleep(0.01)
        await consumer.close()
        return [decode(TaskMessage, delivery.body).number for delivery in got]

    return with_broker(stack, names, take)


def test_a_submitted_task_is_in_its_queue_at_once(
    stack: RunningStack, names: Names, service: ServiceProcess
) -> None:
    numbers = create(service, 1200)
    urgent = create(service, 1, priority=2)
    handed_over(service)
    assert taken(stack, names, 1200) == numbers
    assert taken(stack, names, 1, priority=2) == urgent


def test_when_a_queue_was_deleted_what_waits_is_handed_over_again(
    stack: RunningStack, names: Names, service: ServiceProcess
) -> None:
    numbers = create(service, 3)
    handed_over(service)
    with_broker(stack, names, lambda broker: delete(broker, *names.all_tasks("default")))
    numbers += create(service, 1)
    handed_over(service)
    assert set(taken(stack, names, 4)) == set(numbers)


def test_what_was_not_handed_over_when_the_service_was_killed_is_afterwards(
    stack: RunningStack, names: Names, service: ServiceProcess
) -> None:
    numbers = create(service, 2000)
    service.stop(signal.SIGKILL)
    service.start_again()
    handed_over(service)
    # Some may come twice; none may be missing.
    found = taken(stack, names, 2000)
    while set(found) != set(numbers):
        found += taken(stack, names, 1)


def test_a_worker_finds_its_queues_as_soon_as_it_has_joined(
    stack: RunningStack, names: Names, service: ServiceProcess
) -> None:
    service.data("""mutation { registerWorker(input: {name: "w", host: "h", pid: 1, runner: "julia",
        juliaVersion: "1.10", queues: ["default", "gpu"], slots: 1}) { id } }""", "worker")

    async def count(broker: Broker) -> int:
        async with asyncio.timeout(10):
            while True:
                try:
                    return await broker.ready_count(names.tasks("gpu", 0))
                except Exception:
                    await asyncio.sleep(0.05)

    assert with_broker(stack, names, count) == 0
    with_broker(stack, names, lambda broker: delete(broker, *names.all_tasks("gpu")))


def test_the_password_of_the_broker_stands_in_no_log(
    stack: RunningStack, names: Names, service: ServiceProcess
) -> None:
    password = stack.broker_url.split("@")[0].rsplit(":", 1)[1]
    create(service, 1)
    handed_over(service)
    assert password not in service.log
