"""The local stack: one for all, mended when a part dies, gone when it is told to go."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from stacks import RunningStack, eventually, local_stack

from taskq_kernel import connect
from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import StackError


@pytest.fixture(scope="module")
def own() -> Iterator[RunningStack]:
    """A stack whose parts these tests may kill, and which nobody but they bring up again."""
    with local_stack(workers=1, restart=False) as running:
        yield running


def taskq(stack: RunningStack, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "taskq_kernel.cli", *arguments]
    return subprocess.run(command, env=stack.env, capture_output=True, text=True, timeout=90)


def pids(stack: RunningStack) -> dict[str, int]:
    return {one["role"]: one["pid"] for one in stack.local.status()["processes"]}


def test_status_tells_scripts_where_everything_is_and_no_secret(own: RunningStack) -> None:
    done = taskq(own, "status", "--json")
    assert done.returncode == 0
    status = json.loads(done.stdout)
    assert status["graphql"].startswith("http://127.0.0.1:")
    assert {one["role"]: one["state"] for one in status["processes"]} == dict.fromkeys(
        ("broker", "service", "sink", "worker"), "running"
    )
    assert all(psutil.pid_exists(one["pid"]) for one in status["processes"])
    password = own.broker_url.split(":")[2].split("@")[0]
    assert password not in done.stdout
    assert own.token() not in done.stdout
    assert status["broker"].startswith("amqp://")


def test_no_process_of_the_stack_shows_a_secret_in_its_command_line_or_environment(own: RunningStack) -> None:
    secrets = [own.token(role) for role in ("admin", "worker", "sink")]
    secrets.append(own.broker_url.split(":")[2].split("@")[0])
    for role, pid in pids(own).items():
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            for where in ("cmdline", "environ"):
                text = Path(f"/proc/{process.pid}/{where}").read_bytes().decode(errors="replace")
                assert not [secret for secret in secrets if secret in text], (role, where)


def test_files_with_secrets_can_be_read_by_their_owner_only(own: RunningStack) -> None:
    files = [path for path in (own.home / "tokens").iterdir() if path.is_file()]
    assert len(files) >= 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(own.home.stat().st_mode) == 0o700


def test_everything_listens_on_loopback_only(own: RunningStack) -> None:
    for pid in pids(own).values():
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            addresses = {
                connection.laddr.ip
                for connection in process.net_connections()
                if connection.status == psutil.CONN_LISTEN
            }
            assert addresses <= {"127.0.0.1", "::1"}


def test_two_programs_that_bring_the_stack_up_at_once_get_one(own: RunningStack) -> None:
    before = pids(own)
    command = [sys.executable, "-m", "taskq_kernel.cli", "up"]
    both = [subprocess.Popen(command, env=own.env, stdout=subprocess.PIPE) for _ in range(2)]
    assert [one.wait(timeout=90) for one in both] == [0, 0]
    for one in both:
        one.communicate()
    assert pids(own) == before


def test_what_ran_before_a_failed_start_goes_on_and_the_rest_is_stopped(
    own: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = pids(own)
    own.local.parts.daemons["worker"].kill()
    with connect(own.url, token=own.token()) as q:
        eventually(lambda: q.workers() == [], "the service has noticed that the worker is gone")
    monkeypatch.setenv("TASKQ_TASK_USER", "nobody-of-this-name")
    with pytest.raises(StackError, match="nobody-of-this-name"):
        own.local.up()
    assert pids(own) == before | {"worker": None}
    monkeypatch.delenv("TASKQ_TASK_USER")
    own.local.up()
    assert own.local.healthy()


@pytest.mark.parametrize("role", ["service", "sink", "worker", "broker"])
def test_a_part_that_was_killed_is_started_again_by_up_and_no_task_is_lost(
    own: RunningStack, effects: Path, role: str
) -> None:
    end = effects / "end"
    with connect(own.url, token=own.token()) as q:
        running = q.submit(f'while !isfile("{end}"); sleep(0.05); end; :ran', name=f"runs while the {role} dies")
        eventually(lambda: running.refresh().status == TaskStatus.RUNNING, "the task runs")
        waiting = q.submit_many([f"{number}" for number in range(20)])
        os.kill(pids(own)[role], signal.SIGKILL)
        eventually(lambda: {one["role"]: one for one in own.local.status()["processes"]}[role]["state"]
                   != "running", "the part is seen to be dead")  # fmt: skip
        assert not own.local.status()["running"]
        assert taskq(own, "up").returncode == 0
        end.touch()
        assert running.result(timeout=60) == "ran"
        assert waiting.results(timeout=60) == list(range(20))
        assert all(task.lost <= 1 for task in [running, *waiting])


def test_a_broker_whose_data_was_wiped_gets_everything_that_waits_again(own: RunningStack, effects: Path) -> None:
    end = effects / "end"
    with connect(own.url, token=own.token()) as q:
        running = q.submit(f'while !isfile("{end}"); sleep(0.05); end; 1')
        eventually(lambda: running.refresh().status == TaskStatus.RUNNING, "the task runs")
        waiting = q.submit_many([f"{number}" for number in range(20)])
        own.local.parts.broker.kill()
        shutil.rmtree(own.home / "broker" / "data")
        while_away = q.submit("2 + 2")
        assert taskq(own, "up").returncode == 0
        end.touch()
        assert running.result(timeout=60) == 1
        assert waiting.results(timeout=60) == list(range(20))
        assert while_away.result(timeout=60) == 4


def test_up_with_another_number_of_workers_changes_the_slots_and_keeps_the_tasks(own: RunningStack) -> None:
    with connect(own.url, token=own.token()) as q:
        assert taskq(own, "up", "--workers", "2").returncode == 0
        assert own.local.status()["slots"] == 2
        assert q.submit("3").result(timeout=60) == 3
        slots: list[Any] = [worker.slots for worker in q.workers()]
        assert slots == [2]


def test_parts_that_run_follow_a_broker_that_had_to_take_another_port(
    own: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taskq_kernel.local.rabbitmq.PORTS_S", 0.2)
    # Given: a broker that was killed, and somebody else at its port.
    port = urlsplit(own.broker_url).port
    own.local.parts.broker.kill()
    with socket.create_server(("127.0.0.1", port)), connect(own.url, token=own.token()) as q:
        waiting = q.submit("3 + 3")
        # When: the stack is brought up again.
        own.local.up()
        # Then: the broker is elsewhere, and everybody is there.
        assert urlsplit(own.broker_url).port != port
    with connect(own.url, token=own.token()) as q:
        assert q.task(waiting.number).result(timeout=30) == 6


def test_down_stops_everything_and_leaves_no_process_behind_and_up_finds_the_tasks_again(
    own: RunningStack,
) -> None:
    with connect(own.url, token=own.token()) as q:
        number = q.submit("11").wait(timeout=60).number
    family = [
        process
        for pid in pids(own).values()
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True))
    ]
    assert taskq(own, "down").returncode == 0
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []
    assert processes_that_name(own.home) == []
    assert taskq(own, "ls").returncode == 3
    assert taskq(own, "up").returncode == 0
    done = taskq(own, "show", str(number), "--json")
    assert json.loads(done.stdout)["value"] == 11


def processes_that_name(home: Path) -> list[str]:
    """Command lines of processes that have to do with a data folder: none once it is down."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if str(home) in line and process.pid != os.getpid():
            found.append(line)
    return found
