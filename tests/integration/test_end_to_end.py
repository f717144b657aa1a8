"""A line of Julia becomes a value: through the real service, RabbitMQ, worker and sink."""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
from stacks import RunningStack, eventually

from taskq_kernel import TaskCancelled, TaskDeleted, TaskFailed, TaskTimeout, connect
from taskq_kernel.client.client import Client
from taskq_kernel.client.task import Task
from taskq_kernel.domain import TaskStatus


@pytest.fixture
def q(stack: RunningStack) -> Iterator[Client]:
    with connect(stack.url, token=stack.token()) as client:
        yield client


@pytest.fixture
def free_slots(q: Client, effects: Path) -> Iterator[Callable[[], None]]:
    """Both slots are busy until this is called; they keep their processes then."""
    marker = effects / "busy"
    marker.touch()
    code = f'sleep(0.6); progress(0.5); while isfile("{marker}"); sleep(0.02); end'
    for _ in range(2):
        task = q.submit(code, name="busy", timeout=60)
        eventually(lambda one=task: one.refresh().progress == 0.5, "it runs, and its worker knows that it is slow")
    yield marker.unlink
    marker.unlink(missing_ok=True)


def test_the_last_expression_of_the_code_is_the_value(q: Client) -> None:
    task = q.submit("x = 6\ny = 7\nx * y", name="product")
    assert task.result(timeout=30) == 42
    assert task.status == TaskStatus.FINISHED
    assert task.attempt == 1
    assert task.worker
    assert task.created_at <= task.started_at <= task.finished_at
    assert task.seconds is not None
    assert [event["status"] for event in task.history()] == ["QUEUEING", "RUNNING", "FINISHED"]


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("nothing", None),
        ("missing", None),
        ("2^62", 2**62),
        ("big(2)^100", 2**100),
        ("-0.5", -0.5),
        ("Inf", math.inf),
        ("[1, 2.5, -Inf]", [1.0, 2.5, -math.inf]),
        ("3 + 4im", 3 + 4j),
        ("2//3", Fraction(2, 3)),
        ("\"a\\\"b\\n🚀\"", 'a"b\n🚀'),
        ("(1, \"two\", [3])", [1, "two", [3]]),
        ("[1 2; 3 4]", [[1, 2], [3, 4]]),
        ("Dict(\"a\" => 1, \"\\$x\" => [missing])", {"a": 1, "$x": [None]}),
        ("(a = 1, b = \"x\")", {"a": 1, "b": "x"}),
    ],
)
def test_values_arrive_as_what_they_are_in_python(q: Client, code: str, value: Any) -> None:
    result = q.submit(code).result(timeout=30)
    assert (result.tolist() if isinstance(result, np.ndarray) else result) == value


def test_nan_arrives_as_nan(q: Client) -> None:
    assert math.isnan(q.submit("0 / 0").result(timeout=30))


def test_columns_of_equal_length_arrive_as_a_data_frame(q: Client) -> None:
    frame = q.submit('(n = [1, 2], name = ["a", "b"])').result(timeout=30)
    pd.testing.assert_frame_equal(frame, pd.DataFrame({"n": [1, 2], "name": ["a", "b"]}))


def test_a_value_too_large_for_a_message_arrives_whole(q: Client) -> None:
    task = q.submit("collect(1:100_000)")
    np.testing.assert_array_equal(task.result(timeout=30), np.arange(1, 100_001))


def test_arguments_are_variables_of_the_code(q: Client) -> None:
    task = q.submit("n * sum(xs) + length(word)", arguments={"n": 2, "xs": [1, 2.5], "word": "αβ"})
    assert task.result(timeout=30) == 9.0


def test_a_julia_error_carries_its_name_its_message_and_the_users_lines_first(q: Client) -> None:
    task = q.submit("function root(x)\n    sqrt(x)\nend\n\nroot(-1.0)", name="a root")
    with pytest.raises(TaskFailed) as caught:
        task.result(timeout=30)
    assert caught.value.name == "DomainError"
    assert "-1.0" in caught.value.message
    trace = caught.value.stacktrace
    assert 0 <= trace.find(":2") < trace.find(":5")
    assert "runner" not in trace
    assert "evaluate.jl" not in trace


def test_code_that_does_not_parse_fails_once_with_the_line_however_often_it_may_run(q: Client) -> None:
    task = q.submit("x = 1\ny = (2,\n", max_attempts=3)
    with pytest.raises(TaskFailed) as caught:
        task.result(timeout=30)
    assert caught.value.name == "ParseError"
    assert task.attempt == 1


def test_a_failing_task_runs_as_often_as_it_may_and_one_that_recovers_finishes(
    q: Client, effects: Path
) -> None:
    marker = effects / "tried"
    task = q.submit(
        f'isfile("{marker}") || (touch("{marker}"); error("not yet")); "second time"',
        max_attempts=2,
    )
    assert task.result(timeout=30) == "second time"
    assert task.attempt == 2
    statuses = [event["status"] for event in task.history()]
    assert statuses == ["QUEUEING", "RUNNING", "QUEUEING", "RUNNING", "FINISHED"]


def test_what_a_task_prints_can_be_read_while_it_runs_and_after(q: Client, effects: Path) -> None:
    end = effects / "end"
    task = q.submit(
        f'println("one"); flush(stdout); while !isfile("{end}"); sleep(0.05); end; println(stderr, "two"); 3',
        timeout=60,
    )
    eventually(lambda: "one" in task.logs(), "the first line is there while the task runs")
    assert not task.refresh().done
    end.touch()
    assert task.result(timeout=30) == 3
    assert task.logs().splitlines() == ["one", "two"]


def test_progress_and_its_message_are_seen_while_the_task_runs(q: Client, effects: Path) -> None:
    end = effects / "end"
    task = q.submit(f'progress(0.25, "a quarter"); while !isfile("{end}"); sleep(0.05); end; progress(1.0); 1',
                    timeout=60)  # fmt: skip
    eventually(lambda: task.refresh().progress == 0.25, "progress is there")
    assert task.progress_message == "a quarter"
    end.touch()
    task.result(timeout=30)


def test_a_running_task_that_is_cancelled_stops_within_five_seconds_and_frees_its_slot(
    q: Client, effects: Path
) -> None:
    beat = effects / "beat"
    task = q.submit(f'while true; write("{beat}", string(time())); sleep(0.05); end')
    eventually(beat.exists, "the task runs")
    assert task.cancel()
    with pytest.raises(TaskCancelled):
        task.result(timeout=10)

    def silent() -> bool:
        before = beat.stat().st_mtime_ns
        threading.Event().wait(0.5)
        return beat.stat().st_mtime_ns == before

    eventually(silent, "the code no longer runs", timeout_s=5)
    assert q.submit("1 + 1").result(timeout=30) == 2


def test_a_waiting_task_that_is_cancelled_never_starts(
    q: Client, effects: Path, free_slots: Callable[[], None]
) -> None:
    marker = effects / "started"
    waiting = q.submit(f'touch("{marker}")')
    assert waiting.cancel()
    free_slots()
    assert q.submit("2").result(timeout=30) == 2
    assert not marker.exists()
    assert waiting.refresh().attempt == 0


def test_a_task_that_is_cancelled_on_its_way_to_the_worker_that_has_it_never_starts(
    q: Client, stack: RunningStack, effects: Path
) -> None:
    marker = effects / "started"
    processes = stack.local.status()["processes"]
    worker = psutil.Process(next(one["pid"] for one in processes if one["role"] == "worker"))
    given: list[Task] = []

    def cancelled_on_its_way() -> bool:
        worker.suspend()  # its lease goes on meanwhile, and its message waits for it
        try:
            eventually(lambda: worker.status() == psutil.STATUS_STOPPED, "it stands still")
            task = q.submit(f'touch("{marker}")')
            if task.status == TaskStatus.RUNNING:  # else the worker was not heard of lately
                given.append(task)
            return task.cancel() and bool(given)
        finally:
            worker.resume()

    eventually(cancelled_on_its_way, "it is the worker's, and cancelled")
    assert q.submit("2").result(timeout=30) == 2
    assert q.submit("3").result(timeout=30) == 3
    assert not marker.exists()
    task = given[0].refresh()
    assert (task.status, task.attempt) == (TaskStatus.CANCELLED, 1)
    assert [event["status"] for event in task.history()] == ["QUEUEING", "RUNNING", "CANCELLED"]


def test_what_is_submitted_right_after_one_that_ended_its_julia_runs_at_its_first_attempt(q: Client) -> None:
    for number in range(3):
        crashed = [q.submit("exit(7)") for _ in range(2)]
        for task in crashed:
            task.wait(timeout=30)
        following = q.submit(str(number))
        assert following.result(timeout=30) == number
        assert [(one.refresh().attempt, walk(one)) for one in (*crashed, following)] == [
            (1, ["QUEUEING", "RUNNING", end]) for end in ("FAILED", "FAILED", "FINISHED")
        ]


def test_what_is_submitted_right_after_those_that_run_are_cancelled_runs_at_its_first_attempt(q: Client) -> None:
    running = [q.submit("progress(0.5); sleep(60)") for _ in range(2)]
    for one in running:
        eventually(lambda one=one: one.refresh().progress == 0.5, "it runs")
    for one in running:
        assert one.cancel()
    following = q.submit("6 * 7")
    assert following.result(timeout=30) == 42
    assert (following.refresh().attempt, walk(following)) == (1, ["QUEUEING", "RUNNING", "FINISHED"])


def walk(task: Task) -> list[object]:
    """The statuses that a task has had."""
    return [event["status"] for event in task.history()]


def test_high_priority_goes_first_when_all_slots_are_busy(q: Client) -> None:
    blockers = [q.submit("sleep(0.6); progress(0.5); sleep(60)", name="busy") for _ in range(2)]
    for blocker in blockers:
        eventually(lambda one=blocker: one.refresh().progress == 0.5, "it runs, and its worker knows that it is slow")
    low = [q.submit("1", priority=0) for _ in range(3)]
    high = [q.submit("1", priority=2) for _ in range(3)]
    for blocker in blockers:  # each slot has another process first, and so they take up one task after another
        blocker.cancel()
    for task in low + high:
        task.wait(timeout=60)
    assert max(map(claimed_at, high)) < min(map(claimed_at, low))


def claimed_at(task: Task) -> str:
    """When a worker got the task; ISO times sort as they are."""
    return next(str(event["at"]) for event in task.history() if event["status"] == "RUNNING")


def test_a_cancelled_task_can_be_retried(q: Client, free_slots: Callable[[], None]) -> None:
    task = q.submit("5")
    task.cancel()
    task.retry()
    free_slots()
    assert task.result(timeout=30) == 5


def test_a_task_that_has_just_failed_can_be_retried_at_once(q: Client) -> None:
    task = q.submit('error("six")')
    for attempt in (1, 2, 3):
        # The worker that has it learns with its next heartbeat only that it is settled.
        with pytest.raises(TaskFailed):
            task.result(timeout=10)
        assert task.attempt == attempt
        assert task.retry() is task
    with pytest.raises(TaskFailed):
        task.result(timeout=10)


def test_a_finished_task_is_run_again_as_another_one_and_its_value_stays(q: Client) -> None:
    task = q.submit("(rand(UInt64), time_ns())", name="drawn")
    value = task.result(timeout=30)
    again = task.retry()
    assert again.result(timeout=30) != value
    assert (again.seed, again.result()[0]) == (task.seed, value[0])
    assert (again.repeats, again.name, again.attempt) == (task.number, "drawn", 1)
    assert (task.refresh().result(), task.attempt, len(task.history())) == (value, 1, 3)


def test_a_running_task_that_is_cancelled_can_be_retried_at_once(q: Client) -> None:
    task = q.submit("sleep(60)")
    eventually(lambda: task.refresh().status == "RUNNING", "the task runs")
    # Its worker hears of the one and the other with its next heartbeat only.
    task.cancel()
    task.retry()
    eventually(lambda: task.refresh().status == "RUNNING", "the task runs again", timeout_s=10)
    assert task.attempt == 2
    task.cancel()


def test_a_deleted_task_is_gone_for_everybody(q: Client, stack: RunningStack) -> None:
    task = q.submit("1")
    task.result(timeout=30)
    with connect(stack.url, token=stack.token()) as other:
        seen = other.task(task.number)
        task.delete()
        with pytest.raises(TaskDeleted):
            seen.refresh()


def test_waiting_has_a_limit_and_the_task_goes_on(q: Client) -> None:
    task = q.submit("sleep(1.5); 7")
    with pytest.raises(TaskTimeout):
        task.result(timeout=0.2)
    assert task.result(timeout=30) == 7


def test_a_time_limit_ends_an_endless_loop_and_says_so(q: Client) -> None:
    with pytest.raises(TaskFailed) as caught:
        q.submit("while true end", timeout=1).result(timeout=30)
    assert caught.value.name == "TimeoutExceeded"
    assert q.submit("1").result(timeout=30) == 1


def test_a_batch_of_many_finishes_whole_with_one_outcome_each(q: Client, stack: RunningStack) -> None:
    batch = q.submit_many([f"{number}^2" for number in range(1000)])
    assert batch.results(timeout=60) == [number**2 for number in range(1000)]
    with closing(sqlite3.connect(stack.home / "results.db")) as database:
        ids = [task.id for task in batch]
        rows = database.execute(
            "SELECT count(*), count(DISTINCT task_id) FROM results WHERE instr(?, task_id)", [" ".join(ids)]
        ).fetchone()
    assert rows == (1000, 1000)


def test_the_results_database_keeps_value_arguments_timing_and_provenance(
    q: Client, stack: RunningStack
) -> None:
    task = q.submit("n + 1", name="next", arguments={"n": 41})
    task.result(timeout=30)
    # The service is told of a result before the sink notes that it was.
    row = eventually(lambda: told_result(stack, task.id), "the sink knows what became of the outcome")
    assert (row["value"], json.loads(row["arguments"])) == ("42", {"n": 41})
    assert row["code_sha256"] == hashlib.sha256(b"n + 1").hexdigest()
    assert row["verdict"] == "ACCEPTED"
    assert row["worker"] == task.worker
    assert row["attempt"] == 1
    assert row["seconds"] >= 0
    assert row["julia_version"][0].isdigit()


def told_result(stack: RunningStack, task_id: str) -> sqlite3.Row | None:
    query = "SELECT * FROM results WHERE task_id = ? AND verdict IS NOT NULL"
    with closing(sqlite3.connect(stack.home / "results.db")) as database:
        database.row_factory = sqlite3.Row
        row: sqlite3.Row | None = database.execute(query, [task_id]).fetchone()
        return row


def test_a_client_that_sends_the_same_new_task_twice_creates_it_once(q: Client) -> None:
    task_id = "2b0fbd6c-6d5c-4b9e-9d2a-0a6f4f6cf001"
    create = "mutation($i: TaskInput!) { createTask(input: $i) { id number } }"
    first = q.transport.execute(create, {"i": {"id": task_id, "code": "1"}})
    second = q.transport.execute(create, {"i": {"id": task_id, "code": "1"}})
    assert first == second
