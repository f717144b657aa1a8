"""How far ahead a worker works."""

from __future__ import annotations

import pytest
from taskq_worker.claims import claim_ahead as module
from taskq_worker.claims.claim_ahead import MOST_AHEAD, ClaimAhead


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


def run(claim_ahead: ClaimAhead, clock: Clock, seconds: float) -> None:
    claim_ahead.started("task")
    clock.now += seconds
    claim_ahead.ended("task")


def test_a_worker_that_knows_nothing_yet_claims_for_its_free_slots_only() -> None:
    assert ClaimAhead(slots=4).ahead == 0
    assert ClaimAhead(slots=4).prefetch == 4


def test_many_fast_tasks_make_a_worker_claim_ahead_up_to_a_bound(clock: Clock) -> None:
    claim_ahead = ClaimAhead(slots=2)
    for _ in range(50):
        run(claim_ahead, clock, 0.0004)
    assert claim_ahead.ahead == 2 * MOST_AHEAD


def test_one_slow_task_ends_the_claiming_ahead_at_once(clock: Clock) -> None:
    claim_ahead = ClaimAhead(slots=2)
    for _ in range(50):
        run(claim_ahead, clock, 0.0004)
    run(claim_ahead, clock, 3.0)
    assert claim_ahead.ahead == 0


def test_a_slot_whose_task_turns_out_to_be_slow_is_not_claimed_for_ahead(clock: Clock) -> None:
    claim_ahead = ClaimAhead(slots=2)
    for _ in range(50):
        run(claim_ahead, clock, 0.0004)
    claim_ahead.started("slow")
    clock.now += 1.0
    assert claim_ahead.ahead == MOST_AHEAD
    claim_ahead.started("slow too")
    clock.now += 1.0
    assert claim_ahead.ahead == 0


def test_so_many_tasks_follow_one_as_fit_into_a_moment_and_none_where_tasks_are_not_short(clock: Clock) -> None:
    claim_ahead = ClaimAhead(slots=2)
    assert claim_ahead.bundle == 0, "it knows nothing of them yet"
    for _ in range(50):
        run(claim_ahead, clock, 0.005)
    assert claim_ahead.bundle == int(module.BUNDLE_S / 0.005)
    run(claim_ahead, clock, 0.02)
    assert claim_ahead.bundle == 0


def test_a_task_that_has_followed_another_counts_with_its_own_time(clock: Clock) -> None:
    claim_ahead = ClaimAhead(slots=1)
    claim_ahead.started("first")
    for _ in range(50):
        claim_ahead.went_on("first", 0.001)
    clock.now += 0.001
    claim_ahead.ended("first")
    assert claim_ahead.bundle == pytest.approx(module.BUNDLE_S / 0.001, abs=1)
