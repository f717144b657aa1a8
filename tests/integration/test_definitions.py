"""Definitions on a real stack: one function, registered once, evaluated once in each Julia process."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from taskq_kernel import InvalidDefinition, InvalidTask, TaskFailed
from taskq_kernel.client.client import Client
from taskq_kernel.messages import INLINE_CODE_BYTES


def test_a_defined_function_is_called_by_name_and_by_position(q: Client) -> None:
    f = q.define("helper(x) = x^2\nwork(n, k = 1; beta = 0.5) = (helper(n), k, beta)", name="work")
    tasks = [f(3), f(3, 2), f(3, beta=1.5)]
    assert [task.result(60) for task in tasks] == [[9, 1, 0.5], [9, 2, 0.5], [9, 1, 1.5]]
    assert [task.name for task in tasks] == ["work(3)", "work(3, 2)", "work(3, beta=1.5)"]
    assert tasks[0].kind == "CALL"
    assert tasks[2].arguments == {"1": 3, "beta": 1.5}
    assert tasks[2].code == f.code


def test_a_definition_is_found_by_its_content(q: Client, tmp_path: Path) -> None:
    code = 'one() = 1\n"Two." two() = 2\n'
    (tmp_path / "model.jl").write_text(code)
    f, again, other = q.define(code), q.define(tmp_path / "model.jl"), q.define(code, entry="one")
    assert f == again
    assert f != other
    assert (f.name, other.name) == ("two", "one")
    assert (f().result(60), other().result(60)) == (2, 1)
    assert q.define("helper(x) = x + 1\nx -> helper(x)^2")(2).result(60) == 9


def test_a_definition_is_evaluated_once_in_each_julia_process(q: Client) -> None:
    counting = "const evaluated = Ref(0)\nevaluated[] += 1\nconst calls = Ref(0)\n"
    f = q.define(counting + "f(i) = (getpid(), evaluated[], calls[] += 1)")
    seen = [task.result(60) for task in [f(i) for i in range(40)]]
    by_process: dict[int, list[int]] = {}
    for pid, evaluated, calls in seen:
        assert evaluated == 1
        by_process.setdefault(pid, []).append(calls)
    assert all(sorted(calls) == list(range(1, len(calls) + 1)) for calls in by_process.values())
    assert len(by_process) <= sum(worker.slots for worker in q.workers())


def test_arguments_cross_as_what_they_are(q: Client) -> None:
    f = q.define("kind(x) = string(typeof(x))\necho(x) = x\nboth(x; y) = (kind(x), kind(y), echo(x))")
    table = pd.DataFrame({"a": [1, 2], "b": ["u", None]})
    found = [task.result(60) for task in (
        f(np.float64(2.5), y=np.arange(3)), f(float("nan"), y=pd.NA), f({"a": {"b": [1, 2]}}, y=date(2024, 5, 17)),
        f(table, y=2**70),
    )]
    assert found[0] == ["Float64", "Vector{Int64}" if found[0][1].startswith("V") else "Array{Int64,1}", 2.5]
    assert found[1][:2] == ["Float64", "Missing"]
    assert math.isnan(found[1][2])
    assert found[2][1:] == ["Dates.Date", {"a": {"b": [1, 2]}}]
    assert found[3][1] == "BigInt"


def test_long_code_is_not_in_the_messages_and_runs_all_the_same(q: Client) -> None:
    padding = "\n".join(f"# {i:>60}" for i in range(INLINE_CODE_BYTES // 50))
    f = q.define(f"{padding}\nlong(x) = 7x")
    assert [task.result(60) for task in [f(i) for i in range(5)]] == [0, 7, 14, 21, 28]


def test_the_first_call_of_what_does_not_parse_tells_for_all(q: Client) -> None:
    code = "f(x) = 1\ng(x) = (x +\n"
    with pytest.raises(TaskFailed) as caught:
        q.define(code)(1).result(60)
    assert caught.value.name == "ParseError"
    with pytest.raises(InvalidDefinition, match="line") as refused:
        q.define(code)
    assert refused.value.line is not None


def test_what_cannot_be_an_argument_is_refused_where_it_is_written(q: Client) -> None:
    f = q.define("f(x; y = 1) = x")
    with pytest.raises(InvalidTask, match="argument 1"):
        f(b"bytes")
    with pytest.raises(InvalidTask, match="end is a keyword"):
        f(1, end=2)
    with pytest.raises(InvalidTask, match=r"no_such\.jl"):
        q.define(Path("no_such.jl"))
