"""Which tasks follow one in its slot: no more than a moment's work, and none that another slot would begin sooner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from sample_messages import TASK
from stacks import until
from taskq_worker.bundle import Bundle
from taskq_worker.claims import claim_ahead
from taskq_worker.claims import claims as claims_module
from taskq_worker.claims.claim import Claim, ClaimState
from taskq_worker.claims.claimer import Claimer
from taskq_worker.claims.claims import Claims
from taskq_worker.slots.ahead import Listeners
from taskq_worker.slots.job import Job

from taskq_kernel.broker.double import MemoryBroker, MemoryRabbit
from taskq_kernel.broker.names import Names
from taskq_kernel.domain import TaskKind

SCRIPT = msgspec.structs.replace(TASK, kind=TaskKind.SCRIPT, entry=None)
JOB = Job(task_id="0", attempt=1, name="n", kind=TaskKind.SCRIPT, code=SCRIPT.code)


class Lab:
    """A task that runs in the first of two slots, and those that wait."""

    def __init__(self, waiting: int) -> None:
        self.claims = Claims()
        self.claimer = Claimer(
            MemoryBroker(MemoryRabbit(), Names("q")), cast("Any", None), self.claims,
            slots=2, queues=["default"], stop_attempt=cast("Any", None),
        )  # fmt: skip
        self.head = self._claim(0)
        for number in range(1, waiting + 1):
            self.claims.add(self._claim(number))
        self.bundle = Bundle(
            self.head, self.claims, self.claimer,
            listeners_of=lambda _: cast("Listeners", None), on_end=lambda *_: None, on_next=lambda _: None,
        )  # fmt: skip

    def _claim(self, number: int) -> Claim:
        return Claim(msgspec.structs.replace(SCRIPT, id=f"{number:08x}-0000-0000-0000-000000000000"), 1)

    @property
    def behind(self) -> int:
        return self.claims.count(ClaimState.AHEAD)

    def took(self, seconds: float, times: int = 50) -> None:
        """Tasks have taken so long."""
        clock = SimpleNamespace(now=0.0)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(claim_ahead, "time", SimpleNamespace(monotonic=lambda: clock.now))
            for _ in range(times):
                with self.claimer.occupied_by(self.head):
                    clock.now += seconds

    async def beside_a_free_slot(self, look: Callable[[], None]) -> None:
        """Look while another slot waits for a task."""
        free = asyncio.create_task(self.claims.next_ready())
        await until(lambda: self.claims.slots_wait, "the other slot is free")
        look()
        free.cancel()
        await asyncio.wait({free})


def test_no_more_lie_behind_a_task_than_are_a_moments_work_however_often_some_are_added() -> None:
    async def scene() -> None:
        lab = Lab(waiting=100)
        lab.took(0.005)
        for _ in range(10):
            lab.bundle.more(JOB, 64)
        assert lab.behind == lab.claimer.bundle == pytest.approx(claim_ahead.BUNDLE_S / 0.005, abs=1)

    asyncio.run(scene())


def test_what_lies_behind_is_held_up_once_tasks_are_slower_and_another_slot_is_free() -> None:
    async def scene() -> None:
        lab = Lab(waiting=4)
        lab.took(0.001)
        while lab.bundle.more(JOB, 64):
            pass
        for claim in lab.claims.ready:
            lab.claims.forget(claim)
        seen: list[bool] = []
        await lab.beside_a_free_slot(lambda: seen.append(lab.bundle.held_up))
        lab.took(0.02, times=1)
        seen.append(lab.bundle.held_up)
        await lab.beside_a_free_slot(lambda: seen.append(lab.bundle.held_up))
        assert seen == [False, False, True]

    asyncio.run(scene())


def test_what_lies_behind_is_held_up_while_nothing_may_start(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        lab = Lab(waiting=4)
        lab.took(0.001)
        lab.bundle.more(JOB, 64)
        assert not lab.bundle.held_up
        monkeypatch.setattr(claims_module, "MOST_BYTES", 0)
        assert lab.bundle.held_up

    asyncio.run(scene())
