"""Outcomes on their way: how many are published at once, and how often again."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from sample_messages import OUTCOME, TASK
from taskq_worker.claims import outcomes as module
from taskq_worker.claims.claim import Claim
from taskq_worker.claims.claims import Claims
from taskq_worker.claims.outcomes import REPUBLISH_MOST_S, REPUBLISH_S, Outcomes

from taskq_kernel.broker.names import Names


class BrokerDouble:
    """A broker in memory that takes everything; not RabbitMQ, and used in unit tests only."""

    def __init__(self) -> None:
        self.names = Names("q")
        self.on_connect: list[Any] = []
        self.batches: list[list[bytes]] = []

    async def publish(self, _queue: str, bodies: list[bytes]) -> None:
        self.batches.append(bodies)


class Lab:
    """Outcomes of a worker that holds some tasks, on a clock that the test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, count: int, message_bytes: int = 0) -> None:
        self.now = 0.0
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.broker, self.claims = BrokerDouble(), Claims()
        self.outcomes = Outcomes(cast("Any", self.broker), cast("Any", None), self.claims)
        for n in range(count):
            task = msgspec.structs.replace(TASK, id=f"{n:08x}-0000-0000-0000-000000000000")
            self.claims.add(Claim(task, 1, message_bytes))
        for claim in self.claims:
            self.outcomes.add(claim, msgspec.structs.replace(OUTCOME, id=claim.task.id, attempt=1, logs=[]))

    def publish(self) -> None:
        """Publish everything that is to be published now."""
        async def act() -> None:
            job = asyncio.create_task(self.outcomes.run())
            for _ in range(100):
                await asyncio.sleep(0)
            job.cancel()
            await asyncio.gather(job, return_exceptions=True)

        asyncio.run(act())

    def times_published(self, until_s: float, step_s: float) -> list[float]:
        """When the outcomes are published from now on, if nothing is ever settled."""
        times = []
        while self.now <= until_s:
            self.outcomes.repeat()
            before = len(self.broker.batches)
            self.publish()
            if len(self.broker.batches) > before:
                times.append(self.now)
            self.now += step_s
        return times

    def reconnect(self) -> None:
        """As the real broker does once it is back."""
        for callback in self.broker.on_connect:
            asyncio.run(callback(self.broker))


def test_outcomes_are_published_in_batches_of_a_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PUBLISH_BYTES", 1000)
    lab = Lab(monkeypatch, 7, message_bytes=400)
    lab.publish()
    assert [len(batch) for batch in lab.broker.batches] == [2, 2, 2, 1]


def test_an_outcome_larger_than_a_batch_is_published_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PUBLISH_BYTES", 1000)
    lab = Lab(monkeypatch, 3, message_bytes=5000)
    lab.publish()
    assert [len(batch) for batch in lab.broker.batches] == [1, 1, 1]


def test_what_is_never_settled_is_published_again_ever_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    times = Lab(monkeypatch, 1).times_published(until_s=10_000, step_s=20.0)
    assert times[:4] == [0, 20, 60, 140], "at the first look 15, 30 and 60 seconds after the one before"
    assert max(later - earlier for earlier, later in pairwise(times)) == REPUBLISH_MOST_S + 20
    assert len(times) < 20


def test_after_the_broker_was_lost_an_outcome_is_published_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(monkeypatch, 1)
    before = lab.times_published(until_s=600, step_s=20.0)
    assert lab.now - before[-1] > 2 * REPUBLISH_S
    lab.reconnect()
    [first, *_] = lab.times_published(until_s=700, step_s=1.0)
    assert first == 620
