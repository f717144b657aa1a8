"""Tasks that need others, on a real stack."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from stacks import RunningStack

from taskq_kernel import InvalidTask, TaskFailed
from taskq_kernel.client.client import Client
from taskq_kernel.service.runtime import blobs_folder

#: Some of these wait for large values several times.
pytestmark = pytest.mark.timeout(300)


def test_a_task_passes_its_value_and_a_batch_the_list_of_its_values(q: Client) -> None:
    f, g = q.define("f(; n) = (half = n / 2, all = collect(1:n))"), q.define("g(x; y = 0) = (x, y)")
    h = q.define("total(xs) = sum(xs)")
    assert g(f(n=3), y={"deep": [f(n=1)]}).result(60) == [
        {"half": 1.5, "all": [1, 2, 3]}, {"deep": [{"half": 0.5, "all": [1]}]},
    ]
    squares = q.define("square(i) = i^2").map(range(20))
    assert h(squares).result(60) == sum(i * i for i in range(20))
    assert h(squares[:3]).result(60) == 5
    assert h(q.submit_many(["10", "20"])).result(60) == 30
    assert q.submit("2x", arguments={"x": q.submit("21")}).result(60) == 42
    link = q.define("link(x) = x + 1")
    task = link(0)
    for _ in range(30):
        task = link(task)
    assert task.result(60) == 31


def test_values_of_any_size_arrive_as_what_they_are(q: Client, stack: RunningStack) -> None:
    large = q.submit("reshape(collect(1.0:300_000), 3, 100_000)")
    small = q.submit("Float32[1 2 3; 4 5 6]")
    words = q.submit('["word $i" for i in 1:20_000]')
    table = q.submit("(n = collect(1:20_000), x = collect(0.5:1:20_000))")
    told = q.define("""
        told(x, many; small, words, table) = (
            x isa Matrix{Float64} && size(x) == (3, 100_000) && x == reshape(1.0:300_000, 3, :),
            small isa Matrix{Float32} && small == [1 2 3; 4 5 6],
            words isa Vector{String} && words[end] == "word 20000",
            table["n"] isa Vector{Int} && sum(table["n"]) == 200_010_000 && table["x"][2] == 1.5,
            [sum(one) for one in many], readdir(pwd()),
        )
    """)
    many = q.define("ones_of(i) = fill(i, 200_000)").map([1, 2, 3])
    task = told(large, many, small=small, words=words, table=table)
    expected = [True, True, True, True, [200_000, 400_000, 600_000], []]
    assert task.result(120) == expected
    again = task.retry()
    assert (again.number > task.number, again.result(120)) == (True, expected)
    ref = large.field("valueRef")
    (blobs_folder(stack.settings) / ref[:2] / ref).unlink()
    with pytest.raises(TaskFailed, match="is no longer kept: the task that it is from was deleted") as failed:
        task.retry().result(120)
    assert failed.value.name == "ValueMissing"


def test_large_arrays_cross_in_binary_both_ways_inside_of_what_holds_them(q: Client) -> None:
    x = np.random.default_rng(1).random((300, 400))
    table = pd.DataFrame({"n": np.arange(20_000), "s": ["a"] * 20_000})
    f = q.define("""
        f(x; about) = (
            x = x, half = about["x"] ./ 2, flags = x .> 0.5, empty = zeros(Int8, 0, 3), name = about["name"],
            types = [about["t"]["n"] isa Vector{Int}, x isa Matrix{Float64}, about["x"] == x,
                about["small"] isa Matrix{Float32} && about["small"] == [1 2 3; 4 5 6], size(about["none"]) == (0, 3)],
        )
    """)
    small = np.array([[1, 2, 3], [4, 5, 6]], "float32")
    task = f(x, about={"x": x, "t": table, "name": "grid", "small": small, "none": np.zeros((0, 3))})
    made = task.result(120)
    assert made["types"] == [True] * 5
    assert (made["name"], made["empty"].shape, made["empty"].dtype) == ("grid", (0, 3), np.dtype("int8"))
    assert np.array_equal(made["x"], x)
    assert np.array_equal(made["half"], x / 2)
    assert (made["flags"].dtype, np.array_equal(made["flags"], x > 0.5)) == (np.dtype("bool"), True)
    again = q.submit('sum(v["x"])', arguments={"v": task})
    assert again.result(120) == pytest.approx(x.sum())
    total = q.define("total(x) = sum(x)")
    assert total.submit((x,), cache=True, seed=1).result(120) == pytest.approx(x.sum())
    assert total.explain_cache(x, seed=1)
    assert not total.explain_cache(x + 1, seed=1)


def test_a_failure_is_told_by_what_hangs_on_it_and_a_retry_wakes_it(q: Client) -> None:
    gate = q.define("gate(file) = isfile(file) ? \"open\" : error(\"shut\")")
    first = gate("/proc/self/no-such-file")
    second = q.submit("1 + 1", after=[first])
    third = q.define("id(x) = x")(second)
    with pytest.raises(TaskFailed, match=f"task {first.number}.*shut"):
        third.result(60)
    assert first.retry().number == first.number
    with pytest.raises(TaskFailed):
        first.result(60)
    with pytest.raises(TaskFailed, match="which it needs, failed: ErrorException: shut"):
        second.result(60)
    assert third.error is not None
    assert third.error.name == "DependencyFailed"


def test_a_point_of_a_sweep_can_be_no_task_and_says_so(q: Client) -> None:
    f = q.define("f(; n) = n")
    with pytest.raises(InvalidTask, match="has a task for a value"):
        f.sweep(n=[1, f(n=1)])
