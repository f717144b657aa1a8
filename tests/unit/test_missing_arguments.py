"""What is missing among arguments: as it is shown, typed again, read back, handed on, and varied in a sweep."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from taskq_widgets.panels.arguments import same_json, typed
from taskq_widgets.table.cells import cells_of

from taskq_kernel import exact_json
from taskq_kernel.arguments import encode_arguments
from taskq_kernel.call_name import call_name
from taskq_kernel.cli.listing import arguments_text
from taskq_kernel.client import designs
from taskq_kernel.client.parquet import plain
from taskq_kernel.client.tidy import column
from taskq_kernel.domain import ValueKind
from taskq_kernel.grid import Grid
from taskq_kernel.typed_values import with_type
from taskq_kernel.value_text import written
from taskq_kernel.values import decode

MISSING = {"$missing": True}
HOLES = {"$array": ["Vector{Union{Missing, Int64}}", [1, None]]}


def back(value: Any) -> Any:
    """An argument as `Task.arguments` gives it."""
    return decode(ValueKind.JSON, exact_json.decode(exact_json.encode(encode_arguments({"x": value}))))["x"]


def test_what_is_missing_is_so_again_when_arguments_are_read_back() -> None:
    assert back(pd.NA) is pd.NA
    assert back(None) is None
    assert back([1, {"a": pd.NaT}]) == [1, {"a": pd.NA}]
    assert back(pd.Series([1, None], dtype="Int8")).dtype == "Int8"
    assert back(pd.Series(["a", None])).tolist() == ["a", pd.NA]
    matrix = back(np.ma.masked_array([[1.5, 2]], mask=[[False, True]], dtype="f4"))
    assert (matrix.dtype, matrix.mask.tolist(), matrix[0, 0]) == ("f4", [[False, True]], 1.5)
    assert back(np.ma.masked_array([1j, 2], mask=[False, True])).tolist() == [1j, None]


@pytest.mark.parametrize("content", [1, None, "x", []])
def test_another_content_is_an_object_like_any_other(content: Any) -> None:
    assert decode(ValueKind.JSON, {"$missing": content}) == {"$missing": content}


def test_people_read_missing_and_no_tag() -> None:
    assert written([1, MISSING, None]) == "[1, missing, nothing]"
    assert written({"a": HOLES}) == '{"a": [1, missing]}'
    given = {"1": MISSING, "k": HOLES, "q": {"$rational": [1, 3]}, "s": "$x"}
    assert arguments_text(given) == 'missing, k=[1, missing], q=1//3, s="$x"'
    assert call_name("f", [(name, json.dumps(value)) for name, value in given.items()]) == (
        'f(missing, k=[1, missing], q=1//3, s="$x")'
    )
    row = {"number": 1, "name": "", "status": "QUEUEING", "attempt": 0, "maxAttempts": 1, "arguments": given}
    assert [["1", "missing"], ["k", "[1, missing]"], ["q", "1//3"], ["s", "$x"]] in cells_of(row)


def test_what_is_shown_in_the_form_is_read_as_the_same_again() -> None:
    for value in (MISSING, HOLES, [1, MISSING], {"$array": ["Matrix{Int8}", [[1]]]}):
        assert same_json(typed(value), value)


def test_columns_of_frames_have_na_where_a_parameter_was_missing() -> None:
    for cells, dtype in (
        ([1, MISSING], "Int64"), ([1, MISSING, None], "Int64"), ([1.5, 1, MISSING], "Float64"),
        ([True, MISSING], "boolean"), (["a", MISSING], "string"), ([2**70, MISSING], "object"),
    ):  # fmt: skip
        made = column(cells)
        assert made.dtype == dtype
        assert made.iloc[1 if cells[1] is MISSING else 2] is pd.NA
    assert plain(pd.NA) is None


@pytest.mark.parametrize(
    ("axis", "cells"),
    [
        ([1, pd.NA], [1, MISSING]),
        (np.ma.masked_array([1, 2], mask=[False, True]), [1, MISSING]),
        (pd.Series([1, None], dtype="Int64"), [1, MISSING]),
        (pd.Series(["a", None]), ["a", MISSING]),
        (pd.Series(["a", None], dtype="category"), ["a", MISSING]),
        (pd.Series([1.5, None]), [1.5, {"$float": "NaN"}]),
        ([1, None], [1, None]),
    ],
)
def test_a_sweep_may_have_points_where_something_is_missing(axis: Any, cells: list[Any]) -> None:
    assert [exact_json.decode(point)["x"] for point in Grid(designs.product({"x": axis}))] == cells
    frame = pd.DataFrame({"x": pd.Series(axis)})
    if not isinstance(axis, list | np.ndarray):  # a list becomes a column of another kind
        assert [exact_json.decode(point)["x"] for point in Grid(designs.rows(frame))] == cells


@pytest.mark.parametrize(
    ("text", "julia_type", "argument"),
    [
        ("null", "Missing", '{"$missing":true}'),
        ("null", "Nothing", "null"),
        ("[1,null]", "Vector{Union{Missing, Int64}}", '{"$array":["Vector{Union{Missing, Int64}}",[1,null]]}'),
        ('["a",null]', "Array{Union{Missing, String},1}", '{"$array":["Array{Union{Missing, String},1}",["a",null]]}'),
        ("[1,null]", "Vector{Union{Nothing, Int64}}", "[1,null]"),
        ("[1,null]", "Vector{Union{Missing, Rational{Int64}}}", "[1,null]"),
    ],
)
def test_a_value_that_is_handed_on_keeps_what_is_missing(text: str, julia_type: str, argument: str) -> None:
    assert with_type(text, julia_type) == argument
