"""The fleet: joining, leaving, draining, and being lost."""

from __future__ import annotations

from uuid import uuid4

import pytest
import sqlalchemy as sa
from store_lab import Lab
from store_plans import executed

from taskq_kernel.errors import InvalidTask, NotFound, ServiceError
from taskq_kernel.store import leases, workers
from taskq_kernel.store.claims import ClaimReport
from taskq_kernel.store.policy import Policy
from taskq_kernel.store.tables import outbox

pytest_plugins = ["store_fixtures"]


def fleet(lab: Lab) -> dict[str, tuple[str, int]]:
    return {row.name: (row.state, row.busy) for row in lab.store.read(workers.list_workers, everyone=True)}


def lose(lab: Lab) -> None:
    lab.clock.advance(lab.policy.lease_s + 0.1)
    lab.reap()


def test_the_fleet_shows_what_each_worker_holds(lab: Lab) -> None:
    tasks = lab.submit("1", "2", "3")
    first = lab.join("w1")
    lab.join("w2")
    lab.claim(first, *tasks[:2])
    assert fleet(lab) == {"w1": ("ONLINE", 2), "w2": ("ONLINE", 0)}


def test_a_silent_worker_is_lost_and_its_tasks_go_back_at_once(lab: Lab) -> None:
    mine, others = lab.submit("1", "2")
    lab.publish()
    silent, present = lab.join("silent"), lab.join("present")
    lab.claim(silent, mine)
    lab.claim(present, others)
    lab.clock.advance(lab.policy.lease_s + 0.1)
    lab.beat(present, ClaimReport(others.id, 1))

    assert lab.store.read(leases.expired_workers, lab.clock.now) == [silent]
    assert lab.reap() == (["silent"], 1)

    assert fleet(lab) == {"silent": ("LOST", 0), "present": ("ONLINE", 1)}
    now = lab.task(mine)
    assert (now.status, now.lost, now.worker) == ("QUEUEING", 1, None)
    assert lab.waiting() == [mine.number]
    assert "worker silent was lost" in lab.history(mine)[-1].reason


def test_nothing_is_taken_before_a_lease_ran_out(lab: Lab) -> None:
    [task] = lab.submit()
    lab.claim(lab.join(), task)
    lab.clock.advance(lab.policy.lease_s)
    assert lab.reap() == ([], 0)


def test_a_task_that_lost_too_many_workers_fails_with_a_sentence(lab: Lab) -> None:
    [task] = lab.submit()
    for name in ("anna", "bert", "carl"):
        lab.claim(lab.join(name), task)
        lose(lab)
    now = lab.task(task)
    assert (now.status, now.lost, now.error_name, now.worker) == ("FAILED", 3, "WorkerLost", "carl")
    assert "its worker was lost 3 times while running it (anna, bert, carl)" in now.error_message
    assert now.finished_at == lab.clock.now
    statuses = [event.status for event in lab.history(task)]
    assert statuses == ["QUEUEING", "RUNNING"] * 3 + ["FAILED"]


def test_tasks_that_are_lost_together_again_go_back_one_after_another(lab: Lab) -> None:
    tasks = lab.submit("1", "2", "3")
    numbers = [task.number for task in tasks]

    def lost_by(name: str) -> list[int]:
        lab.claim(lab.join(name), *tasks)
        lose(lab)
        return lab.waiting()

    assert lost_by("anna") == numbers
    assert lost_by("bert") == numbers[:1]
    for count in (2, 3):
        lab.clock.advance(leases.APART_S)
        assert lab.waiting() == numbers[:count]


def test_thousands_that_are_lost_again_go_back_in_a_few_groups(lab: Lab) -> None:
    tasks = lab.submit(*["1"] * 500)
    for name in ("anna", "bert"):
        lab.claim(lab.join(name), *tasks)
        lose(lab)
    lab.clock.advance(leases.APART_S * (leases.GROUPS - 1))
    assert lab.waiting() == [task.number for task in tasks]
    assert lab.store.read(lambda conn: conn.scalar(sa.select(sa.func.count(sa.distinct(outbox.c.available_at))))) < 40


def test_what_was_lost_before_and_what_was_not_go_back_with_a_few_statements_however_they_are_mixed(lab: Lab) -> None:
    tasks = lab.submit(*["1"] * 200)
    lab.claim(lab.join("anna"), *tasks[::2])
    lose(lab)
    lab.claim(lab.join("bert"), *tasks)
    with executed(lab.store.writer) as statements:
        lose(lab)
    assert len(statements) < 120
    waiting = lab.waiting()
    assert {task.number for task in tasks[1::2]} < set(waiting)
    assert len(waiting) < 150


def test_after_a_retry_the_losses_are_counted_anew(lab: Lab) -> None:
    lab.policy = Policy(max_lost=1)
    [task] = lab.submit()
    for name in ("anna", "bert"):
        lab.claim(lab.join(name), task)
        lose(lab)
        now = lab.task(task)
        assert (now.status, now.lost) == ("FAILED", 1)
        assert f"lost once while running it ({name})" in now.error_message
        lab.bulk_action("retry", task)
        assert lab.task(task).lost == 0


def test_when_the_service_comes_back_every_lease_starts_afresh(lab: Lab) -> None:
    [task] = lab.submit()
    worker = lab.join()
    lab.claim(worker, task)
    lab.clock.advance(3600)
    lab.store.write(leases.renew_all_leases, lab.policy)
    lab.clock.advance(lab.policy.lease_s + lab.policy.return_s - 0.1)
    assert lab.reap() == ([], 0)
    lab.beat(worker, ClaimReport(task.id, 1))
    assert lab.task(task).status == "RUNNING"


def test_a_worker_that_leaves_releases_what_it_has_claimed(lab: Lab) -> None:
    [task] = lab.submit()
    lab.publish()
    worker = lab.join("w1")
    lab.claim(worker, task)
    assert lab.store.write(workers.leave_worker, worker) == 1
    now = lab.task(task)
    assert (now.status, now.lost) == ("QUEUEING", 0)
    assert lab.waiting() == [task.number]
    assert fleet(lab) == {"w1": ("LEFT", 0)}
    with pytest.raises(ServiceError, match="register first"):
        lab.beat(worker)


def test_claims_that_never_started_are_released(lab: Lab) -> None:
    released, kept, others = lab.submit("1", "2", "3")
    worker, other = lab.join("w1"), lab.join("w2")
    lab.claim(worker, released, kept)
    lab.claim(other, others)
    given = [(released.id, 1), (kept.id, 2), (others.id, 1), (str(uuid4()), 1)]
    assert lab.store.write(workers.release_tasks, worker, given) == 1
    assert [lab.task(task).status for task in (released, kept, others)] == ["QUEUEING", "RUNNING", "RUNNING"]
    assert lab.task(released).lost == 0


def test_a_draining_worker_hears_of_it_and_stays_one_when_it_comes_back(lab: Lab) -> None:
    worker = lab.join("w1")
    assert not lab.beat(worker).drain
    assert lab.store.write(workers.drain_worker, worker).state == "DRAINING"
    assert lab.beat(worker).drain
    lose(lab)
    lab.join("w1", id=worker)
    assert fleet(lab) == {"w1": ("DRAINING", 0)}


def test_a_draining_worker_is_granted_its_claims_because_a_refused_message_is_dropped(lab: Lab) -> None:
    [task] = lab.submit()
    worker = lab.join("w1")
    lab.store.write(workers.drain_worker, worker)
    assert lab.claim(worker, task) == [(task.id, 1)]


@pytest.mark.parametrize("worker", ["8c4f2d1e-52a5-4d55-9a43-6f0c8ce1a0aa", "x", "\0"])
def test_an_unknown_worker_cannot_be_drained(lab: Lab, worker: str) -> None:
    with pytest.raises(NotFound):
        lab.store.write(workers.drain_worker, worker)


def test_a_worker_must_say_what_it_can_do(lab: Lab) -> None:
    with pytest.raises(InvalidTask, match="slots is 0"):
        lab.join(slots=0)
    with pytest.raises(InvalidTask, match="queue is 'a b'"):
        lab.join(queues=["a b"])
    with pytest.raises(InvalidTask, match="not a UUID"):
        lab.join(id="me")


def test_workers_that_are_long_gone_are_forgotten(lab: Lab) -> None:
    lab.join("old")
    lose(lab)
    lab.clock.advance(100)
    lab.join("new")
    lab.store.write(workers.forget_gone_workers, lab.clock.now - 50)
    assert list(fleet(lab)) == ["new"]
