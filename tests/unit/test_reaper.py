"""The reaper, whatever happens to the wall clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from store_lab import Lab

from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.service.blobs import Blobs
from taskq_kernel.service.jobs.reaper import INTERVAL_S, Reaper
from taskq_kernel.store import claims, outbox
from taskq_kernel.store.tables import tasks

pytest_plugins = ["store_fixtures"]

HOUR_S = 3600.0


@dataclass
class Watch:
    """A reaper with a wall clock that can be set and a steady one that cannot."""

    lab: Lab
    reaper: Reaper
    steady: list[float] = field(default_factory=lambda: [0.0])

    def passes(self, seconds: float, meanwhile: Callable[[], Any] = lambda: None) -> None:
        """Let time pass, with the reaper looking on."""
        end = self.steady[0] + seconds
        while self.steady[0] < end:
            self.steady[0] += INTERVAL_S
            self.lab.clock.advance(INTERVAL_S)
            meanwhile()
            asyncio.run(self.reaper.look())

    def set_clock(self, by_s: float) -> None:
        """Set the wall clock."""
        self.lab.clock.advance(by_s)


@pytest.fixture
def watch(lab: Lab, tmp_path: Path) -> Iterator[Watch]:
    steady = [1000.0]
    store = AsyncStore(lab.store)
    reaper = Reaper(store, lab.policy, Blobs(tmp_path, 1), wall=lab.clock, steady=lambda: steady[0])
    yield Watch(lab, reaper, steady)
    store._writer.shutdown()
    store._readers.shutdown()


def patience(lab: Lab) -> float:
    return lab.policy.lease_s + lab.policy.return_s + 2 * INTERVAL_S


@pytest.mark.parametrize("by_s", [-HOUR_S, -10.0, -2.0, -86400.0 * 400], ids=str)
def test_a_silent_worker_is_found_although_the_clock_was_turned_back(watch: Watch, by_s: float) -> None:
    worker = watch.lab.join()
    (task,) = watch.lab.submit()
    watch.lab.claim(worker, task)
    watch.set_clock(by_s)
    watch.passes(patience(watch.lab))
    assert watch.lab.task(task).status == "QUEUEING"
    assert watch.lab.task(task).lost == 1


def test_many_small_steps_back_hide_no_silent_worker(watch: Watch) -> None:
    worker = watch.lab.join()
    (task,) = watch.lab.submit()
    watch.lab.claim(worker, task)
    watch.passes(2 * patience(watch.lab), lambda: watch.set_clock(-0.1))
    assert watch.lab.task(task).status == "QUEUEING"


@pytest.mark.parametrize("by_s", [-HOUR_S, -10.0, HOUR_S, 10.0], ids=str)
def test_a_worker_that_reports_keeps_its_tasks_whatever_the_clock_does(watch: Watch, by_s: float) -> None:
    worker = watch.lab.join()
    (task,) = watch.lab.submit()
    watch.lab.claim(worker, task)
    watch.passes(2)
    watch.set_clock(by_s)
    watch.passes(INTERVAL_S)  # its next heartbeat comes after the reaper has looked
    watch.passes(3 * patience(watch.lab), lambda: watch.lab.beat(worker, claims.ClaimReport(task.id, 1)))
    assert watch.lab.task(task).status == "RUNNING"


def test_what_was_to_be_handed_over_soon_does_not_wait_for_the_clock(watch: Watch) -> None:
    worker = watch.lab.join()
    fresh, again = watch.lab.submit("1", "2", max_attempts=3)
    watch.lab.publish()
    watch.lab.claim(worker, again)
    watch.lab.fail(again, worker)  # is due in a second
    (late,) = watch.lab.submit("3")
    watch.set_clock(-HOUR_S)
    woken: list[bool] = []
    watch.lab.store.on_commit.append(lambda write: woken.append(write.published))
    watch.passes(INTERVAL_S)
    assert True in woken
    assert watch.lab.waiting() == [late.number]
    watch.passes(1.0, lambda: watch.lab.beat(worker))
    assert watch.lab.waiting() == [again.number, late.number]
    # And what the broker lost meanwhile is still looked for.
    assert watch.lab.store.read(outbox.published_queues, watch.lab.clock.now + 1) == [("default", 1)]
    assert fresh.number not in watch.lab.waiting()


def test_a_service_that_starts_with_its_clock_turned_back_hands_over_what_is_there(watch: Watch) -> None:
    (task,) = watch.lab.submit()
    watch.set_clock(-HOUR_S)
    asyncio.run(watch.reaper.start())
    assert watch.lab.waiting() == [task.number]


def test_a_claim_whose_answer_was_lost_goes_back_although_the_clock_was_turned_back(watch: Watch) -> None:
    worker = watch.lab.join()
    (task,) = watch.lab.submit()
    watch.lab.claim(worker, task)
    watch.set_clock(-HOUR_S)
    watch.lab.beat(worker)
    assert watch.lab.task(task).status == "QUEUEING"
    with watch.lab.store.reader.begin() as conn:
        assert conn.execute(sa.select(tasks.c.lost)).scalars().all() == [0]
