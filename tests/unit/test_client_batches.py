"""Batches, selections and frames: many tasks at a time; the service is in memory."""

from __future__ import annotations

import asyncio
from typing import Any

import pandas as pd
import pytest
from client_fixtures import q, service
from client_lab import FakeService, later

from taskq_kernel.client.batch import Batch
from taskq_kernel.client.client import Client
from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import InvalidTask, NotFound, TaskFailed, TaskTimeout

__all__ = ["q", "service"]


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
    assert repr(batch.counts()) == "{QUEUEING: 0, RUNNING: 0, FINISHED: 1, FAILED: 0, CANCELLED: 2}"
    assert batch.retry() == 3
    assert [task.status for task in batch] == ["FINISHED", "QUEUEING", "QUEUEING"]
    assert [task.repeats for task in q.tasks()] == [None, None, None, batch[0].number]
    assert batch.delete() == 3
    assert all(task.deleted for task in batch)


def test_a_batch_shows_the_first_tasks_and_counts_the_others(service: FakeService, q: Client) -> None:
    html = q.submit_many(["1"] * 25)._repr_html_()
    assert html.count("<tr") == 21
    assert "25 QUEUEING" in html
    assert "and 5 more" in html


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


def test_a_frame_has_a_column_for_each_argument_of_the_type_of_its_values(service: FakeService, q: Client) -> None:
    q.submit_many([
        {"code": "1", "arguments": {"n": 200, "beta": 0.5, "name": "a"}}, {"code": "2", "arguments": {"n": 300}}, "3",
    ])
    frame = q.frame()
    assert list(frame.columns[-3:]) == ["n", "beta", "arguments.name"]
    assert frame.dtypes.astype(str)[["n", "beta", "arguments.name"]].to_list() == ["Int64", "float64", "string"]
    assert frame.n.to_list()[:2] == [200, 300]
    assert frame.beta.isna().to_list() == [False, True, True]
    pd.testing.assert_frame_equal(q.tasks().frame(), frame)


def test_a_frame_has_the_documented_columns_and_types(service: FakeService, q: Client) -> None:
    done, failed, _waiting = q.submit_many(["1", "2", "3"])
    service.finish(done.id, [1, 2], startedAt="2026-01-01T00:00:00Z", finishedAt="2026-01-01T00:00:01.5Z")
    service.fail(failed.id)
    frame = q.frame()
    assert frame.index.name == "number"
    assert list(frame.index) == [1, 2, 3]
    assert frame.dtypes.astype(str).to_dict() == {
        "name": "string", "status": "category", "progress": "float64", "value": "object", "value_text": "string",
        "error": "string", "seconds": "float64", "seed": "Int64", "cached_from": "Int64", "worker": "string",
        "attempt": "int64", "lost": "int64", "queue": "string", "priority": "int64", "owner": "string",
        "batch": "string",
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
