"""What tasks ran in, as it is stored; and repetitions that are kept off the worker that ran the first one."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from store_lab import Lab

from taskq_kernel.store import bulk_actions, records
from taskq_kernel.store.declined import AVOID_S, SOON_S
from taskq_kernel.store.tables import surroundings

pytest_plugins = ["store_fixtures"]

FACTS = '{"cpu":"a processor","threads":2}'


def told(lab: Lab, task: Any) -> Any:
    return lab.store.read(records.get_task, task.id, frozenset({"surroundings", "peakMemory", "avoid"}))


def finished(lab: Lab, worker: str, **options: Any) -> Any:
    [task] = lab.submit(**options)
    lab.claim(worker, task)
    lab.record(lab.outcome(task, worker, surroundings=FACTS, peak_memory=3 << 40))
    return task


def repeated(lab: Lab, task: Any) -> Any:
    """A repetition elsewhere, which the broker has."""
    selection, actor = bulk_actions.Selection(ids=[task.id]), bulk_actions.Actor("ann")
    done = lab.store.write(bulk_actions.retry_tasks, selection, actor, frozenset({"tasks"}), elsewhere=True)
    assert lab.publish() == [done.tasks[0].number]
    return done.tasks[0]


def test_what_tasks_ran_in_is_stored_once_for_all_of_a_process_and_goes_with_a_retry(lab: Lab) -> None:
    worker = lab.join()
    first, second = finished(lab, worker), finished(lab, worker)
    assert [(one.surroundings, one.peak_memory) for one in map(told, [lab] * 2, [first, second])] == [
        (FACTS, 3 << 40)
    ] * 2
    with lab.store.reader.begin() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(surroundings)).scalar_one() == 1
    [failing] = lab.submit()
    lab.claim(worker, failing)
    lab.fail(failing, worker, surroundings=FACTS, peak_memory=1)
    assert told(lab, failing).surroundings == FACTS
    lab.bulk_action("retry", failing)
    assert (told(lab, failing).surroundings, told(lab, failing).peak_memory) == (None, None)


def test_a_repetition_elsewhere_is_handed_over_again_until_another_worker_takes_it(lab: Lab) -> None:
    here = lab.join("here")
    there = lab.join("there")
    again = repeated(lab, finished(lab, here))
    assert told(lab, again).avoid == "here"
    assert lab.claim(here, again) == []
    assert (lab.task(again).status, lab.waiting()) == ("QUEUEING", [])
    lab.clock.advance(SOON_S)
    assert lab.publish() == [again.number]
    assert lab.claim(there, again) == [(again.id, 1)]


@pytest.mark.parametrize("other", [None, {"queues": ["another"]}, {"slots": 1}])
def test_a_repetition_runs_where_the_first_one_did_while_no_other_worker_could_take_it(
    lab: Lab, other: dict[str, Any] | None
) -> None:
    here = lab.join("here", slots=4)
    if other is not None:
        lab.join("there", **other)
    assert lab.claim(here, repeated(lab, finished(lab, here, threads=4)))


def test_a_repetition_does_not_wait_for_ever_for_another_worker_that_never_takes_it(lab: Lab) -> None:
    here = lab.join("here")
    lab.join("there")
    again = repeated(lab, finished(lab, here))
    lab.clock.advance(AVOID_S)
    assert lab.claim(here, again) == [(again.id, 1)]


def test_a_plain_repetition_runs_on_any_worker(lab: Lab) -> None:
    here = lab.join("here")
    lab.join("there")
    first = finished(lab, here)
    again = lab.bulk_action("retry", first).tasks[0]
    assert told(lab, again).avoid is None
    lab.publish()
    assert lab.claim(here, again) == [(again.id, 1)]
