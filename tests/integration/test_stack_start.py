"""A stack that cannot be started says why before it starts anything, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from small_disk import small_disk

from taskq_kernel.errors import SetupError, StackError
from taskq_kernel.local import preflight
from taskq_kernel.local.stack import LocalStack
from taskq_kernel.settings import load_settings


@pytest.fixture
def home() -> Iterator[Path]:
    """A data folder that is not there yet."""
    folder = Path(tempfile.mkdtemp(prefix="taskq-test-"))
    yield folder / "home"
    assert processes_of(folder / "home") == [], "something was left running"
    shutil.rmtree(folder, ignore_errors=True)


def processes_of(home: Path) -> list[str]:
    """What runs with a data folder in its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(home) in "".join(process.environ().values()) and process.pid != os.getpid():
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def taskq(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TASKQ_")}
    env = clean | {"TASKQ_HOME": str(home)} | {f"TASKQ_{name}": value for name, value in variables.items()}
    command = [sys.executable, "-m", "taskq_kernel.cli", *arguments]
    done = subprocess.run(command, env=env, capture_output=True, encoding="utf-8", timeout=110, cwd=home.parent)
    assert "Traceback" not in done.stderr
    return done


def test_all_that_is_missing_is_said_at_once_before_anything_starts(home: Path) -> None:
    done = taskq(home, "up", RABBITMQ="/nowhere/rabbitmq-server", JULIA="/nowhere/julia")
    assert done.returncode == 1
    assert "/nowhere/rabbitmq-server" in done.stderr
    assert "/nowhere/julia" in done.stderr
    assert "starting" not in done.stderr
    assert not home.exists()


def test_a_disk_with_too_little_room_is_said_before_anything_starts(home: Path) -> None:
    home.mkdir()
    with small_disk(home, "size=40m"):
        done = taskq(home, "up")
        assert done.returncode == 1
        assert f"40 MB free at {home}" in done.stderr
        assert list(home.iterdir()) == []


def test_a_disk_that_is_full_by_then_is_an_error_with_the_reason(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "LEAST_DISK_BYTES", 0)
    home.mkdir()
    with small_disk(home, "size=1m"):
        (home / "filler").write_bytes(b"x" * ((1 << 20) - 4096 * 4))
        with pytest.raises(StackError, match="No space left on device"):
            LocalStack(load_settings(home=home)).up(workers=1)
        assert not list(home.glob("**/.*.????????")), "half a file was left"


def test_a_first_up_that_fails_shows_what_was_said_in_this_run_alone_and_stops_what_had_started(home: Path) -> None:
    (home / "logs").mkdir(parents=True, mode=0o700)
    home.chmod(0o700)
    (home / "logs" / "service.log").write_text("ERROR of an earlier run\n" * 3, "utf-8")
    done = taskq(home, "up", DATABASE="sqlite:////nowhere/at/all/tasks.db")
    assert done.returncode == 1
    assert "the service stopped as it started" in done.stderr
    assert "unable to open database file" in done.stderr
    assert "earlier run" not in done.stderr
    status = taskq(home, "status", "--json")
    states = {one["role"]: one["state"] for one in json.loads(status.stdout)["processes"]}
    assert status.returncode == 3
    assert states == {"broker": "stopped", "service": "stopped", "sink": "stopped", "worker": "stopped"}


def test_a_dashboard_whose_port_is_taken_starts_no_stack(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = taskq(home, "dashboard", "--no-browser", "--port", str(port))
    assert done.returncode == 1
    assert f"127.0.0.1:{port}: Address already in use" in done.stderr
    assert not home.exists()


def test_nothing_is_looked_for_where_everything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASKQ_RABBITMQ", "/nowhere")
    preflight.check_first(load_settings(julia="/nowhere"), set())
    with pytest.raises(SetupError, match="/nowhere"):
        preflight.check_first(load_settings(julia="/nowhere"), {"worker"})
