"""Tasks that need others: they wait, get the values, fail with a reason, and wake again."""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import uuid4

import pytest
from store_lab import Lab

from taskq_kernel.domain import ValueKind
from taskq_kernel.errors import InvalidTask, NotFound
from taskq_kernel.passed_values import PassedValue, passed_values
from taskq_kernel.store import dependencies, outcomes, retention
from taskq_kernel.store.blob_refs import referenced
from taskq_kernel.store.create import create_tasks
from taskq_kernel.store.sight import Sight
from taskq_kernel.store.submission import check_all

pytest_plugins = ["store_fixtures"]


def needing(lab: Lab, *others: Any, **given: Any) -> Any:
    """Submit a task that needs others: as ``after``, or as ``arguments`` that name them."""
    return lab.submit("1", after=[task.id for task in others], **given)[0]


def value_of(task: Any) -> dict[str, str]:
    """What stands for a task's value."""
    return {"$task": task.id}


def finish(lab: Lab, worker: str, task: Any, value: str = "2", **given: Any) -> None:
    """Claim a task and record a value."""
    [(_, attempt)] = lab.claim(worker, task)
    kinds = {"kind": "JSON", "type": "Int64", "text": value, "json": value, "ref": None, "size": 1, "note": ""} | given
    lab.record(lab.outcome(task, worker, attempt, value=outcomes.Value(**kinds)))


def fail(lab: Lab, worker: str, task: Any) -> None:
    [(_, attempt)] = lab.claim(worker, task)
    lab.fail(task, worker, attempt)


def status(lab: Lab, *tasks: Any) -> list[str]:
    return [lab.task(task).status for task in tasks]


def test_a_task_goes_on_its_way_when_the_last_one_that_it_needs_is_finished(lab: Lab) -> None:
    a, b = lab.submit("1", "2")
    both, none = needing(lab, a, b), needing(lab)
    assert lab.publish() == [a.number, b.number, none.number]
    unmet = lab.store.read(dependencies.unmet_of, both.number)
    assert (unmet.count, unmet.first.number, unmet.first.status) == (2, a.number, "QUEUEING")
    worker = lab.join()
    finish(lab, worker, a)
    assert lab.waiting() == []
    unmet = lab.store.read(dependencies.unmet_of, both.number)
    assert (unmet.count, unmet.first.number, unmet.first.status) == (1, b.number, "QUEUEING")
    finish(lab, worker, b)
    assert lab.publish() == [both.number]
    assert needing(lab, a, b).number in lab.waiting()


def test_values_take_the_places_of_the_tasks_among_the_arguments(lab: Lab) -> None:
    a, b, table = lab.submit("1", "2", "3")
    given = {"x": value_of(a), "many": [value_of(a), {"deep": value_of(b)}], "t": value_of(table), "y": 1.50}
    task = lab.submit("1", arguments=given)[0]
    worker = lab.join()
    lab.publish()
    finish(lab, worker, a, '{"$complex":[1,0.10000000000000000000001]}')
    finish(lab, worker, b, "12345678901234567890123456789")
    finish(lab, worker, table, '{"columns":{"n":[1,2]}}', kind="TABLE")
    assert lab.publish() == [task.number]
    exact = '{"$complex":[1,0.10000000000000000000001]}'
    text = lab.task(task).arguments
    assert exact in text
    assert "12345678901234567890123456789" in text
    assert json.loads(text)["t"] == {"n": [1, 2]}
    assert json.loads(text)["y"] == 1.5


def test_a_large_value_is_named_among_the_arguments_and_an_array_has_its_type(lab: Lab) -> None:
    large, table, matrix, numbers = lab.submit("1", "2", "3", "4")
    given = {"x": [value_of(large)], "t": value_of(table), "m": value_of(matrix), "v": value_of(numbers)}
    task = lab.submit("1", arguments=given)[0]
    worker = lab.join()
    lab.publish()
    finish(lab, worker, large, kind="ARRAY", type="Matrix{Float64}", json=None, ref="a" * 64, size=80128)
    finish(lab, worker, table, kind="TABLE", type="DataFrame", json=None, ref="b" * 64, size=70000)
    finish(lab, worker, matrix, "[[1,2.50],[3,4]]", type="Array{Float32,2}")
    finish(lab, worker, numbers, "[1,2]", type="Vector{Int64}")
    found = json.loads(lab.task(task).arguments)
    array = {"ref": "a" * 64, "kind": "ARRAY", "type": "Matrix{Float64}", "size": 80128}
    assert found["x"] == [{"$value": array}]
    assert found["t"] == {"$value": {"ref": "b" * 64, "kind": "TABLE", "type": "DataFrame", "size": 70000}}
    assert found["m"] == {"$array": ["Array{Float32,2}", [[1, 2.5], [3, 4]]]}
    assert found["v"] == [1, 2]
    assert set(passed_values(lab.task(task).arguments)) == {"a" * 64, "b" * 64}


def test_a_failure_fails_all_that_hangs_on_it_with_that_reason_and_a_retry_wakes_them_again(lab: Lab) -> None:
    first = lab.submit("first", name="model")[0]
    second = needing(lab, first)
    third, other = needing(lab, second), lab.submit("other")[0]
    fourth = needing(lab, third, other)
    worker = lab.join()
    lab.publish()
    fail(lab, worker, first)
    assert status(lab, second, third, fourth, other) == ["FAILED", "FAILED", "FAILED", "QUEUEING"]
    reason = f"task {first.number} (model), which it needs, failed: DomainError: a negative number"
    assert {lab.task(task).error_message for task in (second, third, fourth)} == {reason}
    assert lab.task(fourth).error_name == "DependencyFailed"
    lab.bulk_action("retry", first)
    assert status(lab, first, second, third, fourth) == ["QUEUEING"] * 4
    assert lab.task(fourth).error_name is None
    assert lab.publish() == [first.number]
    for task, following in ((first, [second]), (second, [third]), (third, [])):
        finish(lab, worker, task)
        assert lab.waiting() == [one.number for one in following]
        if following:
            lab.publish()
    finish(lab, worker, other)
    assert lab.publish() == [fourth.number]


def test_what_is_retried_while_what_it_needs_has_failed_fails_again_and_does_not_wait_for_ever(lab: Lab) -> None:
    first = lab.submit("1")[0]
    second = needing(lab, first)
    lab.bulk_action("cancel", first)
    assert lab.task(second).error_message == f"task {first.number} (1), which it needs, was cancelled"
    lab.bulk_action("retry", second)
    assert status(lab, second) == ["FAILED"]
    lab.bulk_action("retry", second, first)
    assert status(lab, first, second) == ["QUEUEING", "QUEUEING"]
    assert lab.waiting() == [first.number]
    late = needing(lab, first)
    lab.bulk_action("delete", first)
    assert lab.task(late).error_message == f"task {first.number} (1), which it needs, was cancelled"
    with pytest.raises(NotFound):
        needing(lab, first)


def test_a_task_that_was_cancelled_meanwhile_stays_so_and_gets_its_values_when_it_is_retried(lab: Lab) -> None:
    first = lab.submit("1")[0]
    second = lab.submit("2", arguments={"x": value_of(first)})[0]
    worker = lab.join()
    lab.publish()
    lab.bulk_action("cancel", second)
    finish(lab, worker, first, "[7]")
    assert status(lab, second) == ["CANCELLED"]
    assert lab.waiting() == []
    lab.bulk_action("retry", second)
    assert json.loads(lab.task(second).arguments) == {"x": [7]}
    assert lab.publish() == [second.number]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"kind": "REPR", "type": "Task", "json": '{"repr":"Task"}'}, "is a Task, which no argument can be"),
        ({"kind": "MIME", "type": "Plot", "json": None, "ref": "f" * 64, "size": 9}, "is a Plot, which no argument"),
        ({"json": None, "ref": "f" * 64, "size": 5 << 30}, "at most 4294967296 are passed to one task"),
    ],
)
def test_a_value_that_cannot_be_passed_fails_what_needs_it(lab: Lab, value: dict[str, Any], problem: str) -> None:
    first = lab.submit("1")[0]
    second = lab.submit("2", arguments={"x": value_of(first)})[0]
    worker = lab.join()
    finish(lab, worker, first, **value)
    assert problem in lab.task(second).error_message
    lab.bulk_action("retry", second)
    assert status(lab, second) == ["FAILED"]
    third = lab.submit("3", arguments={"x": value_of(first)})[0]
    assert status(lab, third) == ["FAILED"]


def test_a_chain_of_a_thousand_fails_as_one_and_wakes_as_one(lab: Lab) -> None:
    tasks = [lab.submit("0")[0]]
    ids = [str(uuid4()) for _ in range(1000)]
    given = [{"code": "1", "id": one, "after": [before]} for one, before in zip(ids, [tasks[0].id, *ids], strict=False)]
    tasks += lab.store.write(create_tasks, check_all(given), "ann", frozenset())[0]
    began = time.process_time()
    lab.bulk_action("cancel", tasks[0])
    assert lab.task(tasks[-1]).status == "FAILED"
    lab.bulk_action("retry", tasks[0])
    assert lab.task(tasks[-1]).status == "QUEUEING"
    assert lab.waiting() == [tasks[0].number]
    assert time.process_time() - began < 5


def test_ten_thousand_values_come_together_in_one_task(lab: Lab) -> None:
    many = lab.submit(*["1"] * 10_000)
    lab.publish()
    began = time.process_time()
    task = lab.submit("2", arguments={"xs": [value_of(one) for one in many]})[0]
    worker = lab.join()
    for start in range(0, len(many), 2000):
        part = many[start : start + 2000]
        lab.claim(worker, *part)
        lab.record(*(lab.outcome(one, worker) for one in part))
    assert json.loads(lab.task(task).arguments) == {"xs": [2] * 10_000}
    assert time.process_time() - began < 30


def test_no_circle_can_be_written(lab: Lab) -> None:
    one, two = str(uuid4()), str(uuid4())
    circle = [{"code": "1", "id": one, "after": [two]}, {"code": "2", "id": two, "after": [one]}]
    own = [{"code": "1", "id": one, "arguments": {"x": {"$task": one}}}]
    for given in (circle, own):
        with pytest.raises(InvalidTask, match="not submitted before"):
            lab.store.write(create_tasks, check_all(given), "ann", frozenset())


def test_a_task_that_is_not_there_or_somebody_elses_secret_cannot_be_needed(lab: Lab) -> None:
    theirs = lab.submit("1", owner="bob")[0]
    assert needing(lab, theirs).number
    new = check_all([{"code": "1", "after": [theirs.id]}])
    with pytest.raises(NotFound):
        lab.store.write(create_tasks, new, "ann", frozenset(), Sight("ann"))


def test_what_a_task_is_given_is_kept_as_long_as_the_task_and_not_only_as_long_as_its_source(lab: Lab) -> None:
    large = lab.submit("1")[0]
    worker = lab.join()
    lab.publish()
    finish(lab, worker, large, kind="ARRAY", json=None, ref="a" * 64, size=80128)
    task = lab.submit("1", arguments={"x": value_of(large)})[0]
    own = lab.submit("1", arguments={"y": PassedValue("b" * 64, ValueKind.ARRAY, 70_000).as_argument()})[0]

    def kept() -> set[str]:
        return lab.store.read(referenced, ["a" * 64, "b" * 64, "c" * 64])

    finish(lab, worker, task)
    again = lab.bulk_action("retry", task).tasks[0]
    lab.bulk_action("delete", large, task)
    assert kept() == {"a" * 64, "b" * 64}
    lab.bulk_action("delete", again, own)
    assert kept() == set()
    # Tasks that are gone for good take along what was noted of them.
    other = lab.submit("1", arguments={"y": PassedValue("b" * 64, ValueKind.ARRAY, 70_000).as_argument()})[0]
    lab.bulk_action("cancel", other)
    lab.clock.advance(100)
    rule = retention.Rule(before=lab.clock.now)
    step = lab.store.write(retention.remove_tasks, rule, lab.store.read(retention.old_tasks, rule))
    assert (other.number in step.numbers, kept()) == (True, set())
