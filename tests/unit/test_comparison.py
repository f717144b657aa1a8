"""Two values compared: the same bits, equal within rounding, or different, and where."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

from taskq_kernel.comparison import Likeness, compare
from taskq_kernel.domain import ValueKind
from taskq_kernel.values import RichValue, decode

TABLE = {"columns": {"x": [1.5, None, {"$float": "NaN"}], "name": ["a", "b", None], "n": [1, 2, 3]}}

#: Values of every kind, made twice.
VALUES: list[Any] = [
    (ValueKind.JSON, 1, "Int64"),
    (ValueKind.JSON, {"$float": "NaN"}, "Float64"),
    (ValueKind.JSON, {"$complex": [1.5, {"$float": "NaN"}]}, "ComplexF64"),
    (ValueKind.JSON, {"a": [1.5, {"$float": "Infinity"}], "b": {"c": [None, True, "text"]}}, "NamedTuple"),
    (ValueKind.JSON, [[1.0, 2.0], [3.0, {"$float": "NaN"}]], "Matrix{Float64}"),
    (ValueKind.JSON, ["2026-01-02", "2026-01-03"], "Vector{Date}"),
    (ValueKind.TABLE, TABLE, "DataFrame"),
    (ValueKind.MIME, {"image/svg+xml": "<svg/>", "text/plain": "a plot"}, "Plot"),
    (ValueKind.REPR, {"repr": "Foo(1)"}, "Foo"),
]


@pytest.mark.parametrize(("kind", "data", "julia_type"), VALUES)
def test_a_value_of_any_kind_has_the_same_bits_as_itself_computed_again(kind: Any, data: Any, julia_type: str) -> None:
    verdict = compare(decode(kind, data, julia_type), decode(kind, data, julia_type))
    assert (verdict.kind, str(verdict), bool(verdict)) == (Likeness.SAME_BITS, "same bits", True)


@pytest.mark.parametrize(
    ("first", "second", "path"),
    [
        (1, 2, ""), (1, 1.0, ""), (True, False, ""), ("a", "b", ""), (None, 0, ""),
        (Fraction(1, 3), Fraction(1, 2), ""),
        (math.nan, 0.0, ""), (date(2026, 1, 2), date(2026, 1, 3), ""), (math.nan, 1.0, ""), (math.inf, -math.inf, ""),
        ({"a": 1, "curve": [1, 2, 3, 4]}, {"a": 1, "curve": [1, 2, 3, 5]}, "['curve'][3]"),
        ({"a": 1}, {"a": 1, "b": 2}, "['b']"), ([1.0, 2.0], [1.0, 2.0, 3.0], "len(value)"),
        ({"x": [[1.0], [2.0, 3.0]]}, {"x": [[1.0], [2.0, 4.0]]}, "['x'][1][1]"),
        (np.zeros((2, 3)), np.pad([[1.0]], ((1, 0), (2, 0))), "[1, 2]"),
        (np.zeros(3), np.zeros(4), ""), (np.zeros(3), np.zeros(3, "int64"), ""),
        (np.array([1.0, math.nan]), np.array([1.0, 2.0]), "[1]"),
        (pd.DataFrame({"x": [1, 2]}), pd.DataFrame({"x": [1, 3]}), "['x'][1]"),
        (pd.DataFrame({"x": ["a", None]}), pd.DataFrame({"x": ["a", "b"]}), "['x'][1]"),
        (pd.DataFrame({"x": [1]}), pd.DataFrame({"y": [1]}), ".columns"),
        (RichValue({"text/plain": "a"}), RichValue({"text/plain": "b"}), "['text/plain']"),
        ("same" * 50 + "x", "same" * 50 + "y", "[200:]"),
    ],
)  # fmt: skip
def test_what_differs_is_named_by_its_path_with_both_values(first: Any, second: Any, path: str) -> None:
    verdict = compare(first, second)
    assert (verdict.kind, verdict.path, bool(verdict)) == (Likeness.DIFFERENT, path, False)
    assert verdict.first != verdict.second
    assert str(verdict) == f"different: first {f'at {path}' if path else 'in the value itself'}: " \
        f"{verdict.first}, then {verdict.second}"


def test_rounding_is_told_by_its_size_and_larger_than_the_tolerance_it_is_a_difference() -> None:
    close = compare({"x": [1.0, 2.0]}, {"x": [1.0, 2.0 * (1 + 2**-40)]})
    assert (close.kind, close.path, close.within == pytest.approx(2**-40)) == (Likeness.EQUAL_WITHIN, "['x'][1]", True)
    assert str(close) == "equal within 9.1e-13"
    assert not compare(1.0, 1.0 + 1e-6)
    assert compare(1.0, 1.0 + 1e-6, rtol=1e-5)
    # A tenth of a percent too much further on does not make the first, which is close, the one that is named.
    assert compare(np.array([1.0, 5.0, 9.0]), np.array([1.0 + 2**-50, 5.0, 9.1])).path == "[2]"
    assert compare(Decimal("1.1"), Decimal("1.1000000000000001")).kind is Likeness.EQUAL_WITHIN


def test_an_element_that_should_be_zero_counts_by_the_size_of_its_array() -> None:
    assert compare(np.array([1.0, 1e-17]), np.array([1.0, 3e-17])).kind is Likeness.EQUAL_WITHIN
    assert not compare(1e-17, 3e-17)


def test_minus_zero_is_not_the_same_bits_and_equal() -> None:
    assert (compare(0.0, -0.0).kind, compare(0.0, -0.0).within) == (Likeness.EQUAL_WITHIN, 0.0)
    assert compare(np.array([0.0, 1.0]), np.array([-0.0, 1.0])).kind is Likeness.EQUAL_WITHIN
