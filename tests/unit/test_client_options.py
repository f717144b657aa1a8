"""What a task can be given besides its code."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from client_fixtures import q, service
from client_lab import FakeService

from taskq_kernel.cli.submit import submit
from taskq_kernel.client.client import Client
from taskq_kernel.client.definition import Definition
from taskq_kernel.client.options import call_options, parse_arguments, parse_priority, parse_size, task_input
from taskq_kernel.client.refusals import keyword
from taskq_kernel.errors import InvalidTask
from taskq_kernel.magic.options import make_parser
from taskq_kernel.task_fields import SHARED_FIELDS

__all__ = ["q", "service"]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (1024, 1024),
        (1e9, 10**9),
        ("1024", 1024),
        ("1024 B", 1024),
        ("2 GiB", 2 << 30),
        ("2gib", 2 << 30),
        ("2G", 2 << 30),
        ("1.5 MiB", 3 << 19),
        ("512 MB", 512 * 10**6),
        ("64kB", 64_000),
        ("1 TiB", 1 << 40),
    ],
)
def test_sizes_are_read_as_people_write_them(text: Any, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GiB", "-1", "2 GiBs", "two", None, True, [1]])
def test_what_is_no_size_is_refused_with_what_was_given(text: Any) -> None:
    with pytest.raises(InvalidTask) as caught:
        parse_size(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(("text", "priority"), [(0, 0), ("2", 2), ("low", 0), ("NORMAL", 1), ("high", 2)])
def test_priorities_have_numbers_and_names(text: Any, priority: int) -> None:
    assert parse_priority(text) == priority


@pytest.mark.parametrize("text", [3, -1, "", "urgent", None, 1.0])
def test_other_priorities_are_refused(text: Any) -> None:
    with pytest.raises(InvalidTask, match="give 0"):
        parse_priority(text)


def test_arguments_are_json_or_else_text() -> None:
    pairs = ["n=10", "x=1.5", "on=true", "xs=[1, 2]", 'quoted="7"', "city=Bonn", "eq=a=b", "empty=", "none=null"]
    assert parse_arguments(pairs) == {
        "n": 10, "x": 1.5, "on": True, "xs": [1, 2], "quoted": "7", "city": "Bonn", "eq": "a=b", "empty": "",
        "none": None,
    }  # fmt: skip


@pytest.mark.parametrize("pairs", [["n"], ["=1"], [" =1"], ["n=1", "n=2"]])
def test_what_is_no_argument_is_refused(pairs: list[str]) -> None:
    with pytest.raises(InvalidTask, match="argument"):
        parse_arguments(pairs)


#: What a task is given besides its code, name and arguments: one table, in `call_options`.
OPTIONS = set(signature(call_options).parameters) - {"transport"}


def test_whoever_submits_takes_the_same_options() -> None:
    assert set(signature(Client.submit).parameters) == OPTIONS | {"self", "code", "name", "arguments"}
    # Tasks that have to be finished first are named in Python alone.
    by_text = OPTIONS - {"after"} | {"name", "arguments", "wait"}
    assert {one.name for one in submit.params} == by_text | {"file", "as_json"}
    assert set(vars(make_parser().parse_args([]))) == by_text | {"sweep"}
    of_a_batch = {keyword(field.graphql) for field in SHARED_FIELDS} - {"project_commit"}  # which the project says
    assert of_a_batch == OPTIONS - {"after", "seed"}


def test_a_task_says_only_what_was_given_and_what_has_a_default() -> None:
    assert task_input("1") == {"code": "1", "kind": "SCRIPT", "queue": "default", "priority": 1, "maxAttempts": 1}
    assert task_input("1", "one", arguments={"a": 1}, timeout=2, memory_limit="1 GiB") == {
        "code": "1", "kind": "SCRIPT", "queue": "default", "priority": 1, "maxAttempts": 1, "name": "one",
        "arguments": {"a": 1}, "timeoutSeconds": 2.0, "memoryLimit": 1 << 30,
    }  # fmt: skip


@pytest.mark.parametrize("size", ["9" * 400, float("nan"), float("inf"), "9" * 400 + " TiB"])
def test_a_memory_size_that_is_no_number_is_refused(size: object) -> None:
    with pytest.raises(InvalidTask, match="memory_limit is"):
        parse_size(size)  # type: ignore[arg-type]  # what is tested


def test_an_argument_that_is_nested_too_deeply_is_a_text() -> None:
    assert parse_arguments(["x=" + "[" * 100_000]) == {"x": "[" * 100_000}


def test_a_folder_is_one_project_for_all_tasks_of_a_request(service: FakeService, q: Client, tmp_path: Path) -> None:
    def tasks() -> Any:
        for number in range(3):
            (tmp_path / f"{number}.jl").write_text("1")
            yield {"code": "1", "project": folder}

    folder = q.project(tmp_path)
    assert len({task.project for task in q.submit_many(tasks())}) == 1
    assert [call for call in service.calls if call != "upload"] == ["Missing", "Project", "Create"]
    [task] = q.submit_many(["1"], project=folder)
    assert task.project == folder.send().id
    assert task.project != q.tasks()[0].project


@pytest.mark.parametrize(("name", "problem"), [
    ("timeot", "have 'timeot', which is none: use queue, priority, timeout"),
    ("seed", "have 'seed', which the sweep takes itself"),
    ("after", "have 'after', which single tasks have"),
    ("transport", "have 'transport', which is none"),
])
def test_what_points_of_a_sweep_cannot_be_given_is_named(q: Client, name: str, problem: str) -> None:
    f = Definition(q, {"id": "f" * 64, "name": "f", "entry": None})
    with pytest.raises(InvalidTask, match=problem):
        f.sweep(n=[1, 2], options={name: 1})
