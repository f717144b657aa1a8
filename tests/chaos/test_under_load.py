"""Many tasks, workers that come and go, and parts that are too slow for the others."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from websockets.protocol import State
from websockets.sync.client import ClientConnection, connect

from chaos.conftest import Battlefield
from chaos.fleet import SLACK, Worker, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240 * SLACK)]

#: Waiting tasks in the test of joining and leaving workers.
MANY = int(os.environ.get("CHAOS_MANY", "5000"))
#: Tasks with a megabyte of arguments in the test of a sink that stands still.
LARGE = 80
#: What a part may grow by, in MB, on top of what it had.
GROWTH_MB = 120.0


def resident_mb(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss / 1e6)


class Peak(threading.Thread):
    """By how much a process grows at most, in MB."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._halt = threading.Event()
        self._before = self._most = resident_mb(pid)
        self.start()

    def run(self) -> None:
        with suppress(psutil.NoSuchProcess):
            while not self._halt.wait(0.02):
                self._most = max(self._most, resident_mb(self._pid))

    def stop(self) -> float:
        """Watch no more; the growth."""
        self._halt.set()
        self.join(10)
        return self._most - self._before


@contextmanager
def bounded_memory(field: Battlefield, *roles: str) -> Iterator[None]:
    """No part that lives through the block, or none of these, grows by more than is allowed in it."""
    watched = [(role, pid, Peak(pid)) for role, pid in field.fleet.pids() if role in roles or not roles]
    yield
    for role, pid, peak in watched:
        growth = peak.stop()
        assert growth < GROWTH_MB or not psutil.pid_exists(pid), f"{role} grew by {growth:.0f} MB"


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
    with bounded_memory(field, "sink"):
        os.kill(pid, signal.SIGSTOP)
        try:
            # As much as the sink's prefetch would let it have in hand at once, many times its bound.
            ids = [one for _ in range(4) for one in field.submit_traced(count=LARGE // 4, ballast="x" * 1_000_000)]
            wait_for(lambda: ran(field, ids) == LARGE, "every task has run", 60)
            rows = field.service.tasks(ids, "status")
            assert {row["status"] for row in rows} == {"RUNNING"}, "nothing is final without the sink"
        finally:
            os.kill(pid, signal.SIGCONT)
        rows = field.ended(ids, 40)
    assert {row["status"] for row in rows} == {"FINISHED"}
    # Not by their attempts: what is claimed and given back before it begins has one, too.
    assert [times_begun(field, one) for one in ids] == [1] * LARGE
    assert len(field.results(ids)) == LARGE


def times_begun(field: Battlefield, task_id: str) -> int:
    """How often the code of a task has begun, by its traces."""
    return sum(line.startswith("start ") for line in (field.arena.effects / task_id).read_text().splitlines())


def ran(field: Battlefield, ids: list[str]) -> int:
    """How many tasks have left their last trace."""
    paths = [field.arena.effects / one for one in ids]
    return sum(path.exists() and "\nend " in path.read_text() for path in paths)


def test_a_client_faster_than_the_broker_is_answered_and_memory_stays_bounded(field: Battlefield) -> None:
    field.fleet.local_broker().kill()
    with bounded_memory(field, "service"):
        ids = [one for _ in range(10) for one in field.submit("1 + 1", 1000, queue="nobody")]
        # One source, and as many messages with it in them: 100 MB are on their way to the broker.
        ids += [one for _ in range(10) for one in field.submit("#" * 200_000 + "\n1", 50, queue="nobody")]
        assert outbox_length(field) >= len(ids)
        field.fleet.repair()
        wait_for(lambda: outbox_length(field) == 0, "the broker has them all", 40)
    changed = sum(field.service.bulk_action("cancel", ids[n : n + 5000]) for n in range(0, len(ids), 5000))
    assert changed == len(ids)


def outbox_length(field: Battlefield) -> int:
    statistics = field.service.transport.execute("{ statistics { outboxLength } }")["statistics"]
    return int(statistics["outboxLength"])


def test_subscribers_that_do_not_read_cost_the_service_little(field: Battlefield) -> None:
    with bounded_memory(field, "service"), ExitStack() as connections:
        deaf = [subscribe_and_read_no_more(field, connections) for _ in range(2)]
        text = "#" + "x" * 7_000
        for _ in range(10):
            field.service.bulk_action("cancel", field.submit(f"1 {text}", 1000, queue="nobody"))
        assert statuses_of(field) == {"FINISHED"}, "the others are served meanwhile"
        assert {one.state for one in deaf} == {State.OPEN}, "they were there all the time"


def subscribe_and_read_no_more(field: Battlefield, connections: ExitStack) -> ClientConnection:
    token = (field.arena.home / "tokens" / "admin.token").read_text().strip()
    assert field.fleet.info is not None
    connection = connections.enter_context(
        connect(
            field.fleet.info.graphql.replace("http://", "ws://"),
            subprotocols=["graphql-transport-ws"],  # type: ignore[list-item]
            additional_headers={"authorization": f"Bearer {token}"},
            compression=None,  # else hardly anything would be sent
            max_queue=1,
            max_size=None,
            close_timeout=1,
        )
    )
    query = "subscription { taskChanges { version tasks { id name code value status } } }"
    connection.send('{"type": "connection_init", "payload": {}}')
    connection.recv(10)
    connection.send(f'{{"type": "subscribe", "id": "1", "payload": {{"query": "{query}"}}}}')
    assert json.loads(connection.recv(10))["type"] == "next"
    return connection


def statuses_of(field: Battlefield) -> set[str]:
    return {row["status"] for row in field.ended(field.submit("1 + 1", 5), 20)}


def test_the_logs_hold_no_traceback(field: Battlefield) -> None:
    logs: list[Path] = sorted((field.arena.home / "logs").iterdir())
    bad = {
        path.name: path.read_text(errors="replace").split("Traceback", 1)[1][:3000]
        for path in logs if "Traceback" in path.read_text(errors="replace")
    }
    assert bad == {}
