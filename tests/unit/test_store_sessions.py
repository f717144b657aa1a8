"""Sessions and their cells in the task database."""

from __future__ import annotations

from typing import Any

import pytest
from store_lab import Lab

from taskq_kernel.broker.names import session_queue
from taskq_kernel.errors import InvalidTask
from taskq_kernel.store import sessions, workers
from taskq_kernel.store.submission import check_batch

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


def test_a_deleted_session_ends_its_cells_as_well(lab: Lab) -> None:
    session = begin(lab, lab.join())
    waits = cell(lab, session)
    lab.bulk_action("delete", session)
    end_cells(lab)
    assert lab.task(waits).status == "FAILED"
