"""Large arrays of numbers leave Julia in a file of NumPy's format, smaller ones as JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from julia_fixtures import Bench, Ran, bench

from taskq_kernel.domain import ValueKind
from taskq_kernel.typed_values import read_array
from taskq_kernel.value_files import decode_file

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
        ("zeros(Float32, 0, 3)", "float32", np.zeros((0, 3))),
        ("zeros(Int8, 3, 0)", "int8", np.zeros((3, 0))),
        ("view(zeros(2, 0, 4), :, :, 2:3)", "float64", np.zeros((2, 0, 2))),
    ],
)
def test_a_large_array_comes_whole_with_its_type_shape_and_order(
    bench: Bench, code: str, dtype: str, expected: Any
) -> None:
    made = array(bench.run(code))
    assert str(made.dtype) == dtype
    if expected is not None:
        assert made.shape == expected.shape
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
    ["zeros(1000)", "fill(big(1), 20)", '["x" for i in 1:1000]', "(a = zeros(10), b = zeros(10))", "zeros(0)"],
)
def test_other_values_are_json_as_ever(bench: Bench, code: str) -> None:
    ran = bench.run(code)
    assert ran.info.kind in (ValueKind.JSON, ValueKind.TABLE)
    assert ran.report.file is None


def test_one_beyond_the_limit_is_text_that_says_so(bench: Bench) -> None:
    ran = bench.run("UnitRange{Int64}(1, 10^12)")
    assert ran.info.kind is ValueKind.REPR
    assert ran.info.note.startswith("The array has 7629394 MiB, more than the 1024 MiB that are kept")


def whole(ran: Ran) -> Any:
    """The value in a job's file."""
    assert ran.report.file is not None
    with ran.report.file as file:
        return decode_file(ran.info.kind, file.read(), ran.info.type)


def test_large_arrays_inside_of_containers_come_in_binary_with_their_type_shape_and_order(bench: Bench) -> None:
    ran = bench.run("""
        a = reshape(collect(1.0:18_000.0), 90, 200)
        Dict("a" => a, "again" => [a, a], "nested" => (v = view(collect(1:40_000), 2:2:40_000), s = "text"),
            "flags" => [isodd(i) for i in 1:100_000], "odd" => (NaN, zeros(Float32, 0, 3), zeros(3)))
    """)
    made = whole(ran)
    assert (ran.info.kind, ran.value) == (ValueKind.JSON, {"parts": 4})
    expected = np.arange(1.0, 18_001).reshape((200, 90)).T
    assert (made["a"].dtype, np.array_equal(made["a"], expected)) == (np.dtype("float64"), True)
    assert all(np.array_equal(one, expected) for one in made["again"])
    assert (made["nested"]["v"].dtype, made["nested"]["s"]) == (np.dtype("int64"), "text")
    assert np.array_equal(made["nested"]["v"], np.arange(2, 40_001, 2))
    assert (made["flags"].dtype, made["flags"][:3].tolist()) == (np.dtype("bool"), [True, False, True])
    assert (made["odd"][1].dtype, made["odd"][1].shape, made["odd"][2]) == (np.dtype("float32"), (0, 3), [0.0] * 3)


def test_large_columns_of_a_table_come_in_binary_and_the_others_beside_them(bench: Bench) -> None:
    ran = bench.run("""
        (n = collect(1:20_000), x = Float32.(1:20_000) ./ 2, s = ["s$i" for i in 1:20_000],
         m = [isodd(i) ? missing : i for i in 1:20_000])
    """)
    made = whole(ran)
    assert (ran.info.kind, ran.value) == (ValueKind.TABLE, {"parts": 2})
    assert [str(made[name].dtype) for name in "nxm"] == ["int64", "float32", "Int64"]
    assert (made["n"].sum(), made["x"][1], made["s"].iloc[-1]) == (200_010_000, 1.0, "s20000")
    assert made["m"].isna().sum() == 10_000


def test_arrays_inside_that_are_too_large_together_are_text_and_without_a_file_they_are_json(
    bench: Bench,
) -> None:
    ran = bench.run("[1:10^12, 2]")
    assert (ran.info.kind, ran.report.file) == (ValueKind.REPR, None)
    ran = bench.run('mkdir(".taskq-value.npy"); [ones(10_000), 2]')
    assert (ran.info.kind, ran.value[1], len(ran.value[0])) == (ValueKind.JSON, 2, 10_000)


def test_the_next_task_finds_nothing_of_the_file(bench: Bench) -> None:
    array(bench.run("zeros(200_000)"))
    assert bench.run("readdir()").value == []
    # Nor does a task that cannot write it lose its value.
    assert bench.run("mkdir(\".taskq-value.npy\"); zeros(140_000)").info.kind is ValueKind.JSON
