"""Many tasks, workers that come and go, and parts that are too slow for the others."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from websockets.sync.client import connect

from chaos.conftest import Battlefield
from chaos.fleet import SLACK, Worker, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240 * SLACK)]

#: Waiting tasks in the test of joining and leaving workers.
MANY = int(os.environ.get("CHAOS_MANY", "5000"))
#: What a part may grow by, in MB, on top of what it had.
GROWTH_MB = 120.0


def resident_mb(pid: int | None) -> float:
    assert pid is not None
    return float(psutil.Process(pid).memory_info().rss / 1e6)


@contextmanager
def bounded_memory(field: Battlefield, growth_mb: float = GROWTH_MB) -> Iterator[None]:
    """No part that lives through the block has grown by more than this at its end."""
    before = {pid: (role, resident_mb(pid)) for role, pid in field.fleet.pids()}
    yield
    for pid, (role, size) in before.items():
        if psutil.pid_exists(pid):
            now = resident_mb(pid)
            assert now < size + growth_mb, f"{role} grew from {size:.0f} to {now:.0f} MB"


def remaining(field: Battlefield) -> int:
    counts = field.service.counts()
    return counts.get("QUEUEING", 0) + counts.get("RUNNING", 0)


def test_workers_join_leave_and_drain_while_thousands_of_tasks_wait(field: Battlefield) -> None:
    fleet = field.fleet
    with bounded_memory(field):
        ids = field.submit("0", MANY - 20)
        ids += field.submit_traced(count=20, seconds=1.0, priority=2)
        joined = [Worker(f"worker-join{n}", field.arena.home / "run") for n in range(2)]
        for worker in joined:
            fleet.start_worker(worker, TASKQ_GRACE="3")
        pids = {worker.pid for worker in joined}
        wait_for(
            lambda: pids <= {one["pid"] for one in field.service.workers() if one["juliaVersion"]},
            "the new workers have joined",
            60,
        )
        for worker in joined:
            began = time.monotonic()
            worker.signal(signal.SIGTERM)
            wait_for(lambda worker=worker: worker.pid is None, "it has left", 3 + 15)  # type: ignore[misc]
            wait_for(lambda worker=worker: worker.daemon.exit_code is not None, "it is gone")  # type: ignore[misc]
            assert worker.daemon.exit_code == 0, f"after {time.monotonic() - began:.1f} s"
        left = [one for one in field.service.workers() if one["pid"] in pids]
        assert {one["state"] for one in left} == {"LEFT"}
        wait_for(lambda: remaining(field) == 0, f"all of {MANY} tasks are final", 60 + MANY / 100)

    rows = field.service.tasks(ids, "status lost attempt")
    assert len(rows) == MANY
    assert {row["status"] for row in rows} == {"FINISHED"}
    assert {row["lost"] for row in rows} == {0}, "a worker that drains loses nothing"


def test_a_sink_that_stands_still_holds_up_no_worker_and_loses_no_outcome(field: Battlefield) -> None:
    pid = field.fleet.core("sink").pid
    assert pid is not None
    with bounded_memory(field):
        os.kill(pid, signal.SIGSTOP)
        try:
            ids = field.submit('repeat("x", 20_000)', 500)
            time.sleep(6)
            assert remaining(field) == 500, "nothing is final without the sink"
        finally:
            os.kill(pid, signal.SIGCONT)
        rows = field.ended(ids, 40)
    assert {row["status"] for row in rows} == {"FINISHED"}
    assert len(field.results(ids)) >= 500


def test_a_client_faster_than_the_broker_is_answered_and_memory_stays_bounded(field: Battlefield) -> None:
    field.fleet.local_broker().kill()
    with bounded_memory(field):
        ids = [one for _ in range(10) for one in field.submit("1 + 1", 1000, queue="nobody")]
        queued = field.service.transport.execute("{ statistics { outboxLength } }")["statistics"]["outboxLength"]
        assert queued >= 10_000
        field.fleet.repair()
        wait_for(
            lambda: (
                field.service.transport.execute("{ statistics { outboxLength } }")["statistics"]["outboxLength"] == 0
            ),
            "the broker has them all",
            40,
        )
    changed = sum(field.service.change("cancel", ids[n : n + 5000]) for n in range(0, len(ids), 5000))
    assert changed == 10_000


def test_a_subscriber_that_does_not_read_costs_the_service_little(field: Battlefield) -> None:
    token = (field.arena.home / "tokens" / "admin.token").read_text().strip()
    assert field.fleet.info is not None
    url = field.fleet.info.graphql.replace("http://", "ws://")
    query = "subscription { taskChanges { version tasks { id name code value status } } }"
    with (
        bounded_memory(field),
        connect(
            url,
            subprotocols=["graphql-transport-ws"],  # type: ignore[list-item]
            additional_headers={"authorization": f"Bearer {token}"},
            max_queue=1,
            close_timeout=1,
        ) as deaf,
    ):
        deaf.send('{"type": "connection_init", "payload": {}}')
        deaf.recv(10)
        deaf.send(f'{{"type": "subscribe", "id": "1", "payload": {{"query": "{query}"}}}}')
        text = "#" + "x" * 4000
        for _ in range(10):
            field.service.change("cancel", field.submit(f"1 {text}", 1000, queue="nobody"))
        assert statuses_of(field) == {"FINISHED"}, "the others are served meanwhile"


def statuses_of(field: Battlefield) -> set[str]:
    return {row["status"] for row in field.ended(field.submit("1 + 1", 5), 20)}


def test_the_logs_hold_no_traceback(field: Battlefield) -> None:
    logs: list[Path] = sorted((field.arena.home / "logs").iterdir())
    bad = {
        path.name: [line for line in path.read_text(errors="replace").splitlines() if "Traceback" in line]
        for path in logs
    }
    assert not any(bad.values()), bad
