"""A Julia process that is killed from outside is lost, not failed: its task goes on, and not for ever."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner
from stacks import RunningStack, eventually

from taskq_kernel import TaskFailed
from taskq_kernel.cli import cli
from taskq_kernel.client.client import Client
from taskq_kernel.client.task import Task


def reasons(task: Task) -> list[str]:
    return [event["reason"] for event in task.history()]


def test_a_task_whose_julia_is_killed_finishes_in_another_attempt_and_its_history_says_why(
    q: Client, stack: RunningStack, effects: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = q.submit(
        """
        if !isfile(path)
            touch(path)
            progress(0.4, string(getpid()))
            sleep(60)
        end
        progress(0.5, "half")
        for step in 1:2000
            progress(0.5 + step / 4000, "step $step of 2000")
        end
        "done"
        """,
        arguments={"path": str(effects / "first")},
    )
    eventually(lambda: task.refresh().progress == 0.4, "it runs, and says in which process")
    os.kill(int(str(task.field("progressMessage"))), signal.SIGKILL)

    assert task.result(timeout=60) == "done"
    assert (task.attempt, task.lost) == (2, 1)
    assert (task.progress, task.field("progressMessage")) == (1.0, "step 2000 of 2000"), "the last one, at once"
    [lost] = [reason for reason in reasons(task) if reason.startswith("lost 1 of at most 3 times")]
    assert "killed (signal 9)" in lost
    monkeypatch.setenv("TASKQ_URL", stack.url)
    monkeypatch.setenv("TASKQ_TOKEN", stack.token())
    assert lost[:100] in CliRunner().invoke(cli, ["show", str(task.number)], catch_exceptions=False).output


def test_a_task_whose_julia_is_killed_every_time_is_failed_with_that_as_the_reason(q: Client) -> None:
    # The same signal as the operating system's: nobody can tell who has sent it.
    task = q.submit('progress(0.3, "on the brink"); ccall(:raise, Cint, (Cint,), 9)', max_attempts=1)
    with pytest.raises(TaskFailed, match="The task was lost 3 times, so it is not tried again") as failed:
        task.result(timeout=60)
    assert failed.value.name == "ProcessKilled"
    # A worker whose next Julia takes long to start releases the task in between: attempts that never began.
    assert task.lost == 3
    assert (task.progress, task.field("progressMessage")) == (0.3, "on the brink")
    assert sum("killed (signal 9)" in reason for reason in reasons(task)) == 3


def test_a_task_over_its_own_memory_limit_is_failed_at_once_and_not_lost(q: Client) -> None:
    task = q.submit("held = [fill(1.0, 10^6) for _ in 1:200]; sleep(60)", memory_limit="600 MiB")
    with pytest.raises(TaskFailed, match="its limit is 600 MiB") as failed:
        task.result(timeout=60)
    assert failed.value.name == "MemoryLimitExceeded"
    assert (task.attempt, task.lost) == (1, 0)
