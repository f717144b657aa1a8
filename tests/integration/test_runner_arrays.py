"""Large arrays of numbers leave Julia in a file of NumPy's format, smaller ones as JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from julia_fixtures import Bench, Ran, bench

from taskq_kernel.domain import ValueKind
from taskq_kernel.typed_values import read_array

__all__ = ["bench"]


def array(ran: Ran) -> Any:
    """The array in a job's file."""
    assert ran.info.kind is ValueKind.ARRAY
    assert ran.report.file is not None
    with ran.report.file as file:
        made = read_array(file.read())
    assert ran.value == {"dtype": made.dtype.newbyteorder("<").str, "shape": list(made.shape)}
    return made


@pytest.mark.parametrize(
    ("code", "dtype", "expected"),
    [
        ("reshape(collect(1.0:180_000.0), 300, 600)", "float64", np.arange(1.0, 180_001).reshape((600, 300)).T),
        ("Int64[typemax(Int64) - i for i in 1:200_000]", "int64", 2**63 - 1 - np.arange(1, 200_001)),
        ("UInt8.(mod.(1:2_000_000, 256))", "uint8", np.arange(1, 2_000_001) % 256),
        ("reshape([isodd(i) for i in 1:2_000_000], 2, 10, 100_000)", "bool", None),
        ("fill(1.5f0 + 2im, 200_000)", "complex64", np.full(200_000, 1.5 + 2j)),
        ("view(collect(1.0:400_000), 2:2:400_000)", "float64", np.arange(2.0, 400_001, 2)),
        ("using LinearAlgebra; (reshape(collect(1.0:180_000.0), 300, 600))'", "float64", None),
        ("[NaN; Inf; -0.0; zeros(200_000)]", "float64", None),
    ],
)
def test_a_large_array_comes_whole_with_its_type_shape_and_order(
    bench: Bench, code: str, dtype: str, expected: Any
) -> None:
    made = array(bench.run(code))
    assert str(made.dtype) == dtype
    if expected is not None:
        assert np.array_equal(made, expected)
    elif dtype == "bool":
        assert made.shape == (2, 10, 100_000)
        assert made[0].all()
        assert not made[1].any()
    elif made.ndim == 2:
        assert (made.shape, made[1, 0], made[0, 1]) == ((600, 300), 301.0, 2.0)
    else:
        assert (np.isnan(made[0]), made[1], np.signbit(made[2]), made.size) == (True, np.inf, True, 200_003)


@pytest.mark.parametrize(
    "code",
    ["zeros(1000)", "fill(big(1), 20)", '["x" for i in 1:1000]', "(a = zeros(10), b = zeros(10))", "zeros(0, 9)"],
)
def test_other_values_are_json_as_ever(bench: Bench, code: str) -> None:
    ran = bench.run(code)
    assert ran.info.kind in (ValueKind.JSON, ValueKind.TABLE)
    assert ran.report.file is None


def test_one_beyond_the_limit_is_text_that_says_so(bench: Bench) -> None:
    ran = bench.run("UnitRange{Int64}(1, 10^12)")
    assert ran.info.kind is ValueKind.REPR
    assert ran.info.note.startswith("The array has 7629394 MiB, more than the 1024 MiB that are kept")


def test_the_next_task_finds_nothing_of_the_file(bench: Bench) -> None:
    array(bench.run("zeros(200_000)"))
    assert bench.run("readdir()").value == []
    # Nor does a task that cannot write it lose its value.
    assert bench.run("mkdir(\".taskq-value.npy\"); zeros(140_000)").info.kind is ValueKind.JSON
