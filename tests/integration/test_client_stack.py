"""The Python client on a real stack: connecting, the live feed, batches, frames, a notebook's cell."""

from __future__ import annotations

import asyncio
import math
import multiprocessing
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from stacks import RunningStack, eventually

from taskq_kernel import InvalidTask, RichValue, TaskDeleted, TaskFailed, TaskTimeout, Unauthorized, connect
from taskq_kernel.broker.names import session_queue
from taskq_kernel.client import connecting
from taskq_kernel.client.client import Client
from taskq_kernel.client.feed import Changes
from taskq_kernel.domain import TaskStatus


@pytest.fixture
def q(stack: RunningStack) -> Iterator[Client]:
    with connect(stack.url, token=stack.token()) as client:
        yield client


@pytest.fixture
def at_home(stack: RunningStack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RunningStack:
    """A program that knows no more than where the stack's data folder is."""
    for name in ("TASKQ_URL", "TASKQ_TOKEN", "TASKQ_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TASKQ_HOME", str(stack.home))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(connecting, "_default", None)
    return stack


# -- connecting ------------------------------------------------------------------------------


def test_connect_finds_the_stack_that_runs(at_home: RunningStack) -> None:
    with connect() as q:
        assert q.url == at_home.url
        assert q.submit("1 + 1").result(timeout=30) == 2


def test_taskq_url_and_a_token_file_are_enough(
    at_home: RunningStack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TASKQ_HOME", str(tmp_path / "another"))
    monkeypatch.setenv("TASKQ_URL", at_home.url)
    monkeypatch.setenv("TASKQ_TOKEN_FILE", str(at_home.home / "tokens" / "admin.token"))
    with connect() as q:
        assert q.submit("2 + 2").result(timeout=30) == 4


def test_a_wrong_token_is_refused_at_once_and_not_repeated(stack: RunningStack) -> None:
    with pytest.raises(Unauthorized) as caught:
        connect(stack.url, token="a-wrong-token")
    assert "a-wrong-token" not in str(caught.value)


# -- what Julia gives back -------------------------------------------------------------------


def test_a_large_array_comes_back_whole_through_neither_broker_nor_memory(q: Client, stack: RunningStack) -> None:
    before = peaks(stack)
    # When: a task returns 64 MB of numbers.
    task = q.submit("reshape(collect(1.0:8_000_000.0), 2000, 4000)")
    made = task.result(timeout=60)
    # Then: they are numpy's, as Julia has them, and no part has held them all.
    assert (made.dtype, made.shape, made[1, 0], made[0, 1]) == (np.dtype("float64"), (2000, 4000), 2.0, 2001.0)
    assert made.sum() == 8_000_000 * 8_000_001 / 2
    assert task.value_type in ("Array{Float64,2}", "Matrix{Float64}")
    grown = {role: peak - before[role] for role, peak in peaks(stack).items()}
    assert max(grown.values()) < 32 << 20, grown


def test_a_task_has_its_seed_its_series_and_its_timing(q: Client) -> None:
    code = "for i in 1:5; report(i; x = i^2); end; rand(UInt32, 3)"
    task, again = q.submit(code, seed=42), q.submit(code, seed=42)
    assert task.result(timeout=30).dtype == np.dtype("uint32")
    assert task.result().tolist() == again.result(timeout=30).tolist() == task.retry().result(timeout=30).tolist()
    assert task.series("x").to_dict() == {1: 1.0, 2: 4.0, 3: 9.0, 4: 16.0, 5: 25.0}
    timing = task.timing()
    assert timing is not None
    assert timing.allocated_bytes > 0


def peaks(stack: RunningStack) -> dict[str, int]:
    """The most resident memory that each part of the stack has had, in bytes."""
    found = {}
    for part in stack.local.status()["processes"]:
        status = Path(f"/proc/{part['pid']}/status").read_text(encoding="utf-8")
        found[part["role"]] = int(status.partition("VmHWM:")[2].split()[0]) << 10
    return found


# -- the live feed ---------------------------------------------------------------------------


def test_waiting_asks_nothing_of_the_service(q: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    q.submit("1").result(timeout=30)  # the feed runs now
    task = q.submit("sleep(0.5); 8")
    asked: list[str] = []
    execute = q.transport.execute

    def counted(query: str, *args: Any, **kwargs: Any) -> Any:
        asked.append(query)
        return execute(query, *args, **kwargs)

    monkeypatch.setattr(q.transport, "execute", counted)
    assert task.result(timeout=30) == 8
    assert task.status == TaskStatus.FINISHED
    assert task.worker
    assert asked == []


def test_listeners_hear_of_every_change_in_order_and_of_deletions(
    q: Client, stack: RunningStack, effects: Path
) -> None:
    heard: list[Changes] = []
    unsubscribe = q.feed.subscribe(heard.append)
    q.feed.start()
    eventually(lambda: q.feed.state.connected, "the feed is connected: it tells what changes from then on")
    end = effects / "end"
    task = q.submit(f'progress(0.5, "half"); while !isfile("{end}"); sleep(0.05); end; 1', name="heard of")
    try:
        eventually(lambda: 0.5 in [one["progress"] for changes in heard for one in changes.tasks], "progress is told")
    finally:
        end.touch()
    task.result(timeout=30)
    with connect(stack.url, token=stack.token()) as other:
        other.delete(task.id)
    eventually(lambda: any(task.id in changes.deleted for changes in heard), "the deletion is told")
    unsubscribe()
    told = [one for changes in heard for one in changes.tasks if one["id"] == task.id]
    assert told[-1]["status"] == "FINISHED"
    assert [one["version"] for one in told] == sorted(one["version"] for one in told)
    versions = [changes.version for changes in heard]
    assert versions == sorted(versions)
    with pytest.raises(TaskDeleted):
        task.result()


def test_a_cut_connection_is_resumed_and_nothing_is_missed(
    stack: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taskq_kernel.client.feed.PING_S", 1.0)  # only a ping finds out
    with connect(stack.url, token=stack.token()) as q:
        q.submit("1").result(timeout=30)
        states: list[str] = []
        q.feed.subscribe(lambda _: None, on_state=lambda state: states.append(state.name))
        task = q.submit("sleep(1); 9")
        socket = q.feed._socket
        assert socket is not None
        socket.socket.close()
        assert task.result(timeout=30) == 9
        eventually(lambda: q.feed.state.connected, "the feed is back")
        assert states[:2] == ["away", "connected"]


def test_a_task_that_another_client_submitted_can_be_waited_for(q: Client, stack: RunningStack) -> None:
    with connect(stack.url, token=stack.token()) as other:
        theirs = other.submit("sleep(0.5); 3")
        mine = q.task(theirs.number)
        assert mine.result(timeout=30) == 3
        assert mine.id == theirs.id


# -- awaiting --------------------------------------------------------------------------------


def test_tasks_can_be_awaited_together_while_the_loop_goes_on(q: Client) -> None:
    async def main() -> tuple[list[Any], float]:
        longest = 0.0

        async def watch() -> None:
            nonlocal longest
            while True:
                began = time.monotonic()
                await asyncio.sleep(0.01)
                longest = max(longest, time.monotonic() - began)

        watching = asyncio.create_task(watch())
        values = await asyncio.gather(*(q.submit(f"sleep(0.2); {n}") for n in range(4)))
        watching.cancel()
        return values, longest

    values, longest = asyncio.run(main())
    assert values == [0, 1, 2, 3]
    assert longest < 2.0  # a blocked loop would have stood still until the last task ended


def test_await_carries_julias_error(q: Client) -> None:
    async def main() -> Any:
        return await q.submit("log(-1.0)")

    with pytest.raises(TaskFailed) as caught:
        asyncio.run(main())
    assert caught.value.name == "DomainError"


# -- batches and frames ----------------------------------------------------------------------


def test_a_batch_comes_in_the_order_of_completion(q: Client) -> None:
    batch = q.submit_many(["sleep(5); :slow", 'error("no")', ":quick"])
    ends = list(batch.as_completed(timeout=60, progress=False))
    assert {task.number for task in ends} == {task.number for task in batch}
    times = [task.finished_at for task in ends if task.finished_at]
    assert len(times) == 3
    assert times == sorted(times)
    assert batch.counts()[TaskStatus.FAILED] == 1
    frame = batch.frame()
    assert frame.value.tolist() == ["slow", None, "quick"]
    assert frame.status.tolist() == ["FINISHED", "FAILED", "FINISHED"]
    assert frame.error.iloc[1] == "ErrorException: no"
    assert (frame.finished_at >= frame.started_at).all()
    assert frame.seconds.iloc[0] > 4.9
    pd.testing.assert_frame_equal(q.frame(batch=batch), frame)


def test_tasks_are_selected_by_status_name_search_batch_and_time(q: Client) -> None:
    batch = q.submit_many(["sqrt(16)", "sqrt(-16)"], name="selected αβ")
    batch.wait(30, progress=False)
    assert len(q.tasks(name="SELECTED αβ", batch=batch)) == 2
    assert [task.number for task in q.tasks(batch=batch.id, status="failed")] == [batch[1].number]
    assert [task.number for task in q.tasks(batch=batch, search="sqrt(16)")] == [batch[0].number]
    assert len(q.tasks(batch=batch, finished_after=batch[0].created_at)) == 2
    assert len(q.tasks(batch=batch, created_before=batch[0].created_at - timedelta(seconds=1))) == 0
    assert [task.number for task in q.tasks(batch=batch, newest_first=True, limit=1)] == [batch[1].number]
    assert q.frame(batch=batch, status=["FAILED", "CANCELLED"]).index.tolist() == [batch[1].number]


def test_a_selection_can_be_cancelled_retried_and_deleted(q: Client) -> None:
    batch = q.submit_many(["sleep(60)"] * 5, name="to be cancelled")
    assert q.cancel(batch=batch.id) == 5
    assert batch.counts()[TaskStatus.CANCELLED] == 5
    assert q.retry(batch[0], batch[1].number) == 2
    assert q.delete(batch) == 5
    eventually(lambda: all(task.deleted for task in batch), "the tasks are gone")
    assert q.tasks(batch=batch).results() == []


def test_deleted_by_the_feed_wakes_whoever_waits(q: Client) -> None:
    task = q.submit("sleep(60)")
    threading.Timer(0.3, lambda: q.delete(task)).start()
    with pytest.raises(TaskDeleted):
        task.result(timeout=10)


def test_workers_and_statistics_tell_where_everything_stands(q: Client) -> None:
    q.submit("1").result(timeout=30)
    (worker,) = q.workers()
    assert (worker.state, worker.slots, worker.queues) == ("ONLINE", 2, ["default"])
    assert worker.julia_version[0].isdigit()
    statistics = q.statistics()
    assert statistics.slots == 2
    assert statistics.broker_connected
    assert statistics.total == sum(statistics.counts.values())
    assert len(statistics.last_hour) == 60


# -- values ----------------------------------------------------------------------------------


def test_an_image_a_table_and_many_digits_arrive_as_what_they_are(q: Client) -> None:
    drawing = q.submit(
        "struct Dot end\n"
        'Base.show(io::IO, ::MIME"image/svg+xml", ::Dot) = print(io, "<svg><circle r=\'1\'/></svg>")\n'
        "Dot()"
    ).result(timeout=60)
    assert isinstance(drawing, RichValue)
    assert drawing.data("image/svg+xml") == b"<svg><circle r='1'/></svg>"
    table = q.submit("(x = [1, missing, 3], y = [0.5, NaN, Inf])").result(timeout=30)
    assert table.x.dtype == "Int64"
    assert table.y[2] == math.inf
    digits = q.submit("BigFloat(2; precision = 300)^(big(1) / 2)").result(timeout=30)
    assert str(digits).startswith("1.4142135623730950488016887242096980785696718753769480731766797379907324784621")


def test_arguments_arrive_in_julia_as_what_they_were(q: Client) -> None:
    arguments = {"z": 1 + 2j, "nan": math.nan, "xs": [1, 2.5], "d": {"k": [True, None]}, "s": 'π\n"q"'}
    task = q.submit('(real(z), isnan(nan), sum(xs), d["k"][1], s)', arguments=arguments)
    assert task.result(timeout=30) == [1, True, 3.5, True, 'π\n"q"']
    assert task.refresh().arguments["z"] == 1 + 2j


# -- a notebook's cell -----------------------------------------------------------------------


def test_a_cell_is_a_task(at_home: RunningStack) -> None:
    pytest.importorskip("IPython", reason="IPython is part of the extra `lab`")
    from taskq_kernel.magic import julia

    assert julia("--wait --arg n=4 --name 'a cell'", "sum(1:n)") == 10
    with pytest.raises(TaskFailed):
        julia("--wait", "undefined_variable")
    task = julia("", "sleep(0.2); 5")
    with pytest.raises(TaskTimeout):
        task.result(timeout=0.01)
    assert task.result(timeout=30) == 5
    connecting.default_client().close()


def test_tasks_travel_to_other_processes_and_are_waited_for_there(at_home: RunningStack, q: Client) -> None:
    good, bad = q.submit("6 * 7"), q.submit("sqrt(-1.0)")
    for method in ("spawn", "fork"):
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool, warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads and a fork: it is what is tried
            assert pool.submit(_result_of, good).result(timeout=60) == 42
            with pytest.raises(TaskFailed) as raised:
                pool.submit(_result_of, bad).result(timeout=60)
            assert raised.value.name == "DomainError"
            assert raised.value.task is bad
        assert q.task(good.number).result(timeout=60) == 42


def _result_of(task: Any) -> Any:
    return task.result(timeout=60)


# -- found again -----------------------------------------------------------------------------


def test_what_was_submitted_lately_is_found_again_by_another_client_newest_first_and_batches_as_one(
    q: Client, stack: RunningStack
) -> None:
    # Given: a sweep, tasks that were submitted together, a task, and what is not meant: a session with a cell.
    start = datetime.now(UTC)
    sweep = q.define("square(; n) = n^2").sweep(n=[1, 2, 3], name=f"squares {start.isoformat()}")
    batch = q.submit_many(["1", "2"], name="pair")
    alone = q.submit("6 * 7", name="<b>answer</b>")
    [session] = q.create([{"code": "# cells", "kind": "SESSION", "name": "session"}])
    q.submit("1", queue=session_queue(session.id), name="cell")
    for one in (sweep, batch, alone):
        one.wait(60)
    session.cancel()
    # When: a kernel that has just started asks.
    with connect(stack.url, token=stack.token()) as fresh:
        recent = fresh.recent(since=start)
        again, pair, squares = recent
        # Then: they are what they were.
        assert (again.id, again.result()) == (alone.id, 42)
        assert (pair.id, pair.results()) == (batch.id, [1, 2])
        assert (squares, squares.results()) == (sweep, [1, 4, 9])
        assert fresh.recent(1)[0] is again
        # And: one that has ended since the list was read has ended, although nobody here has followed it.
        going = q.submit("sleep(0.5); 8")
        early = fresh.recent(1)
        going.result(60)
        eventually(lambda: fresh.feed.state.connected, "the feed of whoever asks follows")
        assert early.submissions[0].what == f"task {going.number}"
        assert early[0].result(timeout=10) == 8
        assert [one.id for one in recent[:2]] == [alone.id, batch.id]
        assert len(fresh.recent(since="2100-01-01")) == 0
        assert repr(fresh.recent(since="2100-01-01")) == "<nothing was submitted lately>"
        # And: the list is a table.
        _head, *lines = repr(recent).splitlines()
        assert [line.split("ago")[1].split() for line in lines] == [
            ["task", str(alone.number), "<b>answer</b>", "FINISHED", "42"],
            ["batch", "of", "2", "pair", "2", "FINISHED"],
            ["sweep", "of", "3", *sweep.name.split(), "3", "FINISHED"],
        ]
        assert "&lt;b&gt;answer" in recent._repr_html_()
        for limit in (0, 1001, "5", True):
            with pytest.raises(InvalidTask, match="limit is"):
                fresh.recent(limit)  # type: ignore[arg-type]  # on purpose
        with pytest.raises(InvalidTask, match="since is 'yesterday'"):
            fresh.recent(since="yesterday")
