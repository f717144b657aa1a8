"""Outcomes on their way: how many are published at once, and how often again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from sample_messages import OUTCOME, TASK
from stacks import until
from taskq_worker.claims import outcomes as module
from taskq_worker.claims.claim import Claim
from taskq_worker.claims.claims import Claims
from taskq_worker.claims.outcomes import REPUBLISH_MOST_S, REPUBLISH_S, Outcomes
from taskq_worker.manifest_texts import ManifestTexts
from taskq_worker.outcome import make_outcome
from taskq_worker.slots.job import Report

from taskq_kernel.broker.client import Broker
from taskq_kernel.broker.double import MemoryBroker, MemoryRabbit
from taskq_kernel.broker.names import Names
from taskq_kernel.domain import TaskStatus
from taskq_kernel.messages import OutcomeMessage, Timing, decode
from taskq_kernel.outcome_bundles import outcomes_in


def test_an_outcome_tells_the_kind_of_process_in_which_the_task_ran(tmp_path: Path) -> None:
    ran = Report(TaskStatus.FINISHED, None, None, True, 0.0, 1.0, 1.0, 0, "1.12.1", runner="julia")
    refused = Report(TaskStatus.FAILED, None, None, False, 0.0, 0.0, 0.0, 0, "1.12.1")
    told = [
        make_outcome(Claim(TASK, 1), report, worker="w", runner="juliacall", home=tmp_path, texts=ManifestTexts())
        for report in (ran, refused)
    ]
    assert [one.provenance.runner for one in told] == ["julia", "juliacall"]


def test_an_outcome_tells_how_long_its_slot_took_to_be_ready_where_that_is_worth_a_word(tmp_path: Path) -> None:
    julias = Timing(prepare_s=0.0, compile_s=None, gc_s=0.0, allocated_bytes=1, encode_s=0.0)

    def told(after_s: float) -> Timing | None:
        claim = Claim(TASK, 1)
        claim.start(cold=True)
        assert claim.taken_at is not None
        began = claim.taken_at + after_s
        report = Report(TaskStatus.FINISHED, None, None, True, began, began, 0.0, 0, "1.12.1", timing=julias)
        return make_outcome(claim, report, worker="w", runner="julia", home=tmp_path, texts=ManifestTexts()).timing

    started = told(8.0)
    assert started is not None
    assert started.ready_s == pytest.approx(8.0)
    assert (told(0.001), told(-0.5)) == (julias, julias)  # another's successor may have begun before it was heard of


class CountingBroker(MemoryBroker):
    """RabbitMQ's double, and what was published at once."""

    def __init__(self) -> None:
        self.rabbit = MemoryRabbit()
        super().__init__(self.rabbit, Names("q"))
        self.batches: list[Sequence[bytes]] = []
        self.connections = 0
        self.on_connect.append(self._count)

    async def _count(self, _broker: Broker) -> None:
        self.connections += 1

    async def publish(self, queue: str, bodies: Sequence[bytes]) -> None:
        await super().publish(queue, bodies)
        self.batches.append(bodies)


class Lab:
    """Outcomes of a worker that has claimed some tasks, on a clock that the test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, count: int, message_bytes: int = 0) -> None:
        self.now = 0.0
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.broker, self.claims = CountingBroker(), Claims()
        self.outcomes = Outcomes(self.broker, cast("Any", None), self.claims)
        self._runner = asyncio.Runner()
        self._runner.run(self._start())
        for n in range(count):
            task = msgspec.structs.replace(TASK, id=f"{n:08x}-0000-0000-0000-000000000000")
            self.claims.add(Claim(task, 1, message_bytes))
        for claim in self.claims:
            self.outcomes.add(claim, msgspec.structs.replace(OUTCOME, id=claim.task.id, attempt=1, logs=[]))

    async def _start(self) -> None:
        await self.broker.start()
        await self.broker.wait_connected(10)
        await self.broker.declare(self.broker.names.outcomes)

    def close(self) -> None:
        self._runner.run(self.broker.close())
        self._runner.close()

    def publish(self) -> None:
        """Publish everything that is to be published now."""

        async def act() -> None:
            job = asyncio.create_task(self.outcomes.run())
            for _ in range(1000):
                await asyncio.sleep(0)
                if not self.outcomes.unpublished:
                    break
            job.cancel()
            await asyncio.gather(job, return_exceptions=True)

        self._runner.run(act())

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
        """Lose the connection, and have it back."""

        async def act() -> None:
            self.broker.rabbit.drop_connections()
            await until(lambda: self.broker.connections == 2, "it is connected again")

        self._runner.run(act())


MakeLab = Callable[..., Lab]


@pytest.fixture
def lab_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeLab]:
    labs: list[Lab] = []

    def make(count: int, message_bytes: int = 0) -> Lab:
        labs.append(Lab(monkeypatch, count, message_bytes))
        return labs[-1]

    yield make
    for lab in labs:
        lab.close()


def test_outcomes_are_published_in_batches_of_a_bounded_size(
    lab_of: MakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PUBLISH_BYTES", 1000)
    lab = lab_of(7, message_bytes=400)
    lab.publish()
    assert [outcomes for batch in lab.broker.batches for outcomes in together(batch)] == [2, 2, 2, 1]


def together(batch: Sequence[bytes]) -> list[int]:
    """How many outcomes each message of a batch has."""
    return [len(outcomes_in(body)) for body in batch]


def test_outcomes_that_end_together_are_one_message_and_what_is_sent_again_goes_alone(lab_of: MakeLab) -> None:
    lab = lab_of(5)
    lab.publish()
    assert [together(batch) for batch in lab.broker.batches] == [[5]]
    sent = [decode(OutcomeMessage, body).id for body in outcomes_in(lab.broker.batches[0][0])]
    assert sent == [claim.task.id for claim in lab.claims], "each as it would travel alone"
    lab.now = REPUBLISH_S + 1
    lab.outcomes.repeat()
    lab.publish()
    assert [together(batch) for batch in lab.broker.batches[1:]] == [[1] * 5], "for a sink that reads no other form"


def test_a_lone_outcome_travels_in_the_form_that_every_release_reads(lab_of: MakeLab) -> None:
    lab = lab_of(1)
    lab.publish()
    [[body]] = lab.broker.batches
    assert decode(OutcomeMessage, body).attempt == 1


def test_an_outcome_larger_than_a_batch_is_published_alone(
    lab_of: MakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PUBLISH_BYTES", 1000)
    lab = lab_of(3, message_bytes=5000)
    lab.publish()
    assert [len(batch) for batch in lab.broker.batches] == [1, 1, 1]


def test_what_is_never_settled_is_published_again_ever_more_rarely(lab_of: MakeLab) -> None:
    times = lab_of(1).times_published(until_s=10_000, step_s=20.0)
    assert times[:4] == [0, 20, 60, 140], "at the first look 15, 30 and 60 seconds after the one before"
    assert max(later - earlier for earlier, later in pairwise(times)) == REPUBLISH_MOST_S + 20
    assert len(times) < 20


def test_after_the_broker_was_lost_an_outcome_is_published_again_soon(lab_of: MakeLab) -> None:
    lab = lab_of(1)
    before = lab.times_published(until_s=600, step_s=20.0)
    assert lab.now - before[-1] > 2 * REPUBLISH_S
    lab.reconnect()
    [first, *_] = lab.times_published(until_s=700, step_s=1.0)
    assert first == 620


@pytest.mark.parametrize(("work_in_hand_s", "gather_s"), [(0.0, 0.01), (0.06, 0.03), (3.0, 0.05)])
def test_outcomes_gather_while_the_slots_have_work_for_twice_as_long(work_in_hand_s: float, gather_s: float) -> None:
    outcomes = Outcomes(CountingBroker(), cast("Any", None), Claims(), lambda: work_in_hand_s)
    assert outcomes.gather_s == gather_s
