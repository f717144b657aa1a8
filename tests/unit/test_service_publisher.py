"""The publisher's decisions, with RabbitMQ's double: it lives in memory and does what a test says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from store_lab import Clock, Lab

from taskq_kernel.broker.double import MemoryBroker, MemoryRabbit
from taskq_kernel.broker.names import Names
from taskq_kernel.messages import TaskMessage, decode
from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.service.jobs import publisher as publisher_module
from taskq_kernel.service.jobs.publisher import Publisher
from taskq_kernel.store import Write, outbox

pytest_plugins = ["store_fixtures"]
pytestmark = pytest.mark.parametrize("lab", ["sqlite"], indirect=True)


class Rabbit(MemoryRabbit):
    """RabbitMQ's double, and the numbers of the tasks in it."""

    def numbers(self, queue: str) -> list[int]:
        return [decode(TaskMessage, body).number for body in self.bodies(queue)]

    def count(self) -> int:
        return sum(len(self.bodies(queue)) for queue in self.queues)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


def play(lab: Lab, scene: Callable[[Rabbit, Publisher], Awaitable[None]]) -> None:
    """Run a scene with a publisher at work."""
    async def act() -> None:
        rabbit, names = Rabbit(), Names("q")
        broker = MemoryBroker(rabbit, names)
        publisher = Publisher(AsyncStore(lab.store), broker, names)
        loop = asyncio.get_running_loop()
        lab.store.on_commit.append(
            lambda write: loop.call_soon_threadsafe(publisher.wake) if write.published else None
        )
        lab.store.on_commit.append(lambda write: loop.call_soon_threadsafe(publisher.forget, write.claimed))
        await broker.start()
        job = asyncio.create_task(publisher.run())
        try:
            await scene(rabbit, publisher)
        finally:
            job.cancel()
            await asyncio.gather(job, return_exceptions=True)
            await broker.close()

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
    async def scene(rabbit: Rabbit, _publisher: Publisher) -> None:
        await submit(lab, 3)
        await submit(lab, 1, queue="gpu", priority=2)
        await until(lambda: rabbit.count() == 4)
        assert rabbit.numbers("q.tasks.default") == [1, 2, 3]
        assert rabbit.numbers("q.tasks.gpu.high") == [4]
        await until(lambda: lab.waiting() == [])

    play(lab, scene)


def test_while_the_broker_is_away_tasks_wait_and_it_is_said_once(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(rabbit: Rabbit, _publisher: Publisher) -> None:
        rabbit.go_away()
        for _ in range(3):
            await submit(lab)
            await asyncio.sleep(0.3)
        assert lab.waiting() == [1, 2, 3]
        rabbit.come_back()
        await until(lambda: rabbit.numbers("q.tasks.default") == [1, 2, 3])

    play(lab, scene)
    assert caplog.text.count("tasks wait in the outbox") == 1


def test_a_batch_that_was_not_confirmed_is_published_again(lab: Lab) -> None:
    async def scene(rabbit: Rabbit, _publisher: Publisher) -> None:
        rabbit.refuse(4)
        await submit(lab, 2)
        await until(lambda: rabbit.numbers("q.tasks.default") == [1, 2])

    play(lab, scene)


def test_after_a_wipe_everything_that_waits_is_published_again(lab: Lab) -> None:
    async def scene(rabbit: Rabbit, _publisher: Publisher) -> None:
        running, *_ = await submit(lab, 3)
        await submit(lab, 1, queue="gpu")
        await until(lambda: lab.waiting() == [])
        await asyncio.to_thread(lambda: lab.claim(lab.join(), running))
        rabbit.go_away()
        rabbit.wipe()
        rabbit.come_back()
        await until(lambda: rabbit.count() == 3)
        assert rabbit.numbers("q.tasks.default") == [2, 3]
        assert rabbit.numbers("q.tasks.gpu") == [4]

    play(lab, scene)


def test_a_reconnection_without_a_wipe_publishes_nothing_twice(lab: Lab) -> None:
    async def scene(rabbit: Rabbit, _publisher: Publisher) -> None:
        await submit(lab, 3)
        await until(lambda: lab.waiting() == [])
        rabbit.drop_connections()
        await submit(lab)
        await until(lambda: 4 in rabbit.numbers("q.tasks.default"))
        assert rabbit.numbers("q.tasks.default") == [1, 2, 3, 4]

    play(lab, scene)


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """The tasks that the publisher has taken out of the outbox, in transactions of its own."""
    found: list[int | None] = []
    mark = outbox.mark_published

    def noted(write: Write, entries: dict[int, int | None]) -> None:
        mark(write, entries)
        found.extend(entries.values())

    monkeypatch.setattr(outbox, "mark_published", noted)
    return found


def test_a_task_that_is_claimed_at_once_costs_the_publisher_no_transaction(
    lab: Lab, marked: list[int | None]
) -> None:
    async def scene(rabbit: Rabbit, _publisher: Publisher) -> None:
        [claimed] = await submit(lab)
        await until(lambda: rabbit.numbers("q.tasks.default") == [1])
        await asyncio.to_thread(lambda: lab.claim(lab.join(), claimed))
        assert lab.waiting() == []
        await submit(lab)
        await until(lambda: marked == [2])

    play(lab, scene)


def test_what_lingers_in_the_outbox_is_published_once_and_again_after_a_reconnection(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, marked: list[int | None]
) -> None:
    monkeypatch.setattr(publisher_module, "LINGER_S", 3600.0)

    async def scene(rabbit: Rabbit, _publisher: Publisher) -> None:
        await submit(lab)
        await until(lambda: rabbit.numbers("q.tasks.default") == [1])
        await submit(lab)
        await until(lambda: rabbit.numbers("q.tasks.default") == [1, 2])
        assert lab.waiting() == [1, 2]
        rabbit.go_away()
        rabbit.wipe()
        rabbit.come_back()
        await until(lambda: sorted(rabbit.numbers("q.tasks.default")) == [1, 2])
        assert marked == []

    play(lab, scene)


def test_many_do_not_linger(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher_module, "LINGER_S", 3600.0)

    async def scene(_rabbit: Rabbit, _publisher: Publisher) -> None:
        await submit(lab, publisher_module.FEW + 1)
        await until(lambda: lab.waiting() == [])

    play(lab, scene)


def test_a_purged_queue_is_filled_again_and_a_full_one_is_left_alone(lab: Lab) -> None:
    async def scene(rabbit: Rabbit, publisher: Publisher) -> None:
        await submit(lab, 2)
        await submit(lab, 1, priority=2)
        await until(lambda: lab.waiting() == [])
        rabbit.purge("q.tasks.default")
        assert await publisher.check_once(lab.store.clock() - 15) == 0  # it may be on its way
        assert await publisher.check_once(lab.store.clock() + 1) == 2
        await until(lambda: rabbit.numbers("q.tasks.default") == [1, 2])
        assert rabbit.numbers("q.tasks.default.high") == [3]

    play(lab, scene)


def test_a_retry_is_published_when_it_is_due_and_not_before(lab: Lab) -> None:
    async def scene(rabbit: Rabbit, _publisher: Publisher) -> None:
        [task] = await submit(lab, 1, max_attempts=2)
        await until(lambda: rabbit.numbers("q.tasks.default") == [1])

        def fail() -> None:
            worker = lab.join()
            lab.claim(worker, task)
            lab.fail(task, worker)

        await asyncio.to_thread(fail)
        began = asyncio.get_running_loop().time()
        await until(lambda: rabbit.numbers("q.tasks.default") == [1, 1])
        assert 0.8 < asyncio.get_running_loop().time() - began < 5

    play(lab, scene)


def test_what_breaks_off_in_a_way_that_nobody_thought_of_is_published_again(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher_module, "LINGER_S", 0.01)
    rabbit, names = Rabbit(), Names("q")
    broker = MemoryBroker(rabbit, names)
    publish, failed = broker.publish, [RuntimeError("nobody thought of it")]

    async def fail_once(*given: Any, **named: Any) -> None:
        if failed:
            raise failed.pop()
        await publish(*given, **named)

    monkeypatch.setattr(broker, "publish", fail_once)

    async def scene() -> None:
        publisher = Publisher(AsyncStore(lab.store), broker, names)
        await broker.start()
        [task] = lab.submit()
        with pytest.raises(RuntimeError):
            await publisher.run()
        job = asyncio.create_task(publisher.run())  # the service begins it again
        try:
            await until(lambda: rabbit.numbers(names.tasks("default", 1)) == [task.number])
        finally:
            job.cancel()
            await asyncio.gather(job, return_exceptions=True)
            await broker.close()

    asyncio.run(scene())
