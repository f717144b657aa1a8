"""A claimer over RabbitMQ's double, and a stand-in for the service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from sample_messages import TASK
from taskq_worker.claims import claim_ahead
from taskq_worker.claims.claim import Claim
from taskq_worker.claims.claimer import Claimer
from taskq_worker.claims.claims import Claims

from taskq_kernel.broker.double import MemoryBroker, MemoryRabbit
from taskq_kernel.broker.names import Names
from taskq_kernel.errors import ServiceUnreachable
from taskq_kernel.messages import TaskMessage, encode

NAMES = Names("q")
LOW, NORMAL, HIGH = (NAMES.tasks("default", priority) for priority in (0, 1, 2))


class Service:
    """Stands for the service: grants every claim but those it is told to refuse."""

    def __init__(self) -> None:
        self.away = False
        self.takes_s = 0.0
        self.refused: set[str] = set()
        self.attempts: dict[str, int] = {}
        self.claimed: list[list[str]] = []
        self.released: list[tuple[str, int]] = []

    async def claim(self, ids: Sequence[str]) -> dict[str, int]:
        await asyncio.sleep(self.takes_s)
        if self.away:
            raise ServiceUnreachable("away")
        self.claimed.append(list(ids))
        granted = [one for one in ids if one not in self.refused]
        for one in granted:
            self.attempts[one] = self.attempts.get(one, 0) + 1
        return {one: self.attempts[one] for one in granted}

    async def release(self, tasks: Sequence[tuple[str, int]]) -> None:
        self.released += tasks


class Lab:
    """A claimer over RabbitMQ's double."""

    def __init__(self, slots: int) -> None:
        self.rabbit = MemoryRabbit()
        self.broker = MemoryBroker(self.rabbit, NAMES)
        self.service = Service()
        self.claims = Claims()
        self.stopped: list[Claim] = []
        self.looks = 0
        self.claimer = Claimer(
            self.broker, cast("Any", self.service), self.claims,
            slots=slots, queues=["default"], stop_attempt=self.stop,
        )  # fmt: skip

    async def stop(self, claim: Claim) -> None:
        self.stopped.append(claim)
        self.claims.forget(claim)

    async def submit(self, *numbers: int, queue: str = NORMAL) -> None:
        await self.broker.publish(queue, [encode(message(number)) for number in numbers])

    @property
    def held(self) -> list[int]:
        return sorted(claim.task.number for claim in self.claims)

    def waiting(self, queue: str = NORMAL) -> list[int]:
        return [msgspec.json.decode(body)["number"] for body in self.rabbit.bodies(queue)]

    async def tick(self) -> None:
        """As a worker does, ten times a second."""
        while True:
            await asyncio.sleep(0.01)
            self.claimer.look()
            self.looks += 1


def task_id(number: int) -> str:
    return f"{number:08x}-0000-0000-0000-000000000000"


def message(number: int) -> TaskMessage:
    return msgspec.structs.replace(TASK, id=task_id(number), number=number)


def run_tasks(lab: Lab, count: int, seconds: float) -> None:
    """Have tasks occupy a slot, each for so long by the clock of the moving estimate."""
    clock = SimpleNamespace(now=0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claim_ahead, "time", SimpleNamespace(monotonic=lambda: clock.now))
        for _ in range(count):
            with lab.claimer.occupied_by(Claim(message(0), 1)):
                clock.now += seconds


def play(scene: Callable[[Lab], Awaitable[None]], slots: int = 2) -> None:
    """Run a scene with a claimer at work."""

    async def act() -> None:
        lab = Lab(slots)
        await lab.broker.start()
        await lab.broker.wait_connected(10)
        await lab.broker.ensure_tasks_queue("default")
        jobs = [asyncio.create_task(job) for job in (lab.claimer.run(), lab.tick())]
        try:
            await scene(lab)
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            await lab.claimer.close()
            await lab.broker.close()

    asyncio.run(act())
