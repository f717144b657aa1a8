"""Statements that run with every heartbeat, claim and look at the fleet read what they need, not the whole table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.engine import Connection
from store_lab import Lab
from store_plans import executed, plan

from taskq_kernel.broker.names import session_queue
from taskq_kernel.domain import Verdict
from taskq_kernel.store import backlog, cells, claims, leases, sessions, statistics, waiting, workers
from taskq_kernel.store.blob_refs import has_value, not_of, oldest_running_start, referenced
from taskq_kernel.store.declined import decline_tasks

pytest_plugins = ["store_fixtures"]

_FLEET = "0b6f0c57-1c5e-4d53-8d3c-9a1f4f6f0d11"


def _any_task(conn: Connection) -> int:
    return workers.claimed_by(conn, _FLEET)[0].number


#: What is asked often, each with a database that has one running task of the worker `_FLEET`.
HOT: dict[str, Callable[[Connection], Any]] = {
    "tasks that a worker holds": lambda conn: workers.claimed_by(conn, _FLEET),
    "the overview": lambda conn: statistics.read_statistics(conn, 0.0),
    "the overview of one owner": lambda conn: statistics.read_statistics(conn, 0.0, "ann"),
    "the fleet": workers.list_workers,
    "one worker": lambda conn: workers.get_worker(conn, _FLEET),
    "workers whose lease ran out": lambda conn: leases.expired_workers(conn, 0.0),
    "when the oldest running task started": oldest_running_start,
    "which values are in use": lambda conn: referenced(conn, ["0" * 64, "1" * 64]),
    "what waits, and for which slots": lambda conn: backlog.read_backlog(conn, 0.0),
    "how a waiting task stands": lambda conn: waiting.standing_of(conn, _any_task(conn)),
    "what a task's history says last": lambda conn: waiting.last_reason(conn, _any_task(conn)),
    "whether a value is somebody's": lambda conn: has_value(conn, "ann", "0" * 64),
    "which files are not somebody's": lambda conn: not_of(conn, "ann", ["0" * 64, "1" * 64]),
    "which sessions have ended": lambda conn: sessions.ended_since(conn, 0),
    "what stands before a cell": lambda conn: cells.turn_in(conn, session_queue(_FLEET)),
}


def scans(conn: Connection, statement: str, parameters: Any) -> list[str]:
    """The lines of a statement's plan that read the table of tasks from end to end."""
    if conn.dialect.name == "sqlite":
        lines = plan(conn, statement, parameters)
        return [line for line in lines if line.startswith("SCAN tasks") and "INDEX" not in line]
    # With so few rows PostgreSQL would scan whatever it likes: it is asked what it can do.
    conn.exec_driver_sql("SET LOCAL enable_seqscan = off")
    return [line for line in plan(conn, statement, parameters) if "Seq Scan on tasks" in line]


@pytest.fixture
def busy(lab: Lab) -> Lab:
    """A worker that runs a task."""
    worker = lab.join(id=_FLEET)
    (task,) = lab.submit()
    lab.claim(worker, task)
    return lab


@pytest.mark.parametrize("question", HOT)
def test_what_is_asked_often_never_reads_all_tasks(busy: Lab, question: str) -> None:
    with executed(busy.store.reader) as statements:
        busy.store.read(HOT[question])
    assert statements
    with busy.store.reader.begin() as conn:
        assert [line for one in statements if one[0].startswith("SELECT") for line in scans(conn, *one)] == []


def test_a_worker_that_joins_and_one_that_declines_never_read_all_tasks(busy: Lab) -> None:
    (task,) = busy.submit(threads=8)
    with executed(busy.store.writer) as statements:
        busy.join(id=_FLEET)
        busy.store.write(decline_tasks, _FLEET, [task.id])
        busy.store.write(sessions.end_cells, [session_queue(_FLEET)])
    with busy.store.reader.begin() as conn:
        assert [line for one in statements for line in scans(conn, *one)] == []


def test_a_claim_a_heartbeat_and_an_outcome_never_read_all_tasks(busy: Lab) -> None:
    (task,) = busy.submit()
    with executed(busy.store.writer) as statements:
        busy.claim(_FLEET, task)
        busy.beat(_FLEET, claims.ClaimReport(task.id, 1, progress=0.5), logs=[claims.Log(task.id, 1, 0, "stdout", "a")])
        assert busy.record(busy.outcome(task, _FLEET)) == [Verdict.ACCEPTED]
        busy.clock.advance(100)
        assert busy.reap()[1] == 1
    asked = [one for one in statements if one[0].startswith(("SELECT", "UPDATE"))]
    assert len(asked) > 10
    with busy.store.writer.begin() as conn:
        assert [line for one in asked for line in scans(conn, *one)] == []
