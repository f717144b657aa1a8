"""The table of legal transitions."""

from __future__ import annotations

import itertools

import pytest

from taskq_kernel.domain import FINAL, LEGAL_TRANSITIONS, RETRIABLE, TaskStatus, check_transition, sources_of
from taskq_kernel.errors import IllegalTransition

PAIRS = list(itertools.product(TaskStatus, TaskStatus))


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_a_transition_is_allowed_exactly_if_the_table_has_it(before: TaskStatus, after: TaskStatus) -> None:
    if (before, after) in LEGAL_TRANSITIONS:
        check_transition(before, after)
    else:
        with pytest.raises(IllegalTransition, match=f"from {before} to {after}") as refused:
            check_transition(before, after)
        assert (refused.value.before, refused.value.after) == (before, after)


def test_a_final_status_is_left_by_a_retry_only_and_finished_is_never_left() -> None:
    leaving = {(before, after): reason for (before, after), reason in LEGAL_TRANSITIONS.items() if before in FINAL}
    assert leaving.keys() == {(before, TaskStatus.QUEUEING) for before in RETRIABLE}
    assert all(why.startswith("a user retries it") for why in leaving.values())
    assert {TaskStatus.FINISHED} == FINAL - RETRIABLE


def test_no_task_stays_where_it_is() -> None:
    assert all(before is not after for before, after in LEGAL_TRANSITIONS)


@pytest.mark.parametrize("after", TaskStatus)
def test_the_sources_of_a_status_are_the_table_read_backwards(after: TaskStatus) -> None:
    assert set(sources_of(after)) == {before for before in TaskStatus if (before, after) in LEGAL_TRANSITIONS}


def test_every_final_status_can_be_reached_from_the_first() -> None:
    reached, frontier = {TaskStatus.QUEUEING}, [TaskStatus.QUEUEING]
    while frontier:
        here = frontier.pop()
        for before, after in LEGAL_TRANSITIONS:
            if before is here and after not in reached:
                reached.add(after)
                frontier.append(after)
    assert reached == set(TaskStatus)
