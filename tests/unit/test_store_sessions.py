"""Sessions and their cells in the task database."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from store_lab import Lab
from test_why import Rabbit, why

from taskq_kernel.broker.names import session_queue
from taskq_kernel.domain import WhyKind
from taskq_kernel.errors import InvalidTask
from taskq_kernel.service.why import Reason
from taskq_kernel.store import create, sessions, workers
from taskq_kernel.store.statistics import read_statistics
from taskq_kernel.store.submission import check_all, check_batch

pytest_plugins = ["store_fixtures"]

GRID = '{"axes": {"n": [1]}}'


def begin(lab: Lab, worker: str, owner: str = "ann") -> Any:
    [session] = lab.submit("# cells", kind="SESSION", owner=owner)
    lab.claim(worker, session)
    return session


def cell(lab: Lab, session: Any, **options: Any) -> Any:
    [made] = lab.submit(queue=session_queue(session.id), **options)
    return made


def end_cells(lab: Lab, version: int = 0) -> int:
    ended = lab.store.read(sessions.ended_since, version)
    lab.store.write(sessions.end_cells, ended.queues)
    return ended.version


def test_only_its_owner_submits_cells_to_a_session_and_only_scripts(lab: Lab) -> None:
    session = begin(lab, lab.join())
    assert cell(lab, session).queue == session_queue(session.id)
    with pytest.raises(InvalidTask, match="you have no session of that name"):
        cell(lab, session, owner="bob")
    with pytest.raises(InvalidTask, match="you have no session of that name"):
        lab.submit(queue="session-of-nobody")
    with pytest.raises(InvalidTask, match="cells are of kind SCRIPT"):
        cell(lab, session, kind="CALL")
    with pytest.raises(InvalidTask, match="a cell keeps no files"):
        cell(lab, session, outputs=["*.csv"])
    with pytest.raises(InvalidTask, match="depends on the cells before it"):
        cell(lab, session, cache=True)
    with pytest.raises(InvalidTask, match="points of a batch are no cells"):
        check_batch({"name": "b", "design": GRID, "queue": session_queue(session.id)}, "input")


def test_cells_that_wait_fail_when_their_session_ends_and_are_not_retried(lab: Lab) -> None:
    worker = lab.join()
    session, other = begin(lab, worker), begin(lab, worker)
    waits, stays, done = cell(lab, session), cell(lab, other), cell(lab, session)
    lab.claim(worker, done)
    lab.fail(done, worker)
    seen = end_cells(lab)
    assert lab.task(waits).status == "QUEUEING"
    lab.bulk_action("cancel", session)
    end_cells(lab, seen)
    now = lab.task(waits)
    assert (now.status, now.error_name) == ("FAILED", "SessionOver")
    assert lab.task(stays).status == "QUEUEING"
    assert lab.bulk_action("retry", waits, done, session).changed == 0
    with pytest.raises(InvalidTask, match="begin another one"):
        cell(lab, session)


@pytest.mark.parametrize("how", ["lost", "left"])
def test_a_session_fails_with_its_worker_and_its_running_cell_runs_nowhere_else(lab: Lab, how: str) -> None:
    worker = lab.join()
    session = begin(lab, worker)
    running = cell(lab, session)
    lab.claim(worker, running)
    if how == "lost":
        lab.clock.advance(lab.policy.lease_s + 0.1)
        lab.reap()
    else:
        lab.store.write(workers.leave_worker, worker)
    now = lab.task(session)
    assert (now.status, now.error_name) == ("FAILED", "SessionLost")
    end_cells(lab)
    assert (lab.task(running).status, lab.task(running).error_name) == ("FAILED", "SessionOver")


@pytest.mark.parametrize("how", ["released", "worker lost", "tried again"])
def test_a_cell_that_goes_back_after_its_session_has_ended_waits_for_nobody(lab: Lab, how: str) -> None:
    worker = lab.join()
    session = begin(lab, worker)
    taken = cell(lab, session, max_attempts=2)
    lab.claim(worker, taken)
    lab.bulk_action("cancel", session)
    end_cells(lab)
    assert lab.task(taken).status == "RUNNING", "its worker has it, and has not heard yet that the session is over"
    if how == "released":
        lab.store.write(workers.release_tasks, worker, [(taken.id, 1)])
    elif how == "worker lost":
        lab.clock.advance(lab.policy.lease_s + 0.1)
        lab.reap()
    else:
        lab.fail(taken, worker)
    now = lab.task(taken)
    assert (now.status, now.error_name) == ("FAILED", "SessionOver")
    lab.clock.advance(60)
    assert lab.waiting() == []


def test_a_cell_that_needed_a_task_fails_when_that_is_tried_again_after_its_session_has_ended(lab: Lab) -> None:
    worker = lab.join()
    session = begin(lab, worker)
    [needed] = lab.submit()
    waits = cell(lab, session, after=[needed.id])
    lab.bulk_action("cancel", needed)
    assert lab.task(waits).error_name == "DependencyFailed"
    lab.bulk_action("cancel", session)
    lab.bulk_action("retry", needed)
    assert (lab.task(waits).status, lab.task(waits).error_name) == ("FAILED", "SessionOver")
    assert lab.task(needed).status == "QUEUEING"


def test_a_cell_of_an_open_session_goes_back_to_it(lab: Lab) -> None:
    worker = lab.join()
    session = begin(lab, worker)
    taken = cell(lab, session)
    lab.claim(worker, taken)
    lab.store.write(workers.release_tasks, worker, [(taken.id, 1)])
    assert lab.task(taken).status == "QUEUEING"
    assert taken.number in lab.waiting()


def test_the_place_of_a_cell_that_is_refused_is_its_place_in_the_request(lab: Lab) -> None:
    session = begin(lab, lab.join())
    first = {"code": "1", "queue": session_queue(session.id), "id": str(uuid4())}
    lab.store.write(create.create_tasks, check_all([first]), "ann", frozenset())
    foreign = {"code": "2", "queue": "session-of-nobody"}
    with pytest.raises(InvalidTask) as refused:
        lab.store.write(create.create_tasks, check_all([first, foreign]), "ann", frozenset())
    assert refused.value.index == 1


def test_a_cell_says_that_it_waits_for_its_session_or_for_the_cells_before_it(lab: Lab) -> None:
    worker = lab.join(slots=1)
    [session] = lab.submit("# cells", kind="SESSION", threads=4)
    first, second, third = (cell(lab, session) for _ in range(3))
    lab.publish()
    assert why(lab, first) == Reason(
        WhyKind.DEPENDENCY, f"its session, task {session.number}, waits for a slot", needs=session.number
    )
    lab.claim(worker, session)
    lab.join(queues=["default", session_queue(session.id)], slots=1, id=worker)
    assert why(lab, first) == Reason(WhyKind.STARTING, "it is on its way to its session", ahead=0)
    lab.claim(worker, first)
    assert why(lab, second) == Reason(WhyKind.BUSY, f"its session runs task {first.number}", ahead=0)
    assert why(lab, third).sentence == f"its session runs task {first.number}, and 1 task is ahead of it"
    assert why(lab, third, Rabbit(connected=False)).kind is WhyKind.BROKER
    lab.bulk_action("cancel", session)
    assert why(lab, third) == Reason(WhyKind.UNSERVED, "its session has ended")


def test_a_cell_takes_no_slot_beside_that_of_its_session(lab: Lab) -> None:
    worker = lab.join(slots=2)
    session = begin(lab, worker)
    running = cell(lab, session)
    lab.claim(worker, running)
    [other] = lab.submit()
    lab.publish()
    assert why(lab, other).sentence == "it is on its way to a slot: 1 of 2 are free"
    assert lab.store.read(read_statistics, lab.clock.now).busy == 1


def test_a_deleted_session_ends_its_cells_as_well(lab: Lab) -> None:
    session = begin(lab, lab.join())
    waits = cell(lab, session)
    lab.bulk_action("delete", session)
    end_cells(lab)
    assert lab.task(waits).status == "FAILED"
