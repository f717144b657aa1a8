"""A publisher at work over RabbitMQ's double, in real time."""

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
from taskq_kernel.service.jobs.publisher import Publisher
from taskq_kernel.store import outbox


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
        lab.store.before_commit.append(outbox.make_messages)
        lab.store.on_commit.append(lambda write: loop.call_soon_threadsafe(publisher.committed, write))
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
