"""Submitting tasks."""

from __future__ import annotations

import sqlite3
from typing import Any
from uuid import uuid4

import pytest
from store_lab import Lab

from taskq_kernel.errors import InvalidTask
from taskq_kernel.seeds import MAX_SEED
from taskq_kernel.store.create import create_tasks
from taskq_kernel.store.submission import MAX_CODE_BYTES, MAX_TASKS, check_all

pytest_plugins = ["store_fixtures"]


def test_a_submitted_task_waits_and_stands_in_the_outbox(lab: Lab) -> None:
    [task] = lab.submit("sum(1:10)", arguments={"n": 1}, priority=2, queue="gpu")

    assert (task.status, task.attempt, task.number, task.owner) == ("QUEUEING", 0, 1, "ann")
    assert (task.name, task.code, task.arguments) == ("sum(1:10)", "sum(1:10)", '{"n":1}')
    assert (task.queue, task.priority, task.version) == ("gpu", 2, 1)
    assert lab.waiting() == [1]
    assert [event.status for event in lab.history(task)] == ["QUEUEING"]


def test_numbers_and_versions_go_up_by_one(lab: Lab) -> None:
    first = lab.submit("1", "2")
    second = lab.submit("3")
    assert [task.number for task in first + second] == [1, 2, 3]
    assert [task.version for task in first + second] == [1, 2, 3]


def test_the_same_id_sent_again_gives_the_same_task(lab: Lab) -> None:
    task_id = str(uuid4())
    [first] = lab.submit("1", id=task_id)
    [again] = lab.submit("2", id=task_id.upper())
    assert (again.number, again.code, again.version) == (first.number, "1", first.version)
    assert lab.waiting() == [first.number]


def test_the_same_id_twice_in_one_request_gives_one_task(lab: Lab) -> None:
    task_id = str(uuid4())
    first, second = lab.submit("1", "1", id=task_id)
    assert first.number == second.number
    assert lab.waiting() == [first.number]


def test_the_id_of_another_owners_task_is_refused(lab: Lab) -> None:
    task_id = str(uuid4())
    lab.submit("1", id=task_id)
    with pytest.raises(InvalidTask, match="cannot be had for a new task"):
        lab.submit("1", id=task_id, owner="bob")


def test_the_id_of_a_deleted_task_is_refused(lab: Lab) -> None:
    [task] = lab.submit("1", id=str(uuid4()))
    lab.bulk_action("delete", task)
    with pytest.raises(InvalidTask, match="was deleted"):
        lab.submit("1", id=task.id)


def test_if_one_of_many_cannot_be_stored_none_is(lab: Lab) -> None:
    task_id = str(uuid4())
    lab.submit("1", id=task_id)
    new = check_all([{"code": "2"}, {"code": "3", "id": task_id}])
    with pytest.raises(InvalidTask):
        lab.store.write(create_tasks, new, "bob", frozenset())
    assert [task.number for task in lab.submit("4")] == [2]


@pytest.mark.parametrize(
    "code",
    ["x = \"\0\"", "\x10", "\x100", "\x10\0\x10\x10\0", "'é' \"ß\" 😀", "a\r\nb\tc", "$(1)\\n", " 1", "%_'\"; DROP"],
)
def test_any_text_is_stored_as_it_is(lab: Lab, code: str) -> None:
    [task] = lab.submit(code, name=None)
    assert lab.task(task).code == code


@pytest.mark.parametrize("name", ["a 'quoted' \"name\"", "two\nlines", "emoji 😀", "%_\\", "ナンバー"])
def test_any_name_is_stored_as_it_is(lab: Lab, name: str) -> None:
    [task] = lab.submit(name=name)
    assert lab.task(task).name == name


def test_a_task_without_a_name_is_called_by_its_first_line(lab: Lab) -> None:
    [task] = lab.submit("\n\n  " + "x" * 100 + "\ny")
    assert task.name == "x" * 80


def test_code_that_many_tasks_share_is_stored_once(lab: Lab) -> None:
    lab.submit(*["f(x)"] * 5)
    with lab.store.reader.begin() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM sources").scalar_one() == 1


BAD: list[tuple[dict[str, Any], str]] = [
    ({"code": ""}, r"inputs\[1\].code is empty"),
    ({"code": " \n\t "}, r"inputs\[1\].code is empty"),
    ({"code": "x" * (MAX_CODE_BYTES + 1)}, r"inputs\[1\].code has 4194305 bytes"),
    ({"code": "\ud800"}, r"inputs\[1\].code is not text"),
    ({"code": "1", "name": "a\0b"}, r"inputs\[1\].name .* holds a NUL"),
    ({"code": "1", "name": "\udc00"}, r"inputs\[1\].name is not text"),
    ({"code": "1", "name": "n" * 501}, r"inputs\[1\].name has 501 characters"),
    ({"code": "1", "arguments": [1]}, r"inputs\[1\].arguments is list '\[1\]'"),
    ({"code": "1", "arguments": {"x": "y" * (1 << 20)}}, r"inputs\[1\].arguments has 1048584 bytes"),
    ({"code": "1", "arguments": {"x": "\ud800"}}, r"inputs\[1\].arguments cannot be written"),
    ({"code": "1", "queue": "a.b"}, r"inputs\[1\].queue is 'a.b'"),
    ({"code": "1", "queue": ""}, r"inputs\[1\].queue is ''"),
    ({"code": "1", "priority": 3}, r"inputs\[1\].priority is 3"),
    ({"code": "1", "priority": -1}, r"inputs\[1\].priority is -1"),
    ({"code": "1", "timeout_seconds": 0}, r"inputs\[1\].timeoutSeconds is 0"),
    ({"code": "1", "timeout_seconds": float("inf")}, r"inputs\[1\].timeoutSeconds is inf"),
    ({"code": "1", "timeout_seconds": float("nan")}, r"inputs\[1\].timeoutSeconds is nan"),
    ({"code": "1", "memory_limit": (64 << 20) - 1}, r"inputs\[1\].memoryLimit is 67108863"),
    ({"code": "1", "max_attempts": 0}, r"inputs\[1\].maxAttempts is 0"),
    ({"code": "1", "max_attempts": 101}, r"inputs\[1\].maxAttempts is 101"),
    ({"code": "1", "id": "seven"}, r"inputs\[1\].id is 'seven', which is not a UUID"),
    ({"code": "1", "batch": "b"}, r"inputs\[1\].batch is 'b', which is not a UUID"),
    ({"code": "1", "entry": "f"}, r"inputs\[1\].entry is 'f': only a task of kind CALL"),
    ({"code": "1", "kind": "CALL", "entry": " "}, r"inputs\[1\].entry is ' '"),
]


@pytest.mark.parametrize(("given", "message"), BAD, ids=[message[13:40] for _given, message in BAD])
def test_a_bad_task_is_refused_with_its_place_the_field_and_the_value(
    given: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidTask, match=message):
        check_all([{"code": "1"}, given])


def test_no_tasks_and_too_many_tasks_are_refused() -> None:
    with pytest.raises(InvalidTask, match="inputs is empty"):
        check_all([])
    with pytest.raises(InvalidTask, match="at most 10000"):
        check_all([{"code": "1"}] * (MAX_TASKS + 1))


@pytest.mark.parametrize("lab", ["sqlite"], indirect=True)
def test_a_committed_task_is_on_disk_at_once(lab: Lab) -> None:
    lab.submit()
    with lab.store.writer.connect() as conn:
        assert conn.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2  # FULL
        assert conn.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
    path = str(lab.store.url.database)
    other = sqlite3.connect(path)
    assert other.execute("SELECT count(*) FROM tasks").fetchone() == (1,)
    other.close()


def test_every_task_has_a_seed_that_is_given_or_drawn_once(lab: Lab) -> None:
    drawn = lab.submit(*["rand()"] * 20)
    [given] = lab.submit("rand()", seed=MAX_SEED)
    task_id = str(uuid4())
    [first] = lab.submit("rand()", id=task_id)
    [again] = lab.submit("rand()", id=task_id)

    assert given.seed == MAX_SEED == 9007199254740991
    assert len({task.seed for task in drawn}) == 20
    assert all(0 <= task.seed <= MAX_SEED for task in drawn)
    assert again.seed == first.seed


@pytest.mark.parametrize("seed", [-1, MAX_SEED + 1, True])
def test_a_seed_that_some_reader_could_not_hold_is_refused(seed: int) -> None:
    with pytest.raises(InvalidTask, match=r"inputs\[0\]\.seed is .*: give a whole number from 0 to 9007199254740991"):
        check_all([{"code": "1", "seed": seed}])
