"""Statements that run with every heartbeat, claim and look at the fleet read what they need, not the whole table."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.engine import Connection
from store_lab import Lab
from store_plans import executed, plan

from taskq_kernel.broker.names import session_queue
from taskq_kernel.domain import TaskStatus, Verdict
from taskq_kernel.service.recent_changes import RecentChanges
from taskq_kernel.service.shared.reading import read_batch, read_points
from taskq_kernel.store import (
    backlog,
    batches,
    bundling,
    cells,
    claims,
    create,
    definitions,
    expansion,
    feed,
    grants,
    leases,
    outbox,
    sessions,
    statistics,
    waiting,
    workers,
)
from taskq_kernel.store.blob_refs import has_value, not_of, oldest_running_start, referenced
from taskq_kernel.store.bulk_actions import Actor, Selection, cancel_tasks, retry_tasks
from taskq_kernel.store.create import create_tasks
from taskq_kernel.store.declined import decline_tasks
from taskq_kernel.store.filters import TaskFilter
from taskq_kernel.store.pages import Window, read_page
from taskq_kernel.store.shares import find_target
from taskq_kernel.store.sight import Sight
from taskq_kernel.store.submission import check_all, check_batch, check_definition

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
    "whether a value is somebody's": lambda conn: has_value(conn, Sight("ann"), "0" * 64),
    "what recipes have made": lambda conn: read_page(
        conn, TaskFilter(visible_to=Sight(recipes_only=True)), [], Window(), frozenset({"totalCount"})
    ),
    "what one recipe has made": lambda conn: read_page(conn, TaskFilter(recipe="ising"), [], Window(), frozenset()),
    "whether a recipe has made a value": lambda conn: has_value(conn, Sight(recipes_only=True), "0" * 64),
    "which files are not somebody's": lambda conn: not_of(conn, "ann", ["0" * 64, "1" * 64]),
    "what is due in the outbox": lambda conn: outbox.read_due(conn, 0.0),
    "what has changed": lambda conn: feed.read_changes(conn, 1, None, frozenset()),
    "who serves which queue": bundling.read_serving,
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


@pytest.mark.parametrize("lab", ["sqlite"], indirect=True)  # PostgreSQL has figures of its rows, and chooses by them
def test_tasks_that_are_shared_together_are_not_looked_for_among_all_of_their_owner(busy: Lab) -> None:
    together = str(uuid4())
    busy.submit("1", "2", batch=together)

    def look(conn: Connection) -> list[int]:
        found = find_target(conn, together, Sight("ann"))
        read = read_batch(conn, together, Sight(found.owner), 1, 0.0)
        return [row.number for row in (*read.points, *read_points(conn, read, -1, 10))]

    with executed(busy.store.reader) as statements:
        assert len(busy.store.read(look)) == 4
    with busy.store.reader.begin() as conn:
        lines = [line for one in statements for line in plan(conn, *one) if " tasks " in line]
    assert len(lines) == 4
    assert [line for line in lines if "ix_tasks_batch" not in line] == []
    assert lines[-1].endswith("(batch=? AND rowid>?)"), "the next points are read from where the last ones ended"


def test_the_points_of_a_shared_batch_are_counted_once(lab: Lab) -> None:
    defined = check_definition({"code": "f(; n) = n", "name": "f"}, "input")
    definition = lab.store.write(definitions.register_definition, defined, "ann").id
    given = {"name": "b", "definition": definition, "design": '{"axes": {"n": [1, 2, 3]}}'}
    batch = lab.store.write(batches.submit_batch, check_batch(given, "input"), Actor("ann")).batch.id
    lab.store.write(expansion.make_next, batch, expansion.Grids(), 2)
    with executed(lab.store.reader) as statements:
        read = lab.store.read(read_batch, batch, Sight("ann"), 1, 0.0)
    assert (read.total, read.counts["QUEUEING"], read.names, len(read.points)) == (2, 3, ("n",), 2)
    for counted in ("GROUP BY tasks.status", "tasks.point >="):  # those with a task, and those that have none yet
        assert len([statement for statement, _ in statements if counted in statement]) == 1


def test_a_worker_that_joins_and_one_that_declines_never_read_all_tasks(busy: Lab) -> None:
    (task,) = busy.submit(threads=8)
    with executed(busy.store.writer) as statements:
        busy.join(id=_FLEET)
        busy.store.write(decline_tasks, _FLEET, [task.id])
        busy.store.write(sessions.end_cells, [session_queue(_FLEET)])
    with busy.store.reader.begin() as conn:
        assert [line for one in statements for line in scans(conn, *one)] == []


#: What is done with tasks that are named: by their ids, their batch, the session that they wait for, what they compute.
BY_NAME: dict[str, Callable[[Lab, Any], Any]] = {
    "a claim": lambda lab, task: lab.claim(_FLEET, task),
    "a refusal": lambda lab, task: lab.store.write(
        decline_tasks, _FLEET, [task.id, *(str(uuid4()) for _ in range(12))]
    ),
    "the end of one that another needs": lambda lab, task: lab.bulk_action("cancel", task, admin=True),
    "another try of what others need": lambda lab, task: [
        lab.bulk_action(verb, task, admin=True) for verb in ("cancel", "retry")
    ],
    "a submission that needs one": lambda lab, task: lab.store.write(
        create_tasks, check_all([{"code": "1", "after": [task.id]}]), "ann", frozenset(), Sight("ann")
    ),
    "a submission that may have been computed": lambda lab, _task: lab.submit(cache=True),
    "an action on one's own": lambda lab, task: lab.store.write(
        cancel_tasks, Selection(ids=[task.id]), Actor("ann", visible_to=Sight("ann")), frozenset()
    ),
    "an action on a batch of one's own": lambda lab, task: lab.store.write(
        retry_tasks, Selection(filter=TaskFilter(batch=task.batch)), Actor("ann"), frozenset()
    ),
    "the end of a session": lambda lab, _task: lab.store.write(sessions.end_cells, [session_queue(_FLEET)]),
    "how many of those that are selected match": lambda lab, task: lab.store.write(
        lambda write: read_page(
            write.conn, TaskFilter(ids=[task.id] * 99, status=[TaskStatus.QUEUEING]), [], Window(first=0), COUNT
        )
    ),
}
COUNT = frozenset({"totalCount"})
_NAMED = re.compile(r"tasks\.(id|number|cache_key|batch|queue) (IN|=)")


@pytest.mark.parametrize("lab", ["sqlite"], indirect=True)  # PostgreSQL has figures of its rows, and chooses by them
@pytest.mark.parametrize("act", BY_NAME)
def test_tasks_that_are_named_are_not_looked_for_among_all_of_a_status_or_an_owner(busy: Lab, act: str) -> None:
    (task,) = busy.submit(batch=str(uuid4()))
    busy.submit(after=[task.id])
    with executed(busy.store.writer) as statements:
        BY_NAME[act](busy, task)
    named = [one for one in statements if _NAMED.search(one[0]) and one[0].startswith(("SELECT", "WITH", "UPDATE"))]
    assert named
    with busy.store.reader.begin() as conn:
        lines = [line for one in named for line in plan(conn, *one)]
        assert [line for one in named for line in scans(conn, *one)] == []
    assert [line for line in lines if re.search("ix_tasks_(status|owner)", line)] == []


def test_a_submission_and_what_is_made_of_it_never_read_all_tasks(busy: Lab) -> None:
    busy.store.before_commit.append(outbox.make_messages)
    busy.store.before_commit.append(lambda write: RecentChanges.read(write, frozenset()) and None)
    with executed(busy.store.writer) as statements:
        (task,) = busy.submit()
        busy.submit(id=task.id)  # once more
        busy.publish()
    assert len(statements) > 15
    with busy.store.writer.begin() as conn:
        assert [line for one in statements if one[0].startswith(("SELECT", "UPDATE", "DELETE"))
                for line in scans(conn, *one)] == []  # fmt: skip


def test_giving_a_task_to_a_worker_and_its_question_never_read_all_tasks(busy: Lab) -> None:
    busy.join(id=_FLEET, grants=2)
    new = check_all([{"code": "1"}])
    with executed(busy.store.writer) as statements:
        (task,), _ = busy.store.write(create.create_tasks, new, "ann", frozenset(), out_of_reach=())
    with executed(busy.store.reader) as questions:
        given, now = [(task.id, 1)], busy.clock.now
        assert busy.store.read(grants.still_held, _FLEET, given, now, busy.policy.lease_s) == given
    assert len(statements) > 10
    with busy.store.writer.begin() as conn:
        assert [line for one in [*statements, *questions] if one[0].startswith(("SELECT", "UPDATE"))
                for line in scans(conn, *one)] == []  # fmt: skip


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
