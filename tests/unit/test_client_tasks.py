"""Tasks and batches as Python objects: waiting, acting, showing; the service is in memory."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from client_fixtures import q, service
from client_lab import FakeService, soon

from taskq_kernel.client.batch import Batch
from taskq_kernel.client.client import Client
from taskq_kernel.client.feed import Changes
from taskq_kernel.client.task import Task
from taskq_kernel.client.timing import Timing
from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import (
    InvalidTask,
    NotFound,
    ServiceUnreachable,
    TaskCancelled,
    TaskDeleted,
    TaskFailed,
    TaskqError,
    TaskTimeout,
    Unauthorized,
)

__all__ = ["q", "service"]


def later(action: Callable[[], Any]) -> None:
    threading.Timer(0.05, action).start()


# -- waiting for one -------------------------------------------------------------------------


def test_submit_returns_at_once_and_result_waits(service: FakeService, q: Client) -> None:
    task = q.submit("1 + 1", name="sum")
    assert (task.number, task.name, task.status, task.code) == (1, "sum", "QUEUEING", "1 + 1")
    later(lambda: service.finish(task.id, 2))
    assert task.result(timeout=5) == 2
    assert service.calls == ["Create"]  # everything else came through the feed


def test_a_result_that_is_there_is_given_without_waiting(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    service.finish(task.id, {"$complex": [1, 2]})
    assert task.result(timeout=0) == 1 + 2j
    assert task.value == 1 + 2j


def test_a_failed_task_raises_julias_error_with_its_trace(service: FakeService, q: Client) -> None:
    task = q.submit("sqrt(-1.0)", name="a root")
    service.fail(task.id)
    with pytest.raises(TaskFailed, match=r"task 1 \(a root\): DomainError: with -1.0\n \[1\] sqrt") as caught:
        task.result()
    assert caught.value.task is task
    assert (caught.value.name, caught.value.message, caught.value.stacktrace) == (
        "DomainError", "with -1.0", " [1] sqrt",
    )  # fmt: skip
    assert task.error is not None
    assert task.error.line == 2


def test_a_task_that_is_not_done_has_no_outcome_not_even_none(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    with pytest.raises(TaskqError, match=r"task 1 \(task 1\) was QUEUEING .* wait again"):
        task.outcome()


def test_cancelled_and_deleted_tasks_raise_what_they_are(service: FakeService, q: Client) -> None:
    cancelled, deleted = q.submit("1"), q.submit("2")
    assert cancelled.cancel()
    assert not cancelled.cancel()
    deleted.delete()
    with pytest.raises(TaskCancelled):
        cancelled.result()
    with pytest.raises(TaskDeleted):
        deleted.result()
    assert deleted.deleted
    assert deleted.done
    with pytest.raises(TaskDeleted):
        deleted.refresh()


def test_a_task_deleted_by_somebody_else_wakes_whoever_waits(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    later(lambda: service.delete(task.id))
    with pytest.raises(TaskDeleted):
        task.result(timeout=5)


def test_a_seed_is_sent_as_it_is_and_kept_with_the_task(service: FakeService, q: Client) -> None:
    task = q.submit("rand()", seed=np.int64(2**53 - 1))
    assert task.seed == 2**53 - 1
    assert q.submit("rand()").seed is not None
    assert list(q.frame().seed) == [2**53 - 1, 7]
    for seed in (-1, 2**53, 1.0, "1", True):
        with pytest.raises(InvalidTask, match=r"^seed is .*: give a whole number from 0 to"):
            q.submit("rand()", seed=seed)  # type: ignore[arg-type]  # what people may try


def test_waiting_ends_in_time_and_says_where_the_task_stands(service: FakeService, q: Client) -> None:
    task = q.submit("1", name="slow")
    with pytest.raises(TaskTimeout, match=r"task 1 \(slow\) is QUEUEING after 0.01 s, and goes on"):
        task.result(timeout=0.01)
    assert isinstance(TaskTimeout(""), TimeoutError)
    service.finish(task.id, 1)
    assert task.result(timeout=0) == 1


def test_after_a_retry_result_waits_for_the_new_attempt(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    service.fail(task.id)
    with pytest.raises(TaskFailed):
        task.result()
    assert task.retry() is task
    assert (task.status, task.repeats) == ("QUEUEING", None)
    later(lambda: service.finish(task.id, "new", attempt=2, error=None))
    assert task.result(timeout=5) == "new"


def test_a_retry_of_a_finished_task_gives_the_new_task_and_keeps_the_old_value(service: FakeService, q: Client) -> None:
    task = q.submit("1", name="mean")
    service.finish(task.id, "old")
    again = task.retry()
    assert (again.name, again.repeats, again.status) == ("mean", task.number, "QUEUEING")
    service.finish(again.id, "new")
    assert (task.result(5), again.result(5)) == ("old", "new")


def test_a_retry_of_a_task_that_is_not_done_changes_nothing(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    assert task.retry() is task
    assert len(service.tasks) == 1


def test_a_retry_by_somebody_else_is_waited_for_too(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    service.fail(task.id)
    service.change(task.id, status="QUEUEING", error=None)
    later(lambda: service.finish(task.id, 3))
    assert task.result(timeout=5) == 3


def test_await_gives_the_result_without_blocking_the_loop(service: FakeService, q: Client) -> None:
    async def main() -> tuple[list[Any], int]:
        tasks = [q.submit(str(n)) for n in range(3)]
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.005)

        ticking = asyncio.create_task(tick())
        later(lambda: [service.finish(task.id, task.number) for task in tasks])
        values = await asyncio.gather(*tasks)
        ticking.cancel()
        return values, ticks

    values, ticks = asyncio.run(main())
    assert values == [1, 2, 3]
    assert ticks > 3


def test_await_raises_what_result_raises(service: FakeService, q: Client) -> None:
    async def main() -> Any:
        task = q.submit("1")
        service.fail(task.id)
        return await task

    with pytest.raises(TaskFailed):
        asyncio.run(main())


def test_an_abandoned_wait_leaves_nothing_behind(service: FakeService, q: Client) -> None:
    task = q.submit("1")

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(task._result(), 0.01)

    asyncio.run(main())
    assert q.cache._waiting == {}
    service.finish(task.id, 1)
    assert task.result() == 1


# -- what the feed knows, and what it does not -----------------------------------------------


def test_one_task_is_one_object_and_is_forgotten_when_nobody_holds_it(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    assert q.task(1) is task
    assert q.task(task.id) is task
    assert q.tasks()[0] is task
    del task
    gc.collect()
    assert len(q.cache._entries) == 0


def test_a_change_that_the_feed_missed_before_it_started_is_read(service: FakeService) -> None:
    q = service.client()
    task = q.submit("1")
    service.finish(task.id, 5)  # nobody listens yet
    later(service.connect_feed)
    assert task.result(timeout=5) == 5


def test_a_task_that_ends_before_the_answer_with_it_is_here_is_not_waited_for(
    service: FakeService, q: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, get = service.transport._create, service.transport._task

    def quick(query: str, variables: dict[str, Any]) -> dict[str, Any]:
        answer = create(query, variables)
        service.finish(variables["inputs"][0]["id"], "quick")
        return answer

    def overtaken(query: str, variables: dict[str, Any]) -> dict[str, Any]:
        answer = get(query, variables)
        service.finish(answer["task"]["id"], "quick")
        return answer

    monkeypatch.setattr(service.transport, "_create", quick)
    monkeypatch.setattr(service.transport, "_task", overtaken)
    assert q.submit("1").result(timeout=1) == "quick"
    assert q.task(service.add()["number"]).result(timeout=1) == "quick"
    assert q.cache._meanwhile == {}


def test_a_task_that_is_deleted_before_the_answer_with_it_is_here_is_deleted(
    service: FakeService, q: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    get = service.transport._task

    def overtaken(query: str, variables: dict[str, Any]) -> dict[str, Any]:
        answer = get(query, variables)
        service.delete(answer["task"]["id"])
        return answer

    monkeypatch.setattr(service.transport, "_task", overtaken)
    with pytest.raises(TaskDeleted):
        q.task(service.add()["number"]).result(timeout=1)


def test_a_task_read_before_the_feed_started_is_read_once_more_when_it_is_looked_at(service: FakeService) -> None:
    number = service.add()["number"]
    q = service.client()
    task = q.task(number)
    service.change(task.id, status="RUNNING", attempt=1)
    service.add()
    service.connect_feed()
    assert task.status == TaskStatus.RUNNING
    before = len(service.calls)
    assert task.attempt == 1
    assert task.progress is None
    assert len(service.calls) == before


def test_while_the_feed_is_away_every_look_asks_the_service(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    service.feed.enter("away", "gone")
    service.change(task.id, status="RUNNING", attempt=1)
    assert task.status == "RUNNING"
    service.down = True
    with pytest.raises(ServiceUnreachable):
        _ = task.status
    assert "RUNNING" in repr(task)  # showing never raises


def test_while_the_feed_cannot_connect_waited_for_tasks_are_asked_about(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    service.feed.enter("away", "a proxy without WebSockets")
    service.finish(task.id, 9)
    later(service.feed.retry)
    assert task.result(timeout=5) == 9


def test_what_ended_before_the_service_went_away_needs_no_service(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    service.finish(task.id, 9)
    service.feed.enter("away", "gone")
    service.down = True
    later(service.feed.retry)
    assert task.result(timeout=5) == 9


def test_a_resumed_feed_goes_on_and_one_that_starts_anew_has_everything_read_again(
    service: FakeService, q: Client
) -> None:
    task = q.submit("1")
    service.feed.enter("away", "gone")
    service.connect_feed(anew=False)
    before = list(service.calls)
    assert task.status == "QUEUEING"
    assert service.calls == before
    service.feed.enter("away", "gone")
    service.version += 10
    service.finish(task.id, 4)
    service.connect_feed(anew=True)
    assert task.value == 4


def test_the_timeout_says_that_the_service_is_away(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    service.feed.enter("away", "Connection refused")
    with pytest.raises(TaskTimeout, match=r"the service is away \(Connection refused\)"):
        task.result(timeout=0.01)


def test_news_older_than_what_is_known_change_nothing(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    old = dict(service.tasks[task.id])
    service.finish(task.id, 1)
    q.cache.put([old])
    assert task.status == "FINISHED"


def test_in_another_database_every_copy_is_read_again_whatever_its_version(service: FakeService) -> None:
    q = service.client()
    service.feed.arrive(Changes(service.version, anew=True, database="one"))
    kept, gone = q.submit("1"), q.submit("2")
    for _ in range(20):
        service.change(kept.id, progress=0.5)
        service.change(gone.id, progress=0.5)
    later(lambda: replace(service, kept.id))
    with pytest.raises(TaskDeleted):
        gone.result(timeout=5)
    assert (kept.status, kept.progress) == ("FINISHED", None)
    assert kept.value == 7


def replace(service: FakeService, kept: str) -> None:
    """Put another database in the place of the service's, which knows one task, of a lower version."""
    (one,) = [task for task in service.tasks.values() if task["id"] == kept]
    done = {"status": "FINISHED", "valueKind": "JSON", "value": 7, "progress": None, "version": 2}
    service.tasks = {kept: one | done}
    service.feed.enter("away", "restarted")
    service.version = 1000
    service.feed.arrive(Changes(1000, anew=True, database="other"))


def test_a_refused_token_ends_waiting(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    service.feed.error = Unauthorized("the service does not accept the token", "UNAUTHORIZED")
    later(lambda: service.feed.enter("refused", "no"))
    with pytest.raises(Unauthorized):
        task.result(timeout=5)


def test_closing_the_client_ends_waiting(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    later(q.close)
    with pytest.raises(TaskqError, match="its client is closed"):
        task.result(timeout=5)
    assert q.closed


def test_a_client_that_nobody_holds_closes_its_feed() -> None:
    client = Client("http://127.0.0.1:1/graphql", "t")
    feed = client.feed
    del client
    gc.collect()
    assert feed._stopping.is_set()


# -- values, arguments, other fields ---------------------------------------------------------


def test_a_large_array_is_numpys(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    file = io.BytesIO()
    np.save(file, np.asarray([[1.5, np.nan], [2.5, 3.5]], order="F"))
    service.blobs["ab"] = file.getvalue()
    service.finish(task.id, None, valueRef="ab", valueKind="ARRAY", valueType="Matrix{Float64}")
    assert np.array_equal(task.result(), [[1.5, np.nan], [2.5, 3.5]], equal_nan=True)
    assert q.frame().value[1] is None


def test_a_large_value_is_fetched_once_when_it_is_asked_for(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    service.blobs["ab"] = json.dumps([1, {"$float": "NaN"}]).encode()
    service.finish(task.id, None, valueRef="ab")
    assert "blob" not in service.calls
    assert task.result()[0] == 1
    assert task.value is task.value
    assert service.calls.count("blob") == 1


def test_nothing_is_a_value_and_no_value_is_none(service: FakeService, q: Client) -> None:
    task = q.submit("nothing")
    assert task.value is None
    service.finish(task.id, None)
    assert task.result() is None


def test_all_attributes_have_pythons_types(service: FakeService, q: Client) -> None:
    task = q.submit(
        "1", arguments={"z": 1j}, timeout=60, memory_limit="1 GiB", max_attempts=3, priority="high", queue="big"
    )
    assert task.arguments == {"z": 1j}
    assert (task.timeout, task.memory_limit, task.max_attempts, task.priority) == (60.0, 2**30, 3, 2)
    assert (task.queue, task.owner, task.batch, task.kind, task.lost) == ("big", "ann", None, "SCRIPT", 0)
    assert task.created_at.tzinfo is not None
    assert (task.started_at, task.finished_at, task.worker, task.seconds) == (None, None, None, None)
    service.change(task.id, status="RUNNING", progress=0.5, progressMessage="half", startedAt="2026-01-01T00:00:00Z")
    assert (task.progress, task.progress_message) == (0.5, "half")
    assert task.started_at is not None
    assert task.started_at.year == 2026


def test_a_repeated_request_that_finds_a_running_task_reads_the_rest_of_it(
    service: FakeService, q: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = service.transport._create

    def repeated(query: str, variables: dict[str, Any]) -> dict[str, Any]:
        create(query, variables)
        for task_id in list(service.tasks):
            service.change(task_id, status="RUNNING", attempt=1, worker="w7")
        fields = ("id", "number", "name", "owner", "status", "attempt", "version", "createdAt")
        return {"createTasks": [{name: task[name] for name in fields} for task in service.tasks.values()]}

    monkeypatch.setattr(service.transport, "_create", repeated)
    assert q.submit("1").worker == "w7"


def test_logs_are_text_and_pieces(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    service.tasks[task.id]["logs"] = [
        {"seq": 1, "attempt": 1, "stream": "stdout", "text": "one\n"},
        {"seq": 2, "attempt": 1, "stream": "stderr", "text": "two\n"},
    ]
    assert task.logs() == "one\ntwo\n"
    assert [chunk.text for chunk in task.log_chunks(after=1)] == ["two\n"]


def test_logs_are_as_a_terminal_shows_them_and_chosen_by_level(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    printed = "10 %\r100 %\n\x1b[33m┌ Warning: \x1b[0mrough\n└ @ Main model.jl:3\n"
    service.tasks[task.id]["logs"] = [{"seq": 1, "attempt": 1, "stream": "stderr", "text": printed}]
    assert task.logs() == "100 %\n┌ Warning: rough\n└ @ Main model.jl:3\n"
    assert task.logs(level="warn") == "┌ Warning: rough\n└ @ Main model.jl:3\n"
    assert task.logs(level="error") == ""
    assert task.logs().coloured.splitlines()[1].startswith("\x1b[0;33m┌ Warning: ")


# -- what cannot be submitted ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"code": b"1"}, "code is bytes"),
        ({"code": "x = '\ud800'"}, "half of a surrogate pair at character 5"),
        ({"name": "\udfff"}, "name is not text"),
        ({"arguments": {"a": object()}}, "argument a is object"),
        ({"arguments": {1: 2}}, "names of arguments are strings"),
        ({"priority": "urgent"}, "'urgent': give 0 .low., 1 .normal. or 2 .high."),
        ({"timeout": -1}, "timeout is -1"),
        ({"timeout": float("nan")}, "timeout is nan"),
        ({"memory_limit": "lots"}, "memory_limit is 'lots'"),
    ],
)
def test_what_cannot_be_a_task_is_refused_before_anything_is_sent(
    service: FakeService, q: Client, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(InvalidTask, match=says):
        q.submit(**({"code": "1"} | options))
    assert service.calls == []


def test_what_the_service_refuses_is_an_invalid_task_too(service: FakeService, q: Client) -> None:
    service.refuse_input = InvalidTask("is empty: give some Julia code", "code").within("inputs[0]", 0)
    with pytest.raises(InvalidTask, match=r"^code is empty: give some Julia code$"):
        q.submit(" ")


# -- batches ---------------------------------------------------------------------------------


def test_a_batch_is_a_list_of_its_tasks(service: FakeService, q: Client) -> None:
    batch = q.submit_many(["1", {"code": "2", "name": "two"}, "3"], queue="big")
    assert [task.code for task in batch] == ["1", "2", "3"]
    assert [task.queue for task in batch] == ["big"] * 3
    assert batch[1].name == "two"
    assert {task.batch for task in batch} == {batch.id}
    assert isinstance(batch[1:], Batch)
    assert len(batch[1:]) == 2
    assert batch[-1] in batch
    assert service.calls == ["Create"]


def test_large_batches_go_in_requests_of_five_thousand(service: FakeService, q: Client) -> None:
    assert len(q.submit_many(["1"] * 5001)) == 5001
    assert service.calls == ["Create", "Create"]


def test_an_empty_batch_is_nothing_special(service: FakeService, q: Client) -> None:
    batch = q.submit_many([])
    assert (len(batch), batch.results(), batch.cancel(), list(batch.as_completed())) == (0, [], 0, [])
    assert batch.frame().empty
    assert service.calls == []


def test_tasks_come_in_the_order_in_which_they_end(service: FakeService, q: Client) -> None:
    batch = q.submit_many(["1", "2", "3"])
    service.finish(batch[2].id, "c")
    ends = iter(batch.as_completed(timeout=5, progress=False))
    assert next(ends) is batch[2]
    service.fail(batch[0].id)
    assert next(ends) is batch[0]
    later(lambda: service.finish(batch[1].id, "b"))
    assert next(ends) is batch[1]
    assert list(ends) == []


def test_results_are_in_the_order_of_the_tasks(service: FakeService, q: Client) -> None:
    batch = q.submit_many(["1", "2"])
    service.finish(batch[1].id, "b")
    service.finish(batch[0].id, "a")
    assert batch.results() == ["a", "b"]
    assert asyncio.run(_awaited(batch)) == ["a", "b"]
    later_ones = q.submit_many(["1", "2"])
    later(lambda: [service.finish(task.id, task.number) for task in later_ones])
    assert asyncio.run(_awaited(later_ones)) == [3, 4]
    assert asyncio.run(_awaited(q.submit_many([]))) == []
    service.fail(batch[1].id)
    with pytest.raises(TaskFailed):
        batch.results()


async def _awaited(batch: Batch) -> list[Any]:
    return await batch


def test_waiting_for_a_batch_ends_in_time(service: FakeService, q: Client) -> None:
    batch = q.submit_many(["1", "2"])
    service.finish(batch[0].id)
    with pytest.raises(TaskTimeout, match=r"1 of 2 tasks are not done after 0\.01 s"):
        batch.wait(0.01)


def test_a_batch_can_be_changed_and_counted_as_one(service: FakeService, q: Client) -> None:
    batch = q.submit_many(["1", "2", "3"])
    service.finish(batch[0].id)
    assert batch.cancel() == 2
    assert batch.counts() == dict.fromkeys(TaskStatus, 0) | {TaskStatus.FINISHED: 1, TaskStatus.CANCELLED: 2}
    assert batch.retry() == 3
    assert [task.status for task in batch] == ["FINISHED", "QUEUEING", "QUEUEING"]
    assert [task.repeats for task in q.tasks()] == [None, None, None, batch[0].number]
    assert batch.delete() == 3
    assert all(task.deleted for task in batch)


# -- many tasks at a time --------------------------------------------------------------------


def test_tasks_can_be_changed_by_number_id_object_batch_or_selection(service: FakeService, q: Client) -> None:
    batch = q.submit_many(["1"] * 5)
    assert q.cancel(batch[0], 2, batch[2].id, str(4), batch[4:]) == 5
    assert q.retry(status="CANCELLED") == 5
    assert q.delete(batch) == 5


def test_a_change_needs_tasks_or_a_selection(service: FakeService, q: Client) -> None:
    with pytest.raises(InvalidTask, match="needs tasks, or a selection"):
        q.cancel()
    with pytest.raises(InvalidTask, match="not both"):
        q.delete(1, status="FAILED")
    with pytest.raises(InvalidTask, match="no filter 'colour'"):
        q.retry(colour="red")
    with pytest.raises(InvalidTask, match="status is 'done': use QUEUEING"):
        q.tasks(status="done")
    with pytest.raises(InvalidTask, match="tasks has float: give tasks, their numbers or their UUIDs"):
        q.cancel(1.5)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        q.cancel(99)
    assert q.cancel(q.tasks()) == 0  # an empty batch is no selection of everything


def test_a_selection_is_read_page_by_page_up_to_its_limit(service: FakeService, q: Client) -> None:
    for _ in range(2500):
        service.add()
    assert len(q.tasks()) == 2500
    assert len(q.tasks(limit=1200)) == 1200
    assert service.calls == ["Tasks"] * 5


def test_a_frame_has_the_documented_columns_and_types(service: FakeService, q: Client) -> None:
    done, failed, _waiting = q.submit_many(["1", "2", "3"])
    service.finish(done.id, [1, 2], startedAt="2026-01-01T00:00:00Z", finishedAt="2026-01-01T00:00:01.5Z")
    service.fail(failed.id)
    frame = q.frame()
    assert frame.index.name == "number"
    assert list(frame.index) == [1, 2, 3]
    assert frame.dtypes.astype(str).to_dict() == {
        "name": "string", "status": "category", "progress": "float64", "value": "object", "value_text": "string",
        "error": "string", "seconds": "float64", "seed": "Int64", "worker": "string", "attempt": "int64",
        "lost": "int64", "queue": "string", "priority": "int64", "owner": "string", "batch": "string",
        "created_at": "datetime64[us, UTC]", "started_at": "datetime64[us, UTC]",
        "finished_at": "datetime64[us, UTC]", "id": "string",
    }  # fmt: skip
    assert frame.value[1] == [1, 2]
    assert frame.error[2] == "DomainError: with -1.0"
    assert frame.finished_at[1] - frame.started_at[1] == pd.Timedelta(seconds=1.5)
    assert frame.seconds.isna().tolist() == [False, True, True]
    assert (frame.status < "FINISHED").tolist() == [False, False, True]
    assert "value" not in q.frame(values=False)
    pd.testing.assert_frame_equal(q.tasks().frame(), frame)
    empty = q.frame(status="CANCELLED")
    assert empty.empty
    assert empty.dtypes.astype(str).to_dict() == frame.dtypes.astype(str).to_dict()


# -- showing ---------------------------------------------------------------------------------


def test_a_task_shows_itself_and_nothing_of_it_becomes_html(service: FakeService, q: Client) -> None:
    evil = "<script>alert('x')</script>"
    task = q.submit(evil, name=evil)
    service.change(task.id, status="RUNNING", progress=0.25, progressMessage=evil, worker=evil, attempt=2)
    running = task._repr_html_()
    service.fail(task.id, name=evil)
    service.change(task.id, valueNote=evil, valueText=evil)
    bundle = task._repr_mimebundle_()
    for html in (running, bundle["text/html"], q.tasks()._repr_html_()):
        assert "<script" not in html
        assert "&lt;script&gt;" in html
    assert "25 %" in running
    assert "Stack trace" in bundle["text/html"]
    assert bundle["text/plain"] == repr(task)


def test_the_one_line_form_says_what_matters_at_each_stage(service: FakeService, q: Client) -> None:
    task = q.submit("1", name="two\nlines")
    assert repr(task) == "<Task 1 'two lines' QUEUEING>"
    service.change(task.id, status="RUNNING", progress=0.5, progressMessage="half way")
    assert repr(task) == "<Task 1 'two lines' RUNNING: 50 %, half way>"
    service.finish(task.id, 7)
    assert repr(task) == "<Task 1 'two lines' FINISHED: 7>"
    task.delete()
    assert "DELETED" in repr(task)
    assert repr(q.submit_many(["1", "2"])) == "<Batch of 2: 2 QUEUEING>"


def test_a_batch_shows_the_first_tasks_and_counts_the_others(service: FakeService, q: Client) -> None:
    html = q.submit_many(["1"] * 25)._repr_html_()
    assert html.count("<tr") == 21
    assert "25 QUEUEING" in html
    assert "and 5 more" in html


def test_many_may_wait_for_one_task_from_several_threads(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    got: list[Any] = []
    threads = [threading.Thread(target=lambda: got.append(task.result(timeout=5))) for _ in range(8)]
    for thread in threads:
        thread.start()
    soon(lambda: len(task.entry.wakers) == 8)
    service.finish(task.id, "all")
    for thread in threads:
        thread.join(5)
    assert got == ["all"] * 8


SERIES = {
    "loss": {"count": 1_000_000, "steps": [1, 5, 9], "values": [4.0, None, 0.5]},
    "rate": {"count": 2, "steps": [1, 2], "values": [{"$float": "Infinity"}, 2.0]},
}


def test_series_are_a_frame_and_one_of_them_is_a_curve(service: FakeService, q: Client) -> None:
    task = q.submit("report(1; loss = 2)")
    assert task.series().empty
    service.change(task.id, series=SERIES)
    frame = task.series()
    assert frame.dtypes.astype(str).to_dict() == {"series": "category", "step": "int64", "value": "float64"}
    assert list(frame["series"]) == ["loss"] * 3 + ["rate"] * 2
    curve = task.series("loss")
    assert (curve.name, list(curve.index), list(curve.dropna())) == ("loss", [1, 5, 9], [4.0, 0.5])
    assert list(task.series("rate")) == [float("inf"), 2.0]
    with pytest.raises(KeyError, match=r"has no series 'energy'; it has loss, rate"):
        task.series("energy")


def timed(service: FakeService, task: Task, *, waited_s: float, seconds: float, **timing: Any) -> Timing:
    """The timing of a task that was retried an hour after its submission, waited, and ended."""
    told = {"prepare_s": 0.0, "compile_s": 0.0, "gc_s": 0.0, "encode_s": 0.0, "allocated_bytes": 1 << 20} | timing
    began = datetime(2026, 1, 1, 1, 0, tzinfo=UTC) + timedelta(seconds=waited_s)
    history = [
        {"status": "QUEUEING", "at": "2026-01-01T00:00:00Z"}, {"status": "RUNNING", "at": "2026-01-01T00:30:00Z"},
        {"status": "QUEUEING", "at": "2026-01-01T01:00:00Z"}, {"status": "RUNNING", "at": began.isoformat()},
    ]  # fmt: skip
    service.finish(
        task.id, 1, createdAt="2026-01-01T00:00:00Z", startedAt=began.isoformat(), seconds=seconds, timing=told,
        history=history,
    )
    found = task.timing()
    assert found is not None
    return found


def test_a_timing_adds_up_and_waiting_is_that_of_the_latest_attempt(service: FakeService, q: Client) -> None:
    task = q.submit("1")
    assert task.timing() is None
    timing = timed(service, task, waited_s=2, seconds=4, compile_s=1, gc_s=0.5, prepare_s=0.25, encode_s=0.25)
    assert timing == Timing(2, 0.25, 1, 2.5, 0.5, 0.25, 1 << 20)
    assert timing.total_s == 6.5
    assert timing.advice == ""
    old = timed(service, task, waited_s=2, seconds=4, compile_s=None)
    assert (old.compiling_s, old.running_s, "compiling" in old.parts) == (None, 4, False)


@pytest.mark.parametrize(
    ("spent", "said"),
    [
        ({"waited_s": 9, "seconds": 1}, "It waited longer"),
        ({"waited_s": 0, "seconds": 2, "compile_s": 1.5}, "compiling: as a definition"),
        ({"waited_s": 0, "seconds": 1, "prepare_s": 2}, "evaluating its definition"),
        ({"waited_s": 0, "seconds": 1, "encode_s": 1}, "return a summary"),
        ({"waited_s": 0, "seconds": 2, "gc_s": 1}, "collecting garbage"),
        ({"waited_s": 0.05, "seconds": 0.01}, ""),
    ],
)
def test_where_one_share_is_large_one_sentence_says_what_to_do(
    service: FakeService, q: Client, spent: dict[str, float], said: str
) -> None:
    advice = timed(service, q.submit("1"), **spent).advice
    assert said in advice
    assert bool(advice) == bool(said)
