"""A task for a queue that no worker serves: whoever looks at it is told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
import urllib3
from stacks import RunningStack, eventually
from taskq_widgets.detail import TaskDetail
from taskq_widgets.overview import Overview

from taskq_kernel import connect
from taskq_kernel.client.client import Client
from taskq_kernel.client.task import Task
from taskq_kernel.errors import TaskTimeout
from taskq_kernel.local.fleet import check_queues

SAID = "no worker serves the queue 'gpu'"


@pytest.fixture
def client(stack: RunningStack) -> Iterator[Client]:
    with connect(stack.url, token=stack.token()) as made:
        yield made


@pytest.fixture
def task(client: Client) -> Iterator[Task]:
    """A task that waits for a worker of the queue "gpu"."""
    made = client.submit("1 + 1", queue="gpu")
    yield made
    made.cancel()


def taskq(stack: RunningStack, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "taskq_kernel.cli", *arguments]
    return subprocess.run(command, env=stack.env, capture_output=True, encoding="utf-8", timeout=60)


def test_the_task_its_timeout_and_show_say_so(stack: RunningStack, task: Task) -> None:
    assert SAID in (task.waits_for or "")
    assert (task.why().kind, SAID in str(task.why())) == ("UNSERVED", True)
    with pytest.raises(TaskTimeout, match=SAID):
        task.result(timeout=0.1)
    assert SAID in taskq(stack, "show", str(task.number)).stdout


def test_a_task_of_a_queue_that_is_served_waits_for_nothing_else(client: Client) -> None:
    served = client.submit("1 + 1")
    assert served.waits_for is None
    assert served.result(60) == 2


def test_a_batch_that_is_not_done_in_time_says_so(client: Client) -> None:
    batch = client.submit_many(["1 + 1", "2 + 2"], queue="gpu")
    with pytest.raises(TaskTimeout, match=SAID):
        batch.wait(timeout=0.1, progress=False)
    batch.cancel()


def test_status_doctor_and_the_metrics_say_so(stack: RunningStack, task: Task) -> None:
    check = check_queues(stack.settings)
    assert (check.ok, "'gpu'" in check.detail, "TASKQ_QUEUES=default,gpu" in check.mend) == (False, True, True)
    assert "queue 'gpu', and no worker serves it" in taskq(stack, "status").stdout
    headers = {"authorization": f"Bearer {stack.token()}"}
    eventually(
        lambda: b"taskq_unserved_queues 1.0"
        in urllib3.request("GET", stack.url.replace("/graphql", "/metrics"), headers=headers).data,
        "the metrics count it",
    )
    task.cancel()
    assert eventually(lambda: check_queues(stack.settings).ok, "nothing waits there any more")


def test_a_command_that_waits_says_so_once_and_goes_on(stack: RunningStack, task: Task) -> None:
    waiting = subprocess.Popen(
        [sys.executable, "-m", "taskq_kernel.cli", "wait", str(task.number)], env=stack.env, encoding="utf-8",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert waiting.stderr is not None
    assert SAID in waiting.stderr.readline()
    task.cancel()
    _, more = waiting.communicate(timeout=30)
    assert (waiting.returncode, more) == (1, "")


def test_the_board_says_so(client: Client, task: Task) -> None:
    overview, detail = Overview(client), TaskDetail(client, task)
    try:
        for panel in (overview, detail):
            panel._on_message(panel, {"type": "alive", "view": "v1"}, [])
        eventually(lambda: "gpu" in overview.figures.get("unserved", []), "the overview knows the queue")
        eventually(lambda: SAID in detail.result.get("text", ""), "the panel says what the task waits for")
    finally:
        overview.close()
        detail.close()
