"""Every block of docs/sweeps.md runs, and an executor does what others expect of one."""

from __future__ import annotations

import re
from concurrent.futures import CancelledError, as_completed
from pathlib import Path
from typing import Any

import pytest
from stacks import eventually

from taskq_kernel import InvalidTask, TaskFailed
from taskq_kernel.client.client import Client
from taskq_kernel.client.sweep import Sweep

PAGE = (Path(__file__).parents[2] / "docs" / "sweeps.md").read_text("utf-8")


def test_the_page_about_sweeps_is_true(q: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    monkeypatch.setattr("taskq_kernel.connect", lambda: q, raising=False)
    names: dict[str, Any] = {}
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert len(blocks) > 6
    for block in blocks:
        exec(compile(block, "docs/sweeps.md", "exec"), names)
    assert isinstance(names["b"], Sweep)
    assert len(names["b"]) == len(names["values"]) == 8
    assert names["b"].frame()["distance"].notna().all()
    assert names["c"].failures()[["cause", "count"]].values.tolist() == [["ErrorException in line 1", 2]]
    for name in ("walks", "roots"):
        q.batch(name).delete()


def test_an_executor_is_driven_as_any_other(q: Client) -> None:
    f, other = q.define("f(x; y = 1) = x < 0 ? error(\"no\") : x + y"), q.define("nap(s) = sleep(s)")
    with q.executor(f, max_attempts=1) as executor:
        futures = {executor.submit(None, n, y=10): n for n in range(4)}
        assert {futures[one]: one.result() for one in as_completed(futures, 60)} == {n: n + 10 for n in range(4)}
        failed = executor.submit(f, -1)
        assert isinstance(failed.exception(60), TaskFailed)
        assert list(executor.map(None, [1, 2, 3])) == [2, 3, 4]
        slow = executor.submit(other, 60)
        eventually(slow.running, "the task runs")
        assert slow.cancel()
        assert slow.cancelled()
        eventually(lambda: slow.task.status == "CANCELLED", "its task is cancelled")
        gone = executor.submit(other, 60)
        gone.task.cancel()
        assert isinstance(gone.exception(60), CancelledError)
        with pytest.raises(InvalidTask, match=r"give what q\.define"):
            executor.submit(abs, 1)
    with pytest.raises(RuntimeError, match="shut down"):
        executor.submit(None, 1)
    with q.executor() as none, pytest.raises(InvalidTask, match="it has none"):
        none.submit(None, 1)
