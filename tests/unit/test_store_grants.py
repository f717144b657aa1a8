"""A lone task is given to a worker as it is submitted: who gets it, and what becomes of it, in a database."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import pytest
from store_lab import EVERYTHING, Lab

from taskq_kernel.domain import TaskStatus, Verdict
from taskq_kernel.messages import TaskMessage, decode
from taskq_kernel.store import Write, create, grants, leases, outbox, workers
from taskq_kernel.store.claims import ClaimReport
from taskq_kernel.store.made import Grant
from taskq_kernel.store.submission import check_all

pytest_plugins = ["store_fixtures"]


def submit(
    lab: Lab, *codes: str, out_of_reach: Collection[str] | None = (), **options: Any
) -> tuple[Any, Grant | None]:
    """Submit tasks where messages get to workers; the first of them, and what was granted."""
    new = check_all([{"code": code, **options} for code in codes or ("1 + 1",)])

    def act(write: Write) -> tuple[Any, Grant | None]:
        (first, *_), _ = create.create_tasks(write, new, "ann", EVERYTHING, out_of_reach=out_of_reach)
        return first, write.granted

    return lab.store.write(act)


def may_start(lab: Lab, worker: str, task: Any, attempt: int = 1) -> bool:
    """Whether a worker is told that it may start an attempt."""
    return still_held(lab, worker, (task.id, attempt)) == [(task.id, attempt)]


def still_held(lab: Lab, worker: str, *given: tuple[str, int]) -> list[tuple[str, int]]:
    return lab.store.read(grants.still_held, worker, given, lab.clock.now, lab.policy.lease_s)


def causes(lab: Lab, task: Any) -> list[tuple[str, str]]:
    return [(event.status, event.cause) for event in lab.history(task)]


def test_a_lone_task_runs_at_a_worker_with_room_from_its_submission_on(lab: Lab) -> None:
    worker = lab.join("w1", grants=2)
    task, granted = submit(lab)
    assert (task.status, task.attempt, task.worker, task.started_at) == ("RUNNING", 1, "w1", lab.clock.now)
    assert task.environment == "Julia 1.10.4"
    assert causes(lab, task) == [("QUEUEING", "SUBMITTED"), ("RUNNING", "CLAIMED")]
    assert lab.waiting() == [], "nobody else gets it"
    assert granted is not None
    assert (granted.task, granted.number, granted.attempt, granted.worker) == (task.id, task.number, 1, worker)
    assert may_start(lab, worker, task)
    assert lab.claim(lab.join("w2"), task) == []
    assert lab.finish(task, worker) is Verdict.ACCEPTED
    assert not may_start(lab, worker, task), "it is done"


@pytest.mark.parametrize("code", ["n + 1", "#" * 5000 + "\nf(; n) = n"], ids=["short", "by its hash"])
def test_its_message_is_that_of_any_task_and_has_its_attempt(lab: Lab, code: str) -> None:
    asked: dict[str, Any] = {
        "arguments": {"n": 3}, "seed": 5, "timeout_seconds": 2.0, "name": "é", "kind": "CALL", "entry": "f",
    }
    waiting, _ = submit(lab, code, **asked, out_of_reach=None)
    (body,) = lab.store.read(outbox.read_due, lab.clock.now).messages["default", 1]
    lab.bulk_action("cancel", waiting)
    lab.join(grants=2)
    _, granted = submit(lab, code, **asked)
    assert granted is not None
    one, other = decode(TaskMessage, body), decode(TaskMessage, granted.message)
    unlike = [name for name in TaskMessage.__struct_fields__ if getattr(one, name) != getattr(other, name)]
    assert unlike == ["id", "number", "attempt"]
    assert (one.attempt, other.attempt) == (None, 1)


@pytest.mark.parametrize("worker", [
    pytest.param({"grants": None}, id="of an earlier release"),
    pytest.param({"grants": 0}, id="not ready"),
    pytest.param({"grants": 2, "queues": ["gpu"]}, id="of another queue"),
    pytest.param({"grants": 1, "slots": 1, "cores": 4}, id="without a free slot"),
    pytest.param({"grants": 4, "slots": 4, "cores": 3}, id="without a free core"),
    pytest.param({"grants": 1, "slots": 4, "cores": 4}, id="without another slot whose Julia starts"),
])  # fmt: skip
def test_a_worker_that_cannot_take_it_is_not_given_it(lab: Lab, worker: dict[str, Any]) -> None:
    busy = lab.join(**worker)
    lab.claim(busy, *lab.submit(threads=3))
    task, granted = submit(lab)
    assert (task.status, granted, lab.waiting()) == ("QUEUEING", None, [task.number])


def silent(lab: Lab, _worker: str) -> None:
    lab.clock.advance(lab.policy.lease_s / 2)


def draining(lab: Lab, worker: str) -> None:
    lab.store.write(workers.drain_worker, worker)


def gone(lab: Lab, worker: str) -> None:
    lab.store.write(workers.leave_worker, worker)


def lost(lab: Lab, _worker: str) -> None:
    lab.clock.advance(lab.policy.lease_s + 0.1)
    lab.reap()


@pytest.mark.parametrize("becomes", [silent, draining, gone, lost])
def test_a_worker_that_was_not_heard_of_lately_or_leaves_is_not_given_it(
    lab: Lab, becomes: Callable[[Lab, str], None]
) -> None:
    worker = lab.join(grants=2)
    becomes(lab, worker)
    task, granted = submit(lab)
    assert (task.status, granted) == ("QUEUEING", None)


def test_it_is_given_to_a_worker_that_a_message_gets_to(lab: Lab) -> None:
    one, other = lab.join("w1", grants=2), lab.join("w2", grants=2)
    assert submit(lab, out_of_reach=None)[1] is None, "none gets to anybody"
    lab.bulk_action("cancel", lab.task_by_number(1))
    granted = [submit(lab, out_of_reach={one})[1] for _ in range(3)]
    assert [one and one.worker for one in granted] == [other, other, None]


def test_it_is_given_to_the_worker_that_has_least_to_do(lab: Lab) -> None:
    one, other = lab.join("w1", grants=3, slots=3), lab.join("w2", grants=3, slots=3)
    lab.claim(one, *lab.submit())
    first = submit(lab)[1]
    assert first is not None
    assert first.worker == other
    lab.finish(lab.task_by_number(1), one)
    assert [granted.worker for granted in (submit(lab)[1], submit(lab)[1]) if granted] == [one, min(one, other)]


@pytest.mark.parametrize("asked", [
    {"threads": 2}, {"gpus": 1}, {"memory_limit": 1 << 30}, {"env": {"A": "1"}}, {"outputs": ["*.csv"]},
    {"kind": "SESSION"},
], ids=lambda asked: next(iter(asked)))  # fmt: skip
def test_what_asks_for_more_than_a_core_is_given_to_nobody(lab: Lab, asked: dict[str, Any]) -> None:
    lab.join(grants=4, slots=4, gpus=1)
    task, granted = submit(lab, **asked)
    assert (task.status, granted) == ("QUEUEING", None)


def test_several_tasks_and_what_would_overtake_others_are_given_to_nobody(lab: Lab) -> None:
    worker = lab.join(grants=8, slots=8)
    first, granted = submit(lab, "1", "2")
    assert (first.status, granted) == ("QUEUEING", None)
    assert submit(lab)[1] is None, "others wait"
    assert lab.claim(worker, *(lab.task_by_number(n) for n in (1, 2, 3))) != []
    assert submit(lab)[1] is not None, "nobody waits any more"
    assert submit(lab, after=["4"])[1] is None, "what it needs is not done"


def test_a_request_that_is_sent_again_gives_it_to_nobody_else(lab: Lab) -> None:
    lab.join("w1", grants=2)
    task, granted = submit(lab)
    lab.join("w2", grants=2)
    again, given = submit(lab, id=task.id)
    assert granted is not None
    assert (again.number, again.status, again.worker, given) == (task.number, "RUNNING", "w1", None)


def test_a_value_that_is_there_already_is_not_computed_again(lab: Lab) -> None:
    worker = lab.join(grants=2)
    task, _ = submit(lab, cache=True)
    lab.finish(task, worker)
    again, granted = submit(lab, cache=True)
    assert (again.status, granted) == ("FINISHED", None)


@pytest.mark.parametrize("verb", ["cancel", "delete"])
def test_one_that_is_cancelled_on_its_way_may_not_be_started(lab: Lab, verb: str) -> None:
    worker = lab.join(grants=2)
    task, _ = submit(lab)
    lab.bulk_action(verb, task)
    assert not may_start(lab, worker, task)
    assert lab.finish(task, worker) is Verdict.REFUSED


def test_one_that_is_cancelled_and_retried_may_be_started_by_who_claims_it_alone(lab: Lab) -> None:
    worker = lab.join(grants=2)
    task, _ = submit(lab)
    lab.bulk_action("cancel", task)
    lab.bulk_action("retry", task)
    assert lab.claim(worker, task) == [(task.id, 2)]
    assert not may_start(lab, worker, task)
    assert may_start(lab, worker, task, attempt=2)
    assert not may_start(lab, lab.join("w2"), task, attempt=2)
    assert still_held(lab, worker, ("no uuid", 1), (task.id, 2)) == [(task.id, 2)]


def test_one_that_never_comes_to_its_worker_goes_back_and_does_not_count_as_lost(lab: Lab) -> None:
    worker = lab.join(grants=2)
    task, _ = submit(lab)
    lab.clock.advance(1)
    lab.beat(worker)
    assert lab.task(task).status == TaskStatus.RUNNING, "it may be on its way"
    for _ in range(3):
        lab.clock.advance(1)
        lab.beat(worker)
    now = lab.task(task)
    assert (now.status, now.attempt, now.lost, lab.waiting()) == ("QUEUEING", 1, 0, [task.number])
    assert not may_start(lab, worker, task), "also where it comes after that"
    assert lab.claim(worker, task) == [(task.id, 2)]


def test_one_that_the_next_heartbeat_takes_back_is_not_started_just_before(lab: Lab) -> None:
    worker = lab.join(grants=2)
    task, _ = submit(lab)
    lab.clock.advance(lab.policy.lease_s + 1)  # the service was away, and its message waits at the worker for its word
    lab.store.write(leases.renew_all_leases, lab.policy)
    assert not may_start(lab, worker, task)
    lab.beat(worker)
    assert lab.claim(lab.join("w2"), task) == [(task.id, 2)]


def test_one_whose_worker_is_lost_goes_to_others(lab: Lab) -> None:
    worker = lab.join("w1", grants=2)
    task, _ = submit(lab)
    lab.clock.advance(lab.policy.lease_s + 0.1)
    assert lab.reap() == (["w1"], 1)
    assert not may_start(lab, worker, task)
    assert lab.claim(lab.join("w2"), task) == [(task.id, 2)]


def test_one_that_cannot_be_brought_to_its_worker_is_taken_back_at_once(lab: Lab) -> None:
    worker = lab.join(grants=2)
    task, granted = submit(lab)
    lab.store.write(grants.take_back, granted)
    now = lab.task(task)
    assert (now.status, now.lost, now.worker, lab.waiting()) == ("QUEUEING", 0, None, [task.number])
    lab.claim(worker, task)
    lab.beat(worker, ClaimReport(task.id, 2))
    lab.store.write(grants.take_back, granted)
    assert lab.task(task).status == TaskStatus.RUNNING, "that attempt is over"
    lab.finish(task, worker, attempt=2)
    lab.store.write(grants.take_back, granted)
    assert lab.task(task).status == TaskStatus.FINISHED
