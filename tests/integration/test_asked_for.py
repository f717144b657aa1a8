"""Threads and variables that tasks ask for, from the client to Julia and back, and what nobody can give."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from stacks import RunningStack, eventually

from taskq_kernel import connect
from taskq_kernel.domain import WhyKind

#: The last one finds what the stack keeps to itself.
SEEN = (
    '(threads = Threads.nthreads(), model = get(ENV, "MODEL", ""), '
    'stack = [name for name in keys(ENV) if startswith(name, "TASKQ_")])'
)


@pytest.mark.timeout(120)
def test_tasks_sweeps_and_the_command_line_get_the_threads_and_variables_that_they_ask_for(stack: RunningStack) -> None:
    threads = min(2, os.cpu_count() or 1)
    with connect(stack.url, token=stack.token()) as q:
        never = q.submit("1", threads=512)
        task = q.submit(SEEN, threads=threads, env={"MODEL": "fine grid"})
        f = q.define(f"seen(; n) = merge({SEEN}, (n = n,))", entry="seen")
        sweep = f.sweep(n=[1, 2], options={"threads": threads, "env": {"MODEL": "coarse"}})
        assert task.result(timeout=60) == {"threads": threads, "model": "fine grid", "stack": []}
        assert (task.threads, task.env, task.gpus) == (threads, {"MODEL": "fine grid"}, None)
        assert [(one["threads"], one["model"], one["n"]) for one in (t.result(timeout=60) for t in sweep)] == [
            (threads, "coarse", 1), (threads, "coarse", 2),
        ]
        assert q.submit(SEEN).result(timeout=60) == {"threads": 1, "model": "", "stack": []}
        timing = task.timing()
        assert timing is not None
        assert timing.starting_s > 0  # a process with its threads and variables: no slot had one

        command = [sys.executable, "-m", "taskq_kernel.cli", "submit", "-", "--wait", "--env", "MODEL=a=b"]
        ran = subprocess.run(
            [*command, "--threads", f"{threads}"], input=SEEN, env=stack.env, capture_output=True, text=True, check=True
        )
        assert json.loads(ran.stdout) == {"threads": threads, "model": "a=b", "stack": []}

        why = eventually(lambda: (found := never.why()).kind is WhyKind.UNSERVED and found, "it is said at once")
        assert "it needs 512 cores, and no worker of the queue 'default' has so much" in str(why)
        assert never.status == "QUEUEING"
        never.cancel()


@pytest.mark.timeout(180)
def test_tasks_that_alternate_share_processes_and_one_of_a_third_kind_has_its_turn_among_them(
    stack: RunningStack, effects: Path
) -> None:
    with connect(stack.url, token=stack.token()) as q:
        held = q.submit(f'while !isfile("{effects / "go"}"); sleep(0.05); end')
        eventually(lambda: held.status == "RUNNING", "one of the two slots has a task")
        kinds = ["a", "b"] * 45
        kinds.insert(10, "c")
        tasks = [q.submit("getpid()", env={"KIND": kind}) for kind in kinds]
        processes = {task.result(timeout=120) for task in tasks}
        (effects / "go").touch()
        held.result(timeout=60)
        third = tasks[10].started_at
        later = [task for task in tasks[11:] if task.started_at > third]
        assert len(processes) <= 15
        assert len(later) >= 20
