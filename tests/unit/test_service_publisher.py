"""The publisher's decisions, with a broker that is a double: it lives in memory and does what a test says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from store_lab import Clock, Lab

from taskq_kernel.broker.names import Names
from taskq_kernel.errors import BrokerUnreachable
from taskq_kernel.messages import TaskMessage, decode
from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.service.jobs.publisher import Publisher

pytest_plugins = ["store_fixtures"]
pytestmark = pytest.mark.parametrize("lab", ["sqlite"], indirect=True)


class BrokerDouble:
    """A broker in memory; not RabbitMQ, and used in unit tests only."""

    def __init__(self) -> None:
        self.on_connect: list[Any] = []
        self.fresh: set[str] = set()
        self.connected = True
        self.queues: dict[str, list[int]] = {}
        self.declared: set[str] = set()
        self.refuse = 0

    async def publish(self, queue: str, bodies: list[bytes]) -> None:
        await asyncio.sleep(0)
        if not self.connected or self.refuse:
            self.refuse = max(0, self.refuse - 1)
            raise BrokerUnreachable("the double refuses")
        assert queue in self.queues, f"{queue} is not declared"
        self.queues[queue] += [decode(TaskMessage, body).number for body in bodies]

    async def ready_count(self, queue: str) -> int:
        return len(self.queues[queue])

    async def ensure_tasks_queue(self, queue: str) -> bool:
        if not self.connected:
            raise BrokerUnreachable("the double is away")
        names = Names("q").all_tasks(queue)
        new = any(name not in self.queues for name in names)
        for name in names:
            self.queues.setdefault(name, [])
        self.declared.add(queue)
        return new

    def wipe(self) -> None:
        self.queues.clear()

    async def reconnect(self) -> None:
        """As the real one: it declares what it knows, and says what was not there."""
        self.connected = True
        self.fresh = {queue for queue in sorted(self.declared) if await self.ensure_tasks_queue(queue)}
        for callback in self.on_connect:
            await callback(self)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


def play(lab: Lab, scene: Callable[[BrokerDouble, Publisher], Awaitable[None]]) -> None:
    """Run a scene with a publisher at work."""
    async def act() -> None:
        broker = BrokerDouble()
        store = AsyncStore(lab.store)
        publisher = Publisher(store, broker, Names("q"))
        loop = asyncio.get_running_loop()
        lab.store.on_commit.append(
            lambda _version, _changed, published: loop.call_soon_threadsafe(publisher.wake) if published else None
        )
        job = asyncio.create_task(publisher.run())
        try:
            await scene(broker, publisher)
        finally:
            job.cancel()
            await asyncio.gather(job, return_exceptions=True)

    asyncio.run(act())


class RealClock(Clock):
    """The time that it is."""

    @property
    def now(self) -> float:  # type: ignore[override]  # read only
        return time.time()

    @now.setter
    def now(self, value: float) -> None:
        pass


@pytest.fixture(autouse=True)
def present(lab: Lab) -> None:
    """The publisher lives in real time."""
    lab.clock = RealClock()
    lab.store.clock = lab.clock


def submit(lab: Lab, count: int = 1, **options: Any) -> Awaitable[Any]:
    return asyncio.to_thread(lambda: lab.submit(*["1"] * count, **options))


def test_what_is_submitted_is_published_at_once_to_its_queue(lab: Lab) -> None:
    async def scene(broker: BrokerDouble, _publisher: Publisher) -> None:
        await submit(lab, 3)
        await submit(lab, 1, queue="gpu", priority=2)
        await until(lambda: sum(map(len, broker.queues.values())) == 4)
        assert broker.queues["q.tasks.default"] == [1, 2, 3]
        assert broker.queues["q.tasks.gpu.high"] == [4]
        await until(lambda: lab.waiting() == [])

    play(lab, scene)


def test_while_the_broker_is_away_tasks_wait_and_it_is_said_once(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(broker: BrokerDouble, _publisher: Publisher) -> None:
        broker.connected = False
        for _ in range(3):
            await submit(lab)
            await asyncio.sleep(0.3)
        assert lab.waiting() == [1, 2, 3]
        await broker.reconnect()
        await until(lambda: broker.queues.get("q.tasks.default") == [1, 2, 3])

    play(lab, scene)
    assert caplog.text.count("tasks wait in the outbox") == 1


def test_a_batch_that_was_not_confirmed_is_published_again(lab: Lab) -> None:
    async def scene(broker: BrokerDouble, _publisher: Publisher) -> None:
        broker.refuse = 2
        await submit(lab, 2)
        await until(lambda: broker.queues.get("q.tasks.default") == [1, 2])

    play(lab, scene)


def test_after_a_wipe_everything_that_waits_is_published_again(lab: Lab) -> None:
    async def scene(broker: BrokerDouble, _publisher: Publisher) -> None:
        running, *_ = await submit(lab, 3)
        await submit(lab, 1, queue="gpu")
        await until(lambda: lab.waiting() == [])
        await asyncio.to_thread(lambda: lab.claim(lab.join(), running))
        broker.connected = False
        broker.wipe()
        await broker.reconnect()
        await until(lambda: sum(map(len, broker.queues.values())) == 3)
        assert broker.queues["q.tasks.default"] == [2, 3]
        assert broker.queues["q.tasks.gpu"] == [4]

    play(lab, scene)


def test_a_reconnection_without_a_wipe_publishes_nothing_twice(lab: Lab) -> None:
    async def scene(broker: BrokerDouble, _publisher: Publisher) -> None:
        await submit(lab, 3)
        await until(lambda: lab.waiting() == [])
        await broker.reconnect()
        await submit(lab)
        await until(lambda: 4 in broker.queues["q.tasks.default"])
        assert broker.queues["q.tasks.default"] == [1, 2, 3, 4]

    play(lab, scene)


def test_a_purged_queue_is_filled_again_and_a_full_one_is_left_alone(lab: Lab) -> None:
    async def scene(broker: BrokerDouble, publisher: Publisher) -> None:
        await submit(lab, 2)
        await submit(lab, 1, priority=2)
        await until(lambda: lab.waiting() == [])
        broker.queues["q.tasks.default"].clear()
        assert await publisher.check_once(lab.store.clock() - 15) == 0  # it may be on its way
        assert await publisher.check_once(lab.store.clock() + 1) == 2
        await until(lambda: broker.queues["q.tasks.default"] == [1, 2])
        assert broker.queues["q.tasks.default.high"] == [3]

    play(lab, scene)


def test_a_retry_is_published_when_it_is_due_and_not_before(lab: Lab) -> None:
    async def scene(broker: BrokerDouble, _publisher: Publisher) -> None:
        [task] = await submit(lab, 1, max_attempts=2)
        await until(lambda: broker.queues.get("q.tasks.default") == [1])

        def fail() -> None:
            worker = lab.join()
            lab.claim(worker, task)
            lab.fail(task, worker)

        await asyncio.to_thread(fail)
        began = asyncio.get_running_loop().time()
        await until(lambda: broker.queues["q.tasks.default"] == [1, 1])
        assert 0.8 < asyncio.get_running_loop().time() - began < 5

    play(lab, scene)
