"""How far ahead a worker works."""

from __future__ import annotations

from taskq_worker.pace import MOST_AHEAD, Pace


def test_a_worker_that_knows_nothing_yet_claims_for_its_free_slots_only() -> None:
    assert Pace(slots=4).ahead == 0
    assert Pace(slots=4).prefetch == 4


def test_many_fast_tasks_make_a_worker_claim_ahead_up_to_a_bound() -> None:
    pace = Pace(slots=2)
    for _ in range(50):
        pace.took(0.0004)
    assert pace.ahead == 2 * MOST_AHEAD


def test_one_slow_task_ends_the_claiming_ahead_at_once() -> None:
    pace = Pace(slots=2)
    for _ in range(50):
        pace.took(0.0004)
    pace.took(3.0)
    assert pace.ahead == 0
