"""Which names an argument can have, wherever it is given."""

from __future__ import annotations

import pytest
from taskq_widgets.form import read_arguments

from taskq_kernel.argument_names import check_argument_names
from taskq_kernel.client.options import parse_arguments, task_input
from taskq_kernel.errors import InvalidTask, TaskqError
from taskq_kernel.store.submission import check

GOOD = ["n", "_x", "x1", "x!", "µ", "größe", "ψ₀", "x′", "∂t", "α̂", "Δ", "include", "eval", "😀", "in", "module_"]
BAD = {
    "": "its name is empty",
    "my-arg": "because of '-'",
    "1x": "because of '1'",
    "a b": "because of ' '",
    " a": "because of ' '",
    "a.b": "because of '.'",
    "!": "because of '!'",
    "end": "end is a keyword of Julia",
    "true": "true is a keyword of Julia",
    "function": "function is a keyword of Julia",
    "__": "underscores only",
    "x\u00a0y": "cannot be named so",
    "«x»": "cannot be named so",
}


@pytest.mark.parametrize("name", GOOD)
def test_a_name_that_code_can_use_is_taken(name: str) -> None:
    check_argument_names([name])

    assert task_input("1", arguments={name: 1})["arguments"] == {name: 1}


@pytest.mark.parametrize(("name", "reason"), BAD.items())
def test_a_name_that_no_code_could_use_is_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(InvalidTask, match=reason):
        task_input("1", arguments={name: 1})
    if name.strip() == name != "":
        with pytest.raises(InvalidTask, match=reason):
            task_input("1", arguments=parse_arguments([f"{name}=1"]))
        with pytest.raises(TaskqError, match=reason):
            read_arguments([[name, "1"]])


@pytest.mark.parametrize("name", BAD)
def test_the_service_refuses_it_too(name: str) -> None:
    with pytest.raises(InvalidTask, match="arguments"):
        check({"id": "0d6b4a51-2c0c-4d3c-9a9d-3a5f6a3b0c11", "code": "1", "arguments": {name: 1}}, "tasks[0]")


def test_two_names_that_are_one_to_julia_are_refused() -> None:
    with pytest.raises(InvalidTask, match="the same name to Julia"):
        task_input("1", arguments={"\u00b5": 1, "\u03bc": 2})
