"""A stack that keeps itself up: what dies is started again, what was stopped stays so, and nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from stacks import RunningStack, eventually, local_stack

from taskq_kernel import connect

#: How soon a part that died is started again.
PROMISED_S = 5.0


@pytest.fixture(scope="module")
def own() -> Iterator[RunningStack]:
    """A stack of these tests' own."""
    with local_stack(workers=1) as running:
        yield running


def taskq(stack: RunningStack, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "taskq_kernel.cli", *arguments]
    return subprocess.run(command, env=stack.env, capture_output=True, text=True, timeout=90)


def process_of(stack: RunningStack, role: str) -> dict[str, Any]:
    return next(one for one in stack.local.status()["processes"] if one["role"] == role)


@pytest.mark.parametrize("role", ["service", "sink", "worker", "broker"])
def test_a_part_that_was_killed_is_started_again_in_time_and_status_says_so(own: RunningStack, role: str) -> None:
    before = process_of(own, role)
    since = time.monotonic()
    os.kill(before["pid"], signal.SIGKILL)
    eventually(lambda: process_of(own, role)["pid"] not in (None, before["pid"]), "it is started again", PROMISED_S)
    assert time.monotonic() - since < PROMISED_S
    assert process_of(own, role)["restarts"] == before["restarts"] + 1
    assert f"starting the {role} again" in (own.home / "logs" / "keeper.log").read_text("utf-8")
    assert "started again 1 time, last at 20" in taskq(own, "status").stdout
    eventually(lambda: "slots_busy" in own.local.status(), "the service answers", 30)
    with connect(own.url, token=own.token()) as q:
        assert q.submit("6 * 7").result(timeout=60) == 42


def test_a_part_that_an_operator_stops_stays_stopped_until_up(own: RunningStack) -> None:
    told = process_of(own, "sink")["pid"]
    os.kill(told, signal.SIGTERM)
    assert taskq(own, "down", "worker").returncode == 0
    eventually(lambda: process_of(own, "sink")["state"] == "stopped", "the sink has ended in order")
    # The keeper has looked since: it has started the service again, which died after that.
    service = process_of(own, "service")["pid"]
    os.kill(service, signal.SIGKILL)
    eventually(lambda: process_of(own, "service")["pid"] not in (None, service), "the service is started again")
    states = {one["role"]: one["state"] for one in own.local.status()["processes"]}
    assert states == {"broker": "running", "service": "running", "sink": "stopped", "worker": "stopped"}
    assert taskq(own, "up").returncode == 0
    assert own.local.healthy()


def test_a_broker_that_was_told_to_stop_stays_stopped_until_up(own: RunningStack) -> None:
    os.kill(process_of(own, "broker")["pid"], signal.SIGTERM)
    eventually(lambda: process_of(own, "broker")["state"] == "stopped", "RabbitMQ has ended in order", 30)
    assert "RabbitMQ was told to stop, and stays stopped" in (own.home / "logs" / "keeper.log").read_text("utf-8")
    assert taskq(own, "up").returncode == 0
    assert own.local.healthy()


def test_a_keeper_that_died_is_seen_and_started_again_by_up_beside_the_parts_that_run(own: RunningStack) -> None:
    parts = {one["role"]: one["pid"] for one in own.local.status()["processes"]}
    own.local.keeper.kill()
    assert not own.local.healthy()
    status = json.loads(taskq(own, "status", "--json").stdout)
    assert status["running"]
    assert status["keeper"]["state"] == "dead"
    assert taskq(own, "up").returncode == 0
    assert own.local.healthy()
    assert {one["role"]: one["pid"] for one in own.local.status()["processes"]} == parts


def test_down_ends_everything_even_while_the_keeper_starts_the_broker_again(own: RunningStack) -> None:
    pids = [one["pid"] for one in own.local.status()["processes"]] + [own.local.keeper.pid]
    family = [one for pid in pids for one in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True))]
    os.kill(process_of(own, "broker")["pid"], signal.SIGKILL)
    eventually(lambda: process_of(own, "broker")["restarts"] > 1, "the keeper starts RabbitMQ again")
    done = taskq(own, "down")
    assert done.returncode == 0, done.stderr
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []
    eventually(lambda: not left(own), "nothing is left", 5)
    assert not list((own.home / "run").glob("*.pid"))


def left(stack: RunningStack) -> list[str]:
    """What runs with the data folder in its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(stack.home) in "".join(process.environ().values()) and process.pid != os.getpid():
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found
