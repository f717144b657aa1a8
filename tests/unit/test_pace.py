"""How far ahead a worker works."""

from __future__ import annotations

import pytest
from taskq_worker import pace as module
from taskq_worker.pace import MOST_AHEAD, Pace


class Clock:
    """A monotonic clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def run(pace: Pace, clock: Clock, seconds: float) -> None:
    pace.started("task")
    clock.now += seconds
    pace.ended("task")


def test_a_worker_that_knows_nothing_yet_claims_for_its_free_slots_only() -> None:
    assert Pace(slots=4).ahead == 0
    assert Pace(slots=4).prefetch == 4


def test_many_fast_tasks_make_a_worker_claim_ahead_up_to_a_bound(clock: Clock) -> None:
    pace = Pace(slots=2)
    for _ in range(50):
        run(pace, clock, 0.0004)
    assert pace.ahead == 2 * MOST_AHEAD


def test_one_slow_task_ends_the_claiming_ahead_at_once(clock: Clock) -> None:
    pace = Pace(slots=2)
    for _ in range(50):
        run(pace, clock, 0.0004)
    run(pace, clock, 3.0)
    assert pace.ahead == 0


def test_a_slot_whose_task_turns_out_to_be_slow_is_not_claimed_for_ahead(clock: Clock) -> None:
    pace = Pace(slots=2)
    for _ in range(50):
        run(pace, clock, 0.0004)
    pace.started("slow")
    clock.now += 1.0
    assert pace.ahead == MOST_AHEAD
    pace.started("slow too")
    clock.now += 1.0
    assert pace.ahead == 0
