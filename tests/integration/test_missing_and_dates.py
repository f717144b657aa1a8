"""What is missing comes to Julia as `missing`, and from one task to another: real Julia says what it got."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pandas as pd
from julia_fixtures import Bench, bench

from taskq_kernel import exact_json
from taskq_kernel.arguments import encode_arguments

__all__ = ["bench"]

NA = pd.NA
HOLE = [False, True]

#: Values, and what Julia shall say to ``x === expected`` or `isequal`, with the type that it shall have.
ARRIVES: list[tuple[Any, str, str]] = [
    (NA, "missing", "Missing"),
    (pd.NaT, "missing", "Missing"),
    (np.ma.masked, "missing", "Missing"),
    (None, "nothing", "Nothing"),
    ([1, NA, 3], "[1, missing, 3]", "Vector{Union{Missing,Int64}}"),
    ([NA, 1, 2.5], "[missing, 1.0, 2.5]", "Vector{Union{Missing,Float64}}"),
    ([2**53 + 1, NA, 0.5], "Any[2^53 + 1, missing, 0.5]", "Vector{Any}"),
    (["a", NA], '["a", missing]', "Vector{Union{Missing,String}}"),
    ([True, NA], "[true, missing]", "Vector{Union{Missing,Bool}}"),
    ([NA, NA], "[missing, missing]", "Vector{Missing}"),
    ([1, None, NA], "Any[1, nothing, missing]", "Vector{Any}"),
    ({"a": [1, {"b": NA}]}, 'Dict("a" => [1, Dict("b" => missing)])', "Dict{String,Any}"),
    ({1: NA}, "Dict(1 => missing)", "Dict{Any,Any}"),
    (np.ma.masked_array([1, 2], HOLE), "[1, missing]", "Vector{Union{Missing,Int64}}"),
    (np.ma.masked_array([[1, 2]], [HOLE], "f4"), "[1 missing]", "Matrix{Union{Missing,Float32}}"),
    (pd.Series([1, NA, 3], dtype="Int64"), "[1, missing, 3]", "Vector{Union{Missing,Int64}}"),
    (pd.Series([NA, NA], dtype="Int8"), "[missing, missing]", "Vector{Union{Missing,Int8}}"),
    (pd.Series([True, NA], dtype="boolean"), "[true, missing]", "Vector{Union{Missing,Bool}}"),
    (pd.Series(["a", None]), '["a", missing]', "Vector{Union{Missing,String}}"),
    (pd.Series([1.5, np.nan]), "[1.5, NaN]", "Vector{Float64}"),
    (
        pd.DataFrame({"n": pd.array([1, NA]), "s": ["x", NA]}), 'Dict("n" => [1, missing], "s" => ["x", missing])',
        "Dict{String,Any}",
    ),
]


def test_what_is_missing_in_python_is_missing_in_julia(bench: Bench) -> None:
    names = [f"x{place}" for place in range(len(ARRIVES))]
    given = exact_json.encode(encode_arguments({name: row[0] for name, row in zip(names, ARRIVES, strict=True)}))
    said = [
        f"isequal({name}, {expected}) && {name} isa {kind} ? nothing : (repr({name}), string(typeof({name})))"
        for name, (_, expected, kind) in zip(names, ARRIVES, strict=True)
    ]
    assert bench.run(f"Any[{', '.join(said)}]", arguments=msgspec.Raw(given)).value == [None] * len(ARRIVES)


def test_null_of_earlier_releases_is_nothing_as_before(bench: Bench) -> None:
    code = 'x === nothing && y isa Vector{Any} && y[1] === nothing && z == Dict("\\$missing" => 1)'
    given = msgspec.Raw(b'{"x":null,"y":[null,1],"z":{"$missing":1}}')
    assert bench.run(code, arguments=given).value is True
