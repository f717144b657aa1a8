"""Leases in a running service: a silent worker's tasks go to others, and a service that was away asks first."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest
from service_process import ServiceProcess, service_process
from stacks import eventually

LEASE_S = 1.5


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with service_process(
        tmp_path_factory.mktemp("leases") / "home", lease=str(LEASE_S), heartbeat="0.25", max_lost="2"
    ) as running:
        yield running


def join(service: ServiceProcess, name: str) -> str:
    return str(service.data(f"""mutation {{ registerWorker(input: {{name: "{name}", host: "h", pid: 1,
        runner: "julia", juliaVersion: "1.10", queues: ["default"], slots: 1}}) {{ id }} }}""", "worker")
        ["registerWorker"]["id"])


def submit(service: ServiceProcess) -> str:
    return str(service.data('mutation { createTask(input: {code: "1"}) { id } }')["createTask"]["id"])


def claim(service: ServiceProcess, worker: str, task: str) -> list[dict[str, object]]:
    found = service.data(f'mutation {{ claimTasks(worker: "{worker}", ids: ["{task}"]) {{ id attempt }} }}', "worker")
    return list(found["claimTasks"])


def beat(service: ServiceProcess, worker: str, task: str, attempt: int = 1) -> dict[str, object]:
    return service.post(f"""mutation {{ heartbeat(worker: "{worker}", held: [{{id: "{task}", attempt: {attempt}}}],
        logs: []) {{ stop settled drain }} }}""", "worker")


def show(service: ServiceProcess, task: str) -> dict[str, object]:
    found = service.data(f'{{ task(id: "{task}") {{ status lost worker attempt error {{ name message }} }} }}')
    return dict(found["task"])


def keep_beating(service: ServiceProcess, worker: str, task: str, for_s: float) -> None:
    until = time.monotonic() + for_s
    while time.monotonic() < until:
        assert "errors" not in beat(service, worker, task)
        time.sleep(0.2)


def test_a_task_of_a_silent_worker_goes_to_another_and_the_silent_one_is_told(service: ServiceProcess) -> None:
    silent, task = join(service, "silent"), submit(service)
    claim(service, silent, task)
    began = time.monotonic()
    eventually(lambda: show(service, task)["status"] == "QUEUEING", "the task waits again")
    assert time.monotonic() - began < 6
    answer = beat(service, silent, task)
    assert answer["errors"][0]["extensions"]["code"] == "LEASE_LOST"  # type: ignore[index]  # JSON
    other = join(service, "other")
    assert claim(service, other, task) == [{"id": task, "attempt": 2}]
    now = show(service, task)
    assert (now["lost"], now["worker"]) == (1, "other")
    eventually(lambda: show(service, task)["status"] == "FAILED", "a second silence ends it")
    error = show(service, task)["error"]
    assert error["name"] == "WorkerLost"  # type: ignore[index]  # JSON
    assert "2 times while running it (silent, other)" in error["message"]  # type: ignore[index]  # JSON


def test_a_worker_that_reports_keeps_its_task(service: ServiceProcess) -> None:
    worker, task = join(service, "present"), submit(service)
    claim(service, worker, task)
    keep_beating(service, worker, task, 3 * LEASE_S)
    assert show(service, task)["status"] == "RUNNING"


def test_after_the_service_was_away_workers_have_the_time_to_come_back(service: ServiceProcess) -> None:
    worker, task = join(service, "patient"), submit(service)
    claim(service, worker, task)
    service.stop(signal.SIGKILL)
    time.sleep(2 * LEASE_S)
    service.start_again()
    assert show(service, task)["status"] == "RUNNING"
    keep_beating(service, worker, task, 2 * LEASE_S)
    assert show(service, task)["status"] == "RUNNING"


def test_a_service_that_stood_still_does_not_blame_its_workers(service: ServiceProcess) -> None:
    worker, task = join(service, "blameless"), submit(service)
    claim(service, worker, task)
    service.process.send_signal(signal.SIGSTOP)
    time.sleep(3 * LEASE_S)
    service.process.send_signal(signal.SIGCONT)
    time.sleep(LEASE_S)
    assert "errors" not in beat(service, worker, task)
    assert show(service, task)["status"] == "RUNNING"
    assert "stood still" in service.log
