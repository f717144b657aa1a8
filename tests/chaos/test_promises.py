"""What always holds: a test for each promise of the design that tries to break it.

They share one stack. The task of 40 seconds for promise 7 runs beside the first of them;
those that hurt the broker come after it.
"""

from __future__ import annotations

import re
import signal
import time
from typing import Any

import psutil
import pytest

from chaos import checks
from chaos.checks import Findings
from chaos.conftest import CONSUMER_TIMEOUT_MS, Battlefield
from chaos.faults import LEASE_S
from chaos.fleet import SLACK, Worker, wait_for
from chaos.load import POISON
from taskq_kernel.local.rabbit_files import NodeFiles

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180 * SLACK)]


def statuses(rows: list[dict[str, Any]]) -> list[str]:
    return [row["status"] for row in rows]


def walk(task: dict[str, Any]) -> list[str]:
    return [event["status"] for event in task["history"]]


def starts(field: Battlefield, task_id: str) -> list[checks.Effect]:
    return [one for one in checks.read_effects(field.arena.effects).get(task_id, []) if one.word == "start"]


# -- beside the long task ------------------------------------------------------------------


def test_promise_02_exactly_one_outcome_is_recorded_per_attempt(field: Battlefield) -> None:
    field.arena.hook_flag.touch()  # every message twice, and out of order
    ids = field.submit_traced(count=25, seconds=0.02)
    ids += field.submit_traced("flaky", count=5, maxAttempts=3)
    rows = field.ended(ids, 45)
    time.sleep(3.5)  # the last repeated messages are on their way until then

    assert statuses(rows) == ["FINISHED"] * 30
    attempts = sum(walk(row).count("RUNNING") for row in rows)
    kept = field.results(ids)
    assert len(kept) == len({(task, attempt) for task, attempt, _ in kept}) == attempts
    found = Findings()
    checks.check_outcomes(found, field.arena.tasks_database, field.arena.results_database)
    assert not found.doubled
    for row in rows:
        assert len(starts(field, row["id"])) == walk(row).count("RUNNING")
    assert field.arena.hook_counts.exists(), "the messages were not doubled at all"


def test_promise_03_only_the_holder_of_the_current_lease_moves_a_task_on(field: Battlefield) -> None:
    [task_id] = field.submit_traced(seconds=2.5)
    [task] = field.running([task_id])
    worker = field.worker_of(task)
    worker.signal(signal.SIGSTOP)  # Julia goes on, and is done before the supervisor wakes
    try:
        [moved] = field.ended([task_id], 25)
    finally:
        worker.signal(signal.SIGCONT)

    assert moved["status"] == "FINISHED"
    assert moved["attempt"] == 2
    assert moved["worker"] != task["worker"]
    wait_for(lambda: worker.pid in online(field), "the paused worker has joined again", 15)
    time.sleep(1)
    [after] = field.tasks([task_id])
    assert after == moved, "an outcome of the first attempt changed the task"
    accepted = [attempt for _, attempt, verdict in field.results([task_id]) if verdict != "REFUSED"]
    assert accepted == [2]


def online(field: Battlefield) -> set[int]:
    return {one["pid"] for one in field.service.workers() if one["state"] == "ONLINE"}


def test_promise_04_a_killed_worker_loses_no_task_and_others_have_it_within_six_seconds(
    field: Battlefield,
) -> None:
    ids = field.submit_traced(count=2, seconds=3)
    tasks = field.running(ids)
    worker = field.worker_of(tasks[0])
    held = [task for task in tasks if field.worker_of(task) is worker]
    since = time.monotonic()
    worker.signal(signal.SIGKILL)
    wait_for(
        lambda: all(row["attempt"] == 2 for row in field.tasks([task["id"] for task in held])),
        "another worker runs what the killed one held",
        6.0 - (time.monotonic() - since),
    )
    assert statuses(field.ended(ids)) == ["FINISHED", "FINISHED"]


def test_promise_04_a_task_that_kills_three_workers_is_failed_and_the_others_finish(
    field: Battlefield,
) -> None:
    others = field.submit_traced(count=20, seconds=0.3)
    arguments = {"folder": str(field.arena.effects), "uid": "poison"}
    [poison] = field.submit(POISON, arguments=arguments, priority=2)

    def given_up() -> bool:
        field.fleet.kill_worker_of(poison)
        field.fleet.repair()
        return bool(field.tasks([poison])[0]["status"] == "FAILED")

    wait_for(given_up, "the task that kills its workers is given up", 60, 0.2)
    [task] = field.tasks([poison])
    assert task["error"]["name"] == "WorkerLost"
    assert "3 times" in task["error"]["message"]
    assert task["lost"] == 3
    assert walk(task) == ["QUEUEING", *["RUNNING", "QUEUEING"] * 2, "RUNNING", "FAILED"]
    assert statuses(field.ended(others)) == ["FINISHED"] * 20


NASTY = {
    "exit(7)": ("ProcessExited", {}),
    "ccall(:abort, Cvoid, ())": ("ProcessCrashed", {}),
    "unsafe_store!(Ptr{Int}(8), 1)": ("", {}),
    "f(x) = 1 + f(x + 1); f(0)": ("StackOverflowError", {}),
    "while true end": ("TimeoutExceeded", {"timeoutSeconds": 0.5}),
    "a = []; while true; push!(a, rand(10^6)); end": ("MemoryLimitExceeded", {"memoryLimit": 700 << 20}),
    "for i in 1:10^6; println(i); end; exit(1)": ("ProcessExited", {}),
    "readline(stdin); run(`sleep 300`, wait = false); exit(0)": ("ProcessExited", {}),
}


def test_promise_05_user_code_cannot_take_the_supervisor_down(field: Battlefield) -> None:
    before = {worker.pid for worker in field.fleet.workers}
    ids = [field.submit(code, **options)[0] for code, (_, options) in NASTY.items()]
    rows = field.ended(ids, 60)

    for row, (code, (name, _)) in zip(rows, NASTY.items(), strict=True):
        assert row["status"] == "FAILED", code
        assert row["attempt"] == 1, code
        assert row["lost"] == 0, code
        assert name in row["error"]["name"], (code, row["error"])
        assert row["error"]["message"], code
    assert {worker.pid for worker in field.fleet.workers} == before
    assert not [one for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"] == ["sleep", "300"]]
    assert statuses(field.ended(field.submit("1 + 1", 4))) == ["FINISHED"] * 4


def test_promise_06_a_cancelled_task_never_starts_even_on_a_worker_that_joins_later(
    field: Battlefield,
) -> None:
    waiting = field.submit_traced(count=10, queue="later")
    wait_for(lambda: field.service.transport.execute("{ statistics { outboxLength } }")["statistics"][
        "outboxLength"] == 0, "the tasks are with the broker")  # fmt: skip
    assert field.service.bulk_action("cancel", waiting) == 10
    late = Worker("worker-late", field.arena.home / "run")
    field.fleet.start_worker(late, TASKQ_QUEUES='["later"]', TASKQ_SLOTS="1")
    try:
        [witness] = field.submit_traced(queue="later")
        assert statuses(field.ended([witness])) == ["FINISHED"]
    finally:
        late.daemon.stop(20)
    assert [walk(row) for row in field.tasks(waiting)] == [["QUEUEING", "CANCELLED"]] * 10
    assert not any(starts(field, one) for one in waiting)


def test_promise_06_a_cancelled_running_task_stops_within_five_seconds(field: Battlefield) -> None:
    script = 'open(io -> write(io, string(getpid())), joinpath(folder, uid), "w"); while true end'
    arguments = {"folder": str(field.arena.effects), "uid": "spinning"}
    [task_id] = field.submit(script, arguments=arguments)
    trace = field.arena.effects / "spinning"
    pid = int(wait_for(lambda: trace.exists() and trace.read_text(), "the task runs", 20))
    field.service.bulk_action("cancel", [task_id])
    wait_for(lambda: not psutil.pid_exists(pid) or idle(pid), "it does not compute any more", 5.0)
    trace.unlink()
    assert statuses(field.tasks([task_id])) == ["CANCELLED"]


def idle(pid: int) -> bool:
    """Whether a process has used no processor for half a second."""
    try:
        process = psutil.Process(pid)
        before = process.cpu_times().user
        time.sleep(0.5)
        return bool(process.cpu_times().user - before < 0.1)
    except psutil.NoSuchProcess:
        return True


def test_promise_08_no_password_or_token_is_in_a_log_the_process_list_or_what_a_task_sees(
    field: Battlefield,
) -> None:
    home = field.arena.home
    secrets = [path.read_text().strip() for path in (home / "tokens").glob("*.token")]
    secrets.append(re.search(r":([^:@]+)@", (home / "tokens" / "broker.url").read_text())[1])  # type: ignore[index]
    look = 'join([read("/proc/self/environ", String), read("/proc/self/cmdline", String), repr(ENV)])'
    [task] = field.ended(field.submit(f"s = {look}; println(s); error(s)"))
    seen = {"what a task sees": str(task)}
    seen |= {str(path): path.read_text(errors="replace") for path in (home / "logs").iterdir()}
    seen |= {str(path): path.read_text(errors="replace") for path in (home / "broker" / "log").iterdir()}
    for process in psutil.process_iter():
        try:
            seen[f"process {process.pid}"] = " ".join([*process.cmdline(), *process.environ().values()])
        except (psutil.Error, OSError):
            continue
    for where, text in seen.items():
        assert not any(secret in text for secret in secrets), f"a secret is in {where}"


def test_promise_07_a_long_task_outlives_the_consumer_timeout_on_a_full_worker(field: Battlefield) -> None:
    rows = field.ended(field.long_tasks, 80)
    field.sitter.join(35)

    # The timeout is in force: it hits who deserves it.
    assert field.sitter.closed_after_s is not None
    assert field.sitter.closed_after_s < 2 * CONSUMER_TIMEOUT_MS / 1000
    assert time.monotonic() - field.long_since > 40
    assert [walk(row) for row in rows] == [["QUEUEING", "RUNNING", "FINISHED"]] * 6
    assert [len(starts(field, one)) for one in field.long_tasks] == [1] * 6
    log = NodeFiles(field.arena.home / "broker").log.read_text()
    timeouts = [line for line in log.splitlines() if "has timed out waiting" in line]
    assert len(timeouts) <= 1, "\n".join(timeouts)  # the sitter's own
    assert "Channel" not in (field.arena.home / "logs" / "worker-long.log").read_text()


# -- the rest hurts the broker ---------------------------------------------------------------


@pytest.mark.parametrize("role", ["service", "sink", "broker"])
def test_promise_01_an_acknowledged_task_is_never_lost(field: Battlefield, role: str) -> None:
    before = field.submit_traced(count=20, seconds=0.1)
    since = time.monotonic()
    field.fleet.core(role).kill()
    field.fleet.repair()
    after = field.submit_traced(count=5)
    rows = field.ended(before + after, 40)
    assert time.monotonic() - since < 15 * SLACK
    assert statuses(rows) == ["FINISHED"] * 25
    for row in rows:
        assert len(starts(field, row["id"])) <= walk(row).count("RUNNING")


def test_promise_09_the_broker_being_away_is_not_an_error(field: Battlefield) -> None:
    [running] = field.submit_traced(seconds=1.5)
    field.running([running])
    log = field.arena.home / "logs" / "service.log"
    said = log.read_text().count("broker away")
    field.fleet.local_broker().kill()
    waiting = field.submit_traced(count=20)  # accepted all the same
    time.sleep(4)
    assert statuses(field.tasks([running])) == ["RUNNING"], "its outcome cannot have arrived"
    field.fleet.repair()
    rows = field.ended([running, *waiting], 30)
    assert statuses(rows) == ["FINISHED"] * 21
    assert rows[0]["attempt"] == 1, "the worker kept the outcome"
    assert log.read_text().count("broker away") <= said + 1, "it is said once"


def test_promise_09_the_service_being_away_is_not_an_error(field: Battlefield) -> None:
    [running] = field.submit_traced(seconds=3)
    field.running([running])
    waiting = field.submit_traced(count=10)
    field.fleet.core("service").kill()
    time.sleep(LEASE_S + 2)  # longer than the lease: when the service is back, every lease starts afresh
    field.fleet.repair()
    rows = field.ended([running, *waiting], 30)
    assert statuses(rows) == ["FINISHED"] * 11
    assert rows[0]["attempt"] == 1
    assert rows[0]["lost"] == 0


def test_promise_10_a_wiped_broker_is_filled_again_from_the_database(field: Battlefield) -> None:
    ids = field.submit_traced(count=40, seconds=0.2)
    field.fleet.wipe_broker()
    since = time.monotonic()
    field.fleet.repair()
    rows = field.ended(ids, 40)
    assert statuses(rows) == ["FINISHED"] * 40
    assert time.monotonic() - since < 25 * SLACK
