"""Daemons, locks and ports, with real processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from stacks import eventually

from taskq_kernel.errors import StackError
from taskq_kernel.local.identity import Identity, identify, is_running
from taskq_kernel.local.processes import (
    Daemon,
    file_lock,
    free_port,
    port_is_free,
    wait_until,
    write_private,
)

SLEEP = ["sleep", "1000"]
#: Ignores SIGTERM, says so by its log, and leaves a child behind.
STUBBORN = ["sh", "-c", "trap '' TERM; sleep 1000 & echo ready; while :; do sleep 1000; done"]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon("sleeper", tmp_path / "run")
    yield daemon
    daemon.stop(0)


def start_stubborn(daemon: Daemon, folder: Path) -> int:
    log = folder / "stubborn.log"
    pid = daemon.start(STUBBORN, log=log)
    eventually(lambda: "ready" in log.read_text(), "the stubborn daemon is ready")
    return pid


def processes_of_session(session: int) -> list[str]:
    answer = subprocess.run(["ps", "-o", "stat=,args=", "-s", str(session)], capture_output=True, text=True)
    return [line for line in answer.stdout.splitlines() if not line.startswith("Z")]


def test_a_daemon_runs_until_it_is_stopped(daemon: Daemon) -> None:
    assert (daemon.state, daemon.pid) == ("stopped", None)
    pid = daemon.start(SLEEP)
    assert (daemon.state, daemon.pid) == ("running", pid)
    assert daemon.stop()
    assert (daemon.state, daemon.pid) == ("stopped", None)
    assert not daemon.pid_file.exists()


def test_a_daemon_is_known_to_every_program_through_its_pid_file(daemon: Daemon, tmp_path: Path) -> None:
    pid = daemon.start(SLEEP)
    another = Daemon("sleeper", tmp_path / "run")
    assert another.pid == pid
    another.stop()
    assert daemon.state == "stopped"


def test_a_daemon_outlives_the_program_that_started_it(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from taskq_kernel.local.processes import Daemon;"
        "Daemon('sleeper', Path(sys.argv[1])).start(['sleep', '1000'])"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)
    daemon = Daemon("sleeper", tmp_path)
    assert daemon.alive
    assert os.getsid(daemon.pid or 0) == daemon.pid
    daemon.stop()


def test_a_daemon_that_ended_by_itself_is_dead_not_stopped(daemon: Daemon) -> None:
    daemon.start(["sh", "-c", "exit 7"])
    eventually(lambda: daemon.state == "dead", "the daemon ends")
    eventually(lambda: daemon.exit_code == 7, "its exit code is collected")
    assert daemon.pid is None


def test_a_dead_daemon_leaves_no_zombie(daemon: Daemon) -> None:
    pid = daemon.start(SLEEP)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not Path(f"/proc/{pid}").exists(), "the dead daemon is collected")
    assert daemon.state == "dead"
    assert daemon.exit_code == -signal.SIGKILL


def test_another_process_with_the_same_pid_is_not_taken_for_the_daemon(daemon: Daemon) -> None:
    other = subprocess.Popen(SLEEP, start_new_session=True)
    try:
        identity = identify(other.pid)
        assert identity is not None
        record = {"pid": other.pid, "started": identity.started - 1, "place": identity.place}
        daemon.pid_file.parent.mkdir()
        daemon.pid_file.write_text(json.dumps(record))
        assert daemon.state == "dead"
        daemon.kill()
        daemon.stop()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_pid_of_another_boot_of_the_machine_means_nothing(daemon: Daemon) -> None:
    daemon.start(SLEEP)
    record = json.loads(daemon.pid_file.read_text())
    original = daemon.pid_file.read_text()
    daemon.pid_file.write_text(json.dumps(record | {"place": "another boot"}))
    assert daemon.state == "dead"
    daemon.pid_file.write_text(original)
    assert daemon.state == "running"


@pytest.mark.parametrize("content", ["", "{", "12", '{"pid": 1}', "null"])
def test_a_pid_file_that_a_full_disk_cut_short_counts_as_dead(daemon: Daemon, content: str) -> None:
    daemon.pid_file.parent.mkdir()
    daemon.pid_file.write_text(content)
    assert daemon.state == "dead"
    daemon.stop()
    assert daemon.state == "stopped"


def test_a_daemon_that_ignores_sigterm_is_killed_with_all_it_has_started(daemon: Daemon, tmp_path: Path) -> None:
    session = start_stubborn(daemon, tmp_path)
    assert len(processes_of_session(session)) >= 2
    assert not daemon.stop(timeout_s=0.1)
    assert processes_of_session(session) == []


def test_what_a_daemon_leaves_behind_as_it_ends_is_ended_too(daemon: Daemon) -> None:
    session = daemon.start(["sh", "-c", "sleep 1000 & exit 0"])
    eventually(lambda: daemon.state == "dead", "the daemon ends")
    assert len(processes_of_session(session)) == 1
    daemon.stop()
    assert processes_of_session(session) == []


def test_a_suspended_daemon_can_be_stopped(daemon: Daemon) -> None:
    os.kill(daemon.start(SLEEP), signal.SIGSTOP)
    assert daemon.stop(timeout_s=5)


def test_a_daemon_cannot_be_started_twice(daemon: Daemon) -> None:
    pid = daemon.start(SLEEP)
    with pytest.raises(StackError, match=rf"runs already, as process {pid}"):
        daemon.start(SLEEP)


def test_a_program_that_is_not_there_is_named(daemon: Daemon) -> None:
    with pytest.raises(StackError, match=r"the sleeper cannot be started: /nowhere/at-all: No such file"):
        daemon.start(["/nowhere/at-all"])
    assert daemon.state == "stopped"


def test_a_daemon_gets_exactly_its_environment_and_writes_to_its_log(daemon: Daemon, tmp_path: Path) -> None:
    log = tmp_path / "logs" / "env.log"
    daemon.start(["/usr/bin/env"], env={"ONLY": "this"}, log=log, cwd=tmp_path)
    eventually(lambda: daemon.state == "dead", "env ends")
    assert log.read_text() == "ONLY=this\n"
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_daemon_reads_nothing_from_the_terminal(daemon: Daemon, tmp_path: Path) -> None:
    log = tmp_path / "cat.log"
    daemon.start(["cat"], log=log)
    eventually(lambda: daemon.state == "dead", "cat reads the end of its input")


def test_a_log_that_grew_long_is_rotated(daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskq_kernel.local.processes.MAX_LOG_BYTES", 4)
    log = tmp_path / "daemon.log"
    log.write_text("old and long")
    daemon.start(["echo", "new"], log=log)
    eventually(lambda: log.read_text() == "new\n", "the new log is written")
    assert (tmp_path / "daemon.log.1").read_text() == "old and long"


def test_an_identity_ends_with_its_process() -> None:
    with subprocess.Popen(SLEEP) as process:
        identity = identify(process.pid)
        assert identity is not None
        assert is_running(identity)
        process.kill()
    assert not is_running(identity)


def test_a_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    inside: list[int] = []
    worst: list[int] = []

    def work() -> None:
        for _ in range(20):
            with file_lock(tmp_path / "lock", timeout_s=30):
                inside.append(1)
                worst.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(worst) == 1


def test_a_lock_that_is_not_released_in_time_names_its_holder(tmp_path: Path) -> None:
    with (
        file_lock(tmp_path / "lock"),
        pytest.raises(StackError, match=rf"process {os.getpid()}\) is at work on {tmp_path}"),
        file_lock(tmp_path / "lock", timeout_s=0.05),
    ):
        pass


def test_a_lock_goes_with_the_process_that_held_it(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from taskq_kernel.local.processes import file_lock\n"
        "with file_lock(Path(sys.argv[1])): print('locked', flush=True); time.sleep(1000)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        holder.kill()
        with file_lock(tmp_path / "lock", timeout_s=10):
            pass


def test_a_free_port_is_free_and_stays_clear_of_outgoing_connections() -> None:
    port = free_port()
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert port < first
    with socket.create_server(("127.0.0.1", port)):
        assert not port_is_free(port)
    assert port_is_free(port)


def test_a_private_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    write_private(tmp_path / "secret", "first")
    write_private(tmp_path / "secret", "second")
    assert (tmp_path / "secret").read_text() == "second"
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_waiting_ends_with_the_deadline() -> None:
    assert wait_until(lambda: True, 0)
    assert not wait_until(lambda: False, 0.05)


def test_a_daemon_whose_pid_file_cannot_be_written_is_not_left_running(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Identity] = []

    def full(_: Daemon, identity: Identity) -> None:
        started.append(identity)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Daemon, "_write", full)
    with pytest.raises(OSError, match="No space left"):
        daemon.start(SLEEP)
    assert [is_running(one) for one in started] == [False]
