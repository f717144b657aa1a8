"""Why a task waits, on a real stack: every slot is busy, a task that it needs is not done."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from stacks import RunningStack, eventually

from taskq_kernel import connect
from taskq_kernel.client.operations import workers
from taskq_kernel.errors import TaskTimeout

#: Every slot is waited for, and a slot may be starting its Julia.
pytestmark = pytest.mark.timeout(300)


def test_a_task_says_why_it_waits_where_it_runs_and_how_it_ended(stack: RunningStack, effects: Path) -> None:
    with connect(stack.url, token=stack.token()) as client:
        slots = sum(worker["slots"] for worker in workers(client.transport) if "default" in worker["queues"])
        marker = effects / "busy"
        marker.touch()
        begun = [effects / f"begun-{place}" for place in range(slots)]
        blockers = [
            client.submit(f'touch("{mine}"); while isfile("{marker}"); sleep(0.02); end', name="blocker")
            for mine in begun
        ]
        try:
            # In their slots: one that was given to a worker runs from then on, and may be on its way there.
            eventually(lambda: all(mine.exists() for mine in begun), "every slot has a task", 60)
            assert {blocker.why().kind for blocker in blockers} == {"RUNNING"}
            first = client.submit("1 + 1", name="first")
            second = client.submit("2 + 2", after=[first])
            busy = eventually(lambda: next((why for why in [first.why()] if why.kind == "BUSY"), None), "it is busy")
            assert (busy.ahead, busy.since is not None) == (0, True)
            assert f"it needs task {first.number} (first), which is QUEUEING" in str(second.why())
            with pytest.raises(TaskTimeout, match="queue 'default' (is|are) busy, and it is the next"):
                first.result(timeout=0.1)
            with pytest.raises(TaskTimeout, match=f"is RUNNING .*; worker {blockers[0].worker} runs it"):
                blockers[0].result(timeout=0.1)
            shown = subprocess.run(
                [sys.executable, "-m", "taskq_kernel.cli", "show", str(first.number)], env=stack.env,
                capture_output=True, encoding="utf-8", timeout=60,
            )  # fmt: skip
            assert "busy, and it is the next (since " in shown.stdout
        finally:
            blockers[0].cancel()
            marker.unlink()  # the others keep their processes
        assert second.result(timeout=120) == 4
        assert first.why().kind == "FINISHED"
        assert blockers[0].why().sentence.startswith("it was cancelled by ")
