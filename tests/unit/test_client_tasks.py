"""A task as a Python object: submitting, waiting, acting, its fields, showing; the service is in memory."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from client_fixtures import q, service
from client_lab import FakeService, later, soon

from taskq_kernel.client.client import Client
from taskq_kernel.errors import InvalidTask, TaskCancelled, TaskDeleted, TaskFailed, TaskqError, TaskTimeout

__all__ = ["q", "service"]


# -- waiting ---------------------------------------------------------------------------------


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


def test_a_seed_is_sent_as_it_is_and_kept_with_the_task(service: FakeService, q: Client) -> None:
    task = q.submit("rand()", seed=np.int64(2**53 - 1))
    assert task.seed == 2**53 - 1
    assert q.submit("rand()").seed is not None
    assert list(q.frame().seed) == [2**53 - 1, 7]
    for seed in (-1, 2**53, 1.0, "1", True):
        with pytest.raises(InvalidTask, match=r"^seed is .*: give a whole number from 0 to"):
            q.submit("rand()", seed=seed)  # type: ignore[arg-type]  # what people may try


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


def test_the_cache_is_asked_about_all_that_a_task_was_given(service: FakeService, q: Client) -> None:
    asked: list[dict[str, Any]] = []

    def explain(_query: str, variables: dict[str, Any]) -> dict[str, Any]:
        asked.append(variables["input"])
        return {"explainCache": {"hit": None, "nearest": None, "reasons": ["nothing is equal"]}}

    service.transport._explain = explain
    given = {
        "threads": 2, "env": {"A": "1"}, "gpus": 1, "seed": 5, "queue": "big", "outputs": ["*.csv"],
        "project": "ab" * 32, "inputFiles": {"x": {"ref": "cd" * 32, "size": 1}},
    }
    task = q.task(service.add(code="sum(x)", arguments={"x": [1, 2]}, **given)["id"])
    assert not task.explain_cache()
    assert asked[0].items() >= {"code": "sum(x)", "arguments": {"x": [1, 2]}, **given}.items()
    assert not {"definition", "id", "batch"} & asked[0].keys()

    called = q.task(service.add(definition="ef" * 32, kind="CALL", code="f(x) = x", arguments={"1": 2})["id"])
    called.explain_cache()
    assert asked[1].items() >= {"definition": "ef" * 32, "kind": "CALL", "arguments": {"1": 2}}.items()
    assert not {"code", "entry"} & asked[1].keys()


@pytest.mark.parametrize("limit", [0, 1_001, True, "x"])
def test_how_many_recent_submissions_are_wanted_is_a_number(q: Client, limit: Any) -> None:
    with pytest.raises(InvalidTask, match=f"^limit is {limit!r}: give a whole number from 1 to 1,000$"):
        q.recent(limit)


def test_what_is_given_for_a_file_and_is_none_is_told_in_one_sentence(q: Client, tmp_path: Path) -> None:
    given: list[tuple[Any, str]] = [
        (tmp_path, f"the folder {tmp_path} as 'x': give its files one by one"),
        ("text", "str as 'x': give a Path, or bytes for what is in it"),
        (tmp_path / "none", f"{tmp_path / 'none'} as 'x', which cannot be read: No such file or directory"),
    ]
    for source, says in given:
        with pytest.raises(InvalidTask) as refused:
            q.submit("1", files={"x": source})
        assert str(refused.value) == f"files has {says}"


def test_a_file_that_goes_with_task_after_task_is_read_once(
    service: FakeService, q: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    as_ever = Path.open

    def noted(path: Path, *how: Any, **more: Any) -> Any:
        opened.append(path)
        return as_ever(path, *how, **more)

    mesh = tmp_path / "mesh.vtk"
    mesh.write_bytes(b"points")
    monkeypatch.setattr(Path, "open", noted)
    monkeypatch.setattr("time.time", lambda: mesh.stat().st_mtime + 100)
    first = q.submit("1", files={"mesh.vtk": mesh})
    assert opened == [mesh, mesh]  # for its SHA-256, and to be sent
    second = q.submit("1", files={"mesh.vtk": mesh, "bytes": b"more"})
    assert opened == [mesh, mesh]
    assert second.input_files == {**first.input_files, "bytes": 4}
    mesh.write_bytes(b"pointz")
    monkeypatch.setattr("time.time", lambda: mesh.stat().st_mtime + 100)
    q.submit("1", files={"mesh.vtk": mesh})
    assert set(service.blobs.values()) == {b"points", b"pointz", b"more"}


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
