"""What a task can be given besides its code."""

from __future__ import annotations

from typing import Any

import pytest

from taskq_kernel.client.options import parse_arguments, parse_priority, parse_size, task_input
from taskq_kernel.errors import InvalidTask


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
