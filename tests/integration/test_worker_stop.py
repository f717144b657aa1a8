"""`taskq worker` on SIGTERM: it finishes or releases what it has claimed within its grace, and exits 0."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from stacks import RunningStack, eventually
from terminal import heed_ctrl_c

from taskq_kernel import Client, Task, connect
from taskq_kernel.local.processes import free_port

#: What a worker may take beyond its grace: to end Julia, to have outcomes settled, to say goodbye.
LEAVE_S = 8.0

#: Leaves a trace, then takes as long as it is told, on its first run only.
LONG = """
first = !isfile(joinpath(folder, "1"))
touch(joinpath(folder, first ? "1" : "2"))
first && sleep(seconds)
first ? "first" : "second"
"""


@pytest.fixture
def q(stack: RunningStack) -> Iterator[Client]:
    with connect(stack.url, token=stack.token()) as client:
        yield client


@pytest.fixture
def queue() -> str:
    """A queue that no other worker serves."""
    return f"stop-{uuid4().hex[:8]}"


@contextmanager
def worker(
    stack: RunningStack, queue: str, log: Path, *flags: str, **settings: str
) -> Iterator[subprocess.Popen[bytes]]:
    """`taskq worker` with one slot, for one queue."""
    tokens = stack.home / "tokens"
    environment = stack.env | {
        "TASKQ_URL": stack.url, "TASKQ_TOKEN_FILE": str(tokens / "worker.token"), "TASKQ_QUEUE_TYPE": "classic",
        "TASKQ_BROKER_FILE": str(tokens / "broker.url"), "TASKQ_QUEUES": f'["{queue}"]', "TASKQ_SLOTS": "1", **settings,
    }  # fmt: skip
    command = [sys.executable, "-m", "taskq_kernel.cli", "worker", *flags]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=output, preexec_fn=heed_ctrl_c
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait(10)


def run_somewhere(effects: Path) -> bool:
    return (effects / "1").exists()


def stopped(process: subprocess.Popen[bytes], within_s: float) -> float:
    """The seconds until the worker has exited with 0, and all that it had started with it."""
    julias = psutil.Process(process.pid).children(recursive=True)
    began = time.monotonic()
    assert process.wait(within_s) == 0
    took = time.monotonic() - began
    eventually(lambda: not any(one.is_running() and one.status() != "zombie" for one in julias), "Julia is gone", 5)
    return took


def lost(q: Client, task: Task) -> int:
    answer = q.transport.execute("query($id: ID!) { task(id: $id) { lost } }", {"id": task.id})
    return int(answer["task"]["lost"])


def test_what_ends_within_the_grace_is_finished_and_what_waits_is_left_to_others(
    stack: RunningStack, q: Client, queue: str, effects: Path, tmp_path: Path
) -> None:
    arguments = {"folder": str(effects), "seconds": 1.5}
    with worker(stack, queue, tmp_path / "log", "--grace", "20") as process:
        running = q.submit(LONG, arguments=arguments, queue=queue)
        eventually(lambda: run_somewhere(effects), "it runs", 60)
        waiting = q.submit("2", queue=queue)
        process.send_signal(signal.SIGTERM)
        assert stopped(process, 20 + LEAVE_S) < 1.5 + LEAVE_S
    assert running.result(timeout=10) == "first"
    assert running.attempt == 1
    assert waiting.status == "QUEUEING"
    waiting.cancel()


def test_what_takes_longer_than_the_grace_is_released_and_runs_elsewhere_with_no_attempt_lost(
    stack: RunningStack, q: Client, queue: str, effects: Path, tmp_path: Path
) -> None:
    arguments = {"folder": str(effects), "seconds": 600}
    with worker(stack, queue, tmp_path / "log", "--grace", "1") as process:
        task = q.submit(LONG, arguments=arguments, queue=queue, max_attempts=1)
        eventually(lambda: run_somewhere(effects), "it runs", 60)
        process.send_signal(signal.SIGTERM)
        took = stopped(process, 1 + LEAVE_S)
        assert took >= 1, "it has its grace"
        assert q.task(task.id).status == "QUEUEING", "it waits again as soon as the worker has gone"
    with worker(stack, queue, tmp_path / "log2"):
        assert task.result(timeout=60) == "second"
    assert lost(q, task) == 0


def test_a_second_signal_ends_the_grace(
    stack: RunningStack, q: Client, queue: str, effects: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with worker(stack, queue, log, "--grace", "600") as process:
        task = q.submit(LONG, arguments={"folder": str(effects), "seconds": 600}, queue=queue)
        eventually(lambda: run_somewhere(effects), "it runs", 60)
        process.send_signal(signal.SIGTERM)
        eventually(lambda: b"draining" in log.read_bytes(), "it drains")
        assert q.task(task.id).status == "RUNNING"
        process.send_signal(signal.SIGINT)
        stopped(process, LEAVE_S)
    again = q.task(task.id)
    assert (again.status, lost(q, again)) == ("QUEUEING", 0)
    again.cancel()


def test_a_signal_after_the_service_has_asked_for_it_leaves_the_grace(
    stack: RunningStack, q: Client, queue: str, effects: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with worker(stack, queue, log, "--grace", "20") as process:
        task = q.submit(LONG, arguments={"folder": str(effects), "seconds": 3}, queue=queue)
        eventually(lambda: run_somewhere(effects), "it runs", 60)
        (joined,) = [one for one in q.workers() if one.pid == process.pid]
        q.transport.execute("mutation($id: ID!) { drainWorker(id: $id) { id } }", {"id": joined.id})
        eventually(lambda: b"draining" in log.read_bytes(), "it drains")
        process.send_signal(signal.SIGTERM)
        stopped(process, 20 + LEAVE_S)
    assert (task.result(timeout=10), task.attempt) == ("first", 1)


def test_a_worker_that_has_not_found_its_service_yet_stops_when_it_is_told_to(
    stack: RunningStack, queue: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    nowhere = f"http://127.0.0.1:{free_port()}/graphql"
    with worker(stack, queue, log, TASKQ_URL=nowhere) as process:
        eventually(lambda: b"the service is away" in log.read_bytes(), "it looks for the service", 30)
        process.send_signal(signal.SIGTERM)
        stopped(process, LEAVE_S)


def test_a_worker_whose_julia_is_still_starting_stops_when_it_is_told_to(
    stack: RunningStack, q: Client, queue: str, tmp_path: Path
) -> None:
    never = tmp_path / "julia"
    # A double for a Julia that takes for ever to start, and compiles nothing ahead.
    never.write_text(
        "#!/bin/sh\n"
        'case "$*" in *--version*) echo "julia version 1.10.0";; *--trace-compile*) exit 1;; *) exec sleep 600;; esac\n'
    )
    never.chmod(0o755)
    with worker(stack, queue, tmp_path / "log", TASKQ_JULIA=str(never), TASKQ_TASK_USER="root") as process:
        eventually(lambda: any(one.pid == process.pid for one in q.workers()), "it has joined", 30)
        process.send_signal(signal.SIGTERM)
        stopped(process, LEAVE_S)
        assert not any(one.pid == process.pid for one in q.workers())
