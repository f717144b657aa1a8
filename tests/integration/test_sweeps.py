"""Sweeps on a real stack: one function over a grid, resumed, extended, cancelled, and looked at as a table."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
import pytest
from stacks import RunningStack, eventually

from taskq_kernel import InvalidTask, NotFound, TaskFailed, connect
from taskq_kernel.client.client import Client
from taskq_kernel.client.definition import Definition
from taskq_kernel.client.sweep import Sweep
from taskq_kernel.domain import TaskStatus
from taskq_kernel.seeds import point_seed

GAP = """
function gap(; n, beta = 0.5, bad = false)
    bad && n == 2 && throw(DomainError(n, "two"))
    bad && error("no")
    return (energy = beta * n, drawn = rand(UInt32))
end
"""


@pytest.fixture(scope="module")
def gap(q: Client) -> Definition:
    return q.define(GAP)


def name() -> str:
    """A name that no other batch has."""
    return f"batch {uuid4()}"


def test_a_sweep_is_one_tidy_table(q: Client, gap: Definition) -> None:
    b = gap.sweep(n=range(1, 4), beta=[0.5, 1.5], where=lambda p: p.n * p["beta"] < 4, seed=11)
    assert len(b) == 5
    b.wait(60, progress=False)
    frame = b.frame()
    assert list(frame.columns[:4]) == ["n", "beta", "status", "progress"]
    assert list(frame.columns[-2:]) == ["energy", "drawn"]
    assert (frame["n"].dtype, frame["beta"].dtype, frame["energy"].dtype) == ("int64", "float64", "float64")
    assert (frame["energy"] == frame["n"] * frame["beta"]).all()
    assert (frame["status"] == "FINISHED").all()
    assert frame["seed"].tolist() == [point_seed(11, place) for place in range(5)] == b.seeds()
    again = gap.sweep(n=range(1, 4), beta=[0.5, 1.5], where=lambda p: p.n * p["beta"] < 4, seed=11)
    assert again.id != b.id
    assert again.wait(60, progress=False).frame()["drawn"].tolist() == frame["drawn"].tolist()
    assert frame["drawn"].nunique() == 5
    assert b[3].result()["energy"] == frame["energy"][3]
    assert [task.point for task in b[1:3]] == [1, 2]
    assert [task.id for task in q.tasks(batch=again.name)] == [task.id for task in again]
    assert q.frame(batch=again.name, status="FINISHED").index.tolist() == [task.number for task in again]
    assert q.delete(batch=again.name, status="FAILED") == 0
    with pytest.raises(NotFound, match="no batch is named 'nobody'"):
        q.tasks(batch="nobody")


def test_the_same_sweep_under_the_same_name_resumes_and_another_notebook_finds_it(
    q: Client, gap: Definition, stack: RunningStack
) -> None:
    title = name()
    b = gap.sweep(n=[1, 2, 3], bad=True, name=title)
    b.wait(60, progress=False)
    assert b.counts()[TaskStatus.FAILED] == 3
    failures = b.failures()
    assert failures["cause"].tolist() == ["ErrorException in line 4", "DomainError in line 3"]
    assert failures["count"].tolist() == [2, 1]
    assert failures["point"].tolist() == [0, 1]
    with pytest.raises(TaskFailed):
        b.results(5)
    with connect(stack.url, token=stack.token()) as other:
        found = other.batch(title)
        assert (found.id, len(found)) == (b.id, 3)
        assert found.extend(n=[1, 2, 3], bad=[True, False]) == 3
        found.wait(60, progress=False)
        assert found.counts() == {
            TaskStatus.QUEUEING: 0, TaskStatus.RUNNING: 0, TaskStatus.FINISHED: 3, TaskStatus.FAILED: 3,
            TaskStatus.CANCELLED: 0,
        }  # fmt: skip
        done = [task.number for task in found[3:]]
        came_out = other.results(batch=title, definition=gap)
        assert (came_out.index.tolist(), came_out["n"].tolist()) == (done, [1, 2, 3])
        assert came_out["energy"].tolist() == found.frame()["energy"][3:].tolist()
        assert other.results(batch=title, arguments="n>=2").index.tolist() == done[1:]
        assert other.results(batch=title, definition=gap, status="failed")["bad"].all()
    again = gap.sweep(n=[1, 2, 3], bad=[True, False], name=title)
    again.wait(60, progress=False)
    assert (again.id, len(again), [task.number for task in again[3:]]) == (b.id, 6, done)
    assert all(task.attempt > 1 for task in again[:3])
    with pytest.raises(InvalidTask, match="Choose another name"):
        q.define("gap(; n) = n").sweep(n=[1], name=title)
    assert title in [one.name for one in q.batches(name=title)]
    assert again.delete() == 6
    with pytest.raises(NotFound, match="no batch is named"):
        q.batch(title)


def test_points_come_as_they_end_and_can_be_awaited(q: Client) -> None:
    f = q.define("nap(s; k = 0) = (sleep(s); s + k)")
    b = f.map([0.6, 0.0, 0.1], k=1)
    assert sorted(task.point for task in b.as_completed(60, progress=False)) == [0, 1, 2]
    assert asyncio.run(_awaited(b)) == [1.6, 1.0, 1.1]
    assert b.frame()["arg1"].tolist() == [0.6, 0.0, 0.1]
    part = b[:2].frame()
    assert part["arg1"].tolist() == [0.6, 0.0]
    assert not part[["seed", "queue", "priority", "created_at"]].isna().any(axis=None)


async def _awaited(b: Sweep) -> list[Any]:
    return await b


def test_a_cancelled_sweep_stops_and_goes_on_when_it_is_resumed(q: Client) -> None:
    f = q.define("slow(i) = (sleep(0.05); i)")
    b = f.map(range(3000), name=name())
    eventually(lambda: b.counts()[TaskStatus.FINISHED], "the first point ends")
    assert b.counts()[TaskStatus.QUEUEING] > 2000
    assert q.cancel(b) > 2000
    eventually(lambda: b.done, "every point is done or cancelled")
    counts = b.counts()
    assert counts[TaskStatus.CANCELLED] + counts[TaskStatus.FINISHED] == 3000
    assert b.resume() > 0
    eventually(lambda: b.counts()[TaskStatus.FINISHED] > counts[TaskStatus.FINISHED], "it goes on")
    assert b[2999].point == 2999
    assert q.delete(b) == 3000


def test_a_hundred_thousand_points_are_taken_at_once_and_lightly(q: Client) -> None:
    f = q.define("point(; n, k) = n")
    q.statistics()
    tracemalloc.start()
    began = time.monotonic()
    b = f.sweep(n=range(1000), k=np.arange(200), where=lambda p: (p.n + p.k) % 2 == 0, options={"queue": "nobodys"})
    took, peak = time.monotonic() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(b) == 100_000
    assert b.counts()[TaskStatus.QUEUEING] == 100_000
    assert peak < 100 << 20
    assert took < 20  # ten times as long as promised: tracing costs most of it, and others compute beside it
    began = time.monotonic()
    plain = f.sweep(n=range(1000), k=range(100), options={"queue": "nobodys"})
    assert time.monotonic() - began < 2
    for sweep in (b, plain):
        sweep.delete()


def test_rows_of_a_table_and_samples_are_points(q: Client, gap: Definition) -> None:
    table = pd.DataFrame({"n": [3, 1], "beta": [0.25, 4.0]})
    assert gap.sweep(frame=table).wait(60, progress=False).frame()["energy"].tolist() == [0.75, 4.0]
    drawn = gap.sample(8, n=[1, 2, 3], beta=(0.5, 1.0), seed=5)
    frame = drawn.frame(values=False)
    assert frame["beta"].between(0.5, 1.0).all()
    assert set(frame["n"]) == {1, 2, 3}
    assert gap.sample(8, n=[1, 2, 3], beta=(0.5, 1.0), seed=5).frame(values=False)["beta"].equals(frame["beta"])
    for method in ("halton", "lhs", "random"):
        assert gap.sample(3, n=range(9), beta=(0, 1), method=method).frame(values=False)["n"].dtype == "int64"
