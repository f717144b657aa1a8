"""Julia values as Python objects, and arguments as JSON."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskq_kernel import exact_json
from taskq_kernel.arguments import encode_arguments
from taskq_kernel.domain import ValueKind
from taskq_kernel.errors import InvalidTask
from taskq_kernel.literals import JuliaValue
from taskq_kernel.values import RichValue, decode

PNG = "iVBORw0KGgo="


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (None, None),
        (True, True),
        (2**100, 2**100),
        (0.1, 0.1),
        ("αβ", "αβ"),
        ([], []),
        ([1, [2, {"$float": "Infinity"}]], [1, [2, math.inf]]),
        ({"$float": "-Infinity"}, -math.inf),
        ({"$complex": [1, -2.5]}, 1 - 2.5j),
        ({"$complex": [{"$float": "Infinity"}, 0]}, complex(math.inf, 0)),
        ({"$rational": [2, 3]}, Fraction(2, 3)),
        ({"$range": [10, 30]}, JuliaValue("$range", [10, 30])),
        ({"$rational": [10**40, 3]}, Fraction(10**40, 3)),
        ({"$rational": [-1, 0]}, -math.inf),
        ({"a": {"$rational": [1, 2]}, "b": []}, {"a": Fraction(1, 2), "b": []}),
        ({"$dict": [["$x", 1], [2, [3]]]}, {"$x": 1, 2: [3]}),
        ({"$dict": [[[1, 2], "a"], [{"$complex": [0, 1]}, "b"]]}, {(1, 2): "a", 1j: "b"}),
        ({"$float": "NaN", "other": 1}, {"$float": "NaN", "other": 1}),
        ({"$float": "0.1"}, Decimal("0.1")),
        ({"$rational": [{"$int": hex(10**5000)}, 3]}, Fraction(10**5000, 3)),
        ({"$rational": [{"$int": hex(-(10**5000))}, 0]}, -math.inf),
        (Decimal("3.14159265358979323846"), Decimal("3.14159265358979323846")),
    ],
)
def test_json_values_become_what_they_are_in_python(data: Any, value: Any) -> None:
    decoded = decode(ValueKind.JSON, data)
    assert decoded == value
    assert type(decoded) is type(value)


@pytest.mark.parametrize(
    "data",
    [
        {"$int": "12"},
        {"$int": 12},
        {"$int": "0x"},
        {"$float": "abc"},
        {"$float": 1},
        {"$float": "1e99999999999999999999"},
        {"$complex": "odd"},
        {"$complex": [1, 2, 3]},
        {"$complex": [1, None]},
        {"$rational": [0, 0]},
        {"$rational": [1.5, 2]},
        {"$dict": [[1]]},
        {"$dict": 3},
        {"$value": 3},
        {"$value": {"ref": "short"}},
        {"$unknown": 1},
    ],
)
def test_a_tag_whose_content_does_not_fit_is_an_object_like_any_other(data: Any) -> None:
    assert decode("JSON", [data, {"$rational": [1, 2]}]) == [data, Fraction(1, 2)]


def test_a_complex_number_that_python_cannot_hold_keeps_its_exact_parts_and_spoils_nothing() -> None:
    huge = {"$complex": [{"$rational": [10**400, 7]}, 1]}
    assert decode("JSON", {"a": huge, "b": 1}) == {"a": {"$complex": [Fraction(10**400, 7), 1]}, "b": 1}


def test_keys_that_python_cannot_tell_apart_are_given_as_pairs() -> None:
    pairs = {"$dict": [[1, "a"], [True, "b"]]}
    assert decode("JSON", pairs) == pairs


@pytest.mark.parametrize("kind", list(ValueKind))
@pytest.mark.parametrize("data", [None, 1, "x", [], {}, {"columns": 3}, {"columns": {"a": [1], "b": 2}}])
def test_no_value_is_a_reason_for_an_exception(kind: ValueKind, data: Any) -> None:
    decode(kind, data)


def test_a_value_that_is_too_deep_for_python_comes_as_it_is() -> None:
    deep: list[Any] = []
    for _ in range(3000):
        deep = [deep]
    assert decode("JSON", deep) is deep


def test_an_integer_with_more_digits_than_python_writes_shows_itself() -> None:
    value = decode("JSON", {"$int": hex(10**5000 + 7)})
    assert value == 10**5000 + 7
    assert repr(value) == f"{value}" == str(value) == "1" + "0" * 4999 + "7"
    assert "0000007" in repr([value])
    longer = decode("JSON", {"$int": hex(7**200_000)})
    assert int(repr(longer), 16) == 7**200_000


def test_nan_stays_nan() -> None:
    assert math.isnan(decode("JSON", {"$float": "NaN"}))


def test_a_table_becomes_a_data_frame_with_its_columns_in_order() -> None:
    columns = {"z": [1, 2], "a": [0.5, {"$float": "NaN"}], "when": ["2026", None], "c": [{"$complex": [0, 1]}, 2]}
    frame = decode("TABLE", {"columns": columns})
    assert list(frame.columns) == ["z", "a", "when", "c"]
    assert frame.z.dtype == "int64"
    assert frame.a.dtype == "float64"
    assert frame.c[0] == 1j


def test_missing_numbers_of_a_table_leave_the_others_what_they_are() -> None:
    frame = decode("TABLE", {"columns": {"n": [1, None], "x": [1.5, None], "b": [True, None], "big": [2**80, None]}})
    assert frame.dtypes.astype(str).to_dict() == {"n": "Int64", "x": "float64", "b": "boolean", "big": "object"}
    assert frame.n[0] == 1
    assert frame.n.isna().tolist() == [False, True]


def test_a_table_may_have_no_rows() -> None:
    assert decode("TABLE", {"columns": {"a": [], "b": []}}).shape == (0, 2)


def test_what_has_no_other_form_is_its_text() -> None:
    assert decode("REPR", {"repr": "sin (generic function)"}) == "sin (generic function)"


def test_a_rich_value_shows_itself_and_can_be_saved(tmp_path: Path) -> None:
    value = decode("MIME", {"image/png": PNG, "text/plain": "a plot"})
    assert isinstance(value, RichValue)
    assert repr(value) == "a plot"
    assert value._repr_mimebundle_() == {"image/png": PNG, "text/plain": "a plot"}
    assert value.mime == "image/png"
    value.save(tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    value.save(str(tmp_path / "plot"))
    assert (tmp_path / "plot").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match=r"has no image/svg\+xml, only image/png, text/plain"):
        value.save(tmp_path / "plot.svg")
    svg = RichValue({"image/svg+xml": "<svg/>"})
    assert svg.data() == b"<svg/>"
    assert repr(svg) == "<RichValue: image/svg+xml>"
    assert svg != value


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (np.float64(1.5), 1.5),
        (np.int32(7), 7),
        (np.bool_(True), True),
        (np.array([[1, 2], [3, 4]]), {"$array": ["Matrix{Int64}", [[1, 2], [3, 4]]]}),
        (np.array([1j]), {"$array": ["Vector{ComplexF64}", [{"$complex": [0.0, 1.0]}]]}),
        (pd.Series([1, 2]), [1, 2]),
        (pd.DataFrame({"a": [1], "b": ["x"]}), {"a": [1], "b": ["x"]}),
        (pd.Timestamp("2026-01-02T03:04:05"), {"$datetime": "2026-01-02T03:04:05"}),
        (date(2026, 1, 2), {"$date": "2026-01-02"}),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        ((1, 2), [1, 2]),
        ({3}, [3]),
        (range(3), [0, 1, 2]),
        (Fraction(6, 3), 2),
        (Fraction(2, 3), {"$rational": [2, 3]}),
        (math.inf, {"$float": "Infinity"}),
        (-math.inf, {"$float": "-Infinity"}),
        (math.nan, {"$float": "NaN"}),
        ({"deep": [{"er": (1j,)}]}, {"deep": [{"er": [{"$complex": [0.0, 1.0]}]}]}),
    ],
)
def test_arguments_may_be_what_a_scientist_has_at_hand(value: Any, data: Any) -> None:
    encoded = encode_arguments({"x": value})["x"]
    assert encoded == data
    assert json.loads(json.dumps(encoded, allow_nan=False)) == data


def test_what_cannot_be_an_argument_is_named_with_its_place() -> None:
    with pytest.raises(InvalidTask, match=r"argument model\['f'\]\[1\] is function"):
        encode_arguments({"model": {"f": [1, lambda: 0]}})
    with pytest.raises(InvalidTask, match="argument x is bytes"):
        encode_arguments({"x": b"1"})
    with pytest.raises(InvalidTask, match="half of a surrogate pair"):
        encode_arguments({"x": "\ud800"})
    circular: list[Any] = []
    circular.append(circular)
    with pytest.raises(InvalidTask, match="more than 200 levels deep"):
        encode_arguments({"x": circular})


JSON_LIKE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.fractions()
    | st.integers(4000, 20_000).map(lambda digits: 10**digits + 1)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc$", min_size=1) | st.integers(), inner),
    max_leaves=20,
)


@given(JSON_LIKE)
def test_an_argument_that_comes_back_as_a_value_is_what_it_was(value: Any) -> None:
    encoded = encode_arguments({"x": value})["x"]
    decoded = decode("JSON", exact_json.decode(exact_json.encode(encoded)))
    assert _shown(decoded) == _shown(_whole(value))


def _shown(value: Any) -> str:
    """What tells 0.0 from -0.0, and 1 from 1.0."""
    match value:
        case list():
            return f"[{', '.join(map(_shown, value))}]"
        case dict():
            return f"{{{', '.join(f'{_shown(key)}: {_shown(item)}' for key, item in value.items())}}}"
        case Fraction():
            return f"{_shown(value.numerator)}//{_shown(value.denominator)}"
        case int() if not isinstance(value, bool):
            return hex(value)
    return repr(value)


def _whole(value: Any) -> Any:
    """A fraction that is a whole number is one."""
    if isinstance(value, Fraction) and value.denominator == 1:
        return int(value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return {key: _whole(item) for key, item in value.items()} if isinstance(value, dict) else value


# -- as the type that Julia gave them --------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "julia_type", "dtype", "shape"),
    [
        ([1, 2, 3], "Vector{Int64}", "int64", (3,)),
        ([1, 2, 3], "Array{Int64,1}", "int64", (3,)),
        ([2**63, 1], "Vector{UInt64}", "uint64", (2,)),
        ([1.5, {"$float": "NaN"}], "Vector{Float32}", "float32", (2,)),
        ([[1, 2, 3], [4, 5, 6]], "Matrix{Int32}", "int32", (2, 3)),
        ([[[1.0]], [[2.0]]], "Array{Float64, 3}", "float64", (2, 1, 1)),
        ([], "Matrix{Float64}", "float64", (0, 0)),
        ([True, False], "BitVector", "bool", (2,)),
        ([[True]], "BitArray{2}", "bool", (1, 1)),
        ([{"$complex": [1, 2]}], "Vector{ComplexF64}", "complex128", (1,)),
        ([1, 2], "UnitRange{Int64}", "int64", (2,)),
        (["2026-01-02"], "Vector{Date}", "datetime64[D]", (1,)),
        (["2026-01-02T03:04:05.678"], "Array{DateTime,1}", "datetime64[ms]", (1,)),
    ],
)
def test_an_array_of_numbers_is_numpys_of_its_type_shape_and_order(
    data: Any, julia_type: str, dtype: str, shape: tuple[int, ...]
) -> None:
    made = decode("JSON", data, julia_type)
    assert (type(made), str(made.dtype), made.shape) == (np.ndarray, dtype, shape)
    if data and dtype in ("int64", "uint64", "int32"):
        assert made.tolist() == data


@pytest.mark.parametrize(
    ("data", "julia_type"),
    [
        ([1, "a"], "Vector{Any}"), ([1, None], "Vector{Int64}"), ([2**64], "Vector{Int64}"), ([1], ""),
        ([1], "Vector{BigInt}"), ([1], "Array{Int64}"), (["x"], "Vector{Date}"), ("x", "Date"),
        ([[1], [2, 3]], "Matrix{Int64}"),
    ],
)  # fmt: skip
def test_what_is_no_array_or_does_not_fit_its_type_comes_as_it_is(data: Any, julia_type: str) -> None:
    assert decode("JSON", data, julia_type) == data


def test_missing_is_na_and_dates_are_dates() -> None:
    whole = decode("JSON", [2**62 + 1, None], "Vector{Union{Missing, Int64}}")
    assert (str(whole.dtype), whole[0], whole[1] is pd.NA) == ("Int64", 2**62 + 1, True)
    assert str(decode("JSON", [0.5, None], "Array{Union{Missing, Float64},1}").dtype) == "Float64"
    assert decode("JSON", "2026-01-02", "Date") == date(2026, 1, 2)
    assert decode("JSON", "2026-01-02T03:04:05", "DateTime") == datetime.fromisoformat("2026-01-02T03:04:05")
    assert decode("JSON", "01:02:03.004", "Time") == time(1, 2, 3, 4000)
    assert decode("JSON", "a text", "String") == "a text"


def test_the_columns_of_a_table_have_the_types_that_julia_names() -> None:
    columns = {
        "i": [1, None], "small": [1, 2], "x": [0.5, None], "when": ["2026-01-02T03:04:05", None],
        "day": ["2026-01-02", "2026-01-03"], "name": ["a", None], "none": [], "plain": [1, 2], "odd": ["?", "!"],
    }  # fmt: skip
    columns["none"] = [None, None]
    types = {
        "i": "Union{Missing, Int64}", "small": "UInt8", "x": "Union{Missing, Float64}", "day": "Date",
        "when": "Union{Missing, DateTime}", "name": "Union{Missing, String}", "none": "Union{Missing, Bool}",
        "odd": "Date",
    }  # fmt: skip
    frame = decode("TABLE", {"columns": columns, "types": types})
    assert list(frame.pop("odd")) == ["?", "!"]
    assert frame.dtypes.astype(str).to_dict() == {
        "i": "Int64", "small": "uint8", "x": "Float64", "when": "datetime64[ms]", "day": "datetime64[s]",
        "name": "string", "none": "boolean", "plain": "int64",
    }  # fmt: skip
    assert frame["i"][1] is pd.NA
    assert frame["day"].dt.day.tolist() == [2, 3]
