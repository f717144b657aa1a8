"""A value's JSON as a person reads it."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskq_kernel.value_text import float_text, written


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.30000000000000004"), (1 / 3, "0.3333333333333333"), (2.0, "2.0"), (-0.0, "-0.0"),
        (1e-5, "1.0e-5"), (1.5e-7, "1.5e-7"), (0.0001, "0.0001"), (999999.5, "999999.5"), (1e6, "1.0e6"),
        (1234567.0, "1.234567e6"), (1e22, "1.0e22"), (5e-324, "5.0e-324"),
        (1.7976931348623157e308, "1.7976931348623157e308"),
        (-12345678.9, "-1.23456789e7"), (math.nan, "NaN"), (-math.inf, "-Inf"),
    ],
)  # fmt: skip
def test_a_float_has_all_its_digits_as_julia_writes_them(value: float, text: str) -> None:
    assert float_text(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_float_is_that_float(value: float) -> None:
    assert float(float_text(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": [{"$float": "Infinity"}, {"$float": "NaN"}]}, '{"b": [Inf, NaN]}'),
        ([{"$complex": [1.0, -2.0]}, {"$complex": [0.5, {"$float": "-Infinity"}]}], "[1.0 - 2.0im, 0.5 - Infim]"),
        ([{"$rational": [1, 3]}, None, True, "π\n"], '[1//3, nothing, true, "π\\n"]'),
        ({"$dict": [[1, "a"], ["$x", {"$float": "NaN"}]]}, '{1: "a", "$x": NaN}'),
        ({"$float": "NaN", "more": 1}, '{"$float": "NaN", "more": 1}'),
        ({"$unheard": "of"}, "of"),
        (Decimal("3.14159265358979323846"), "3.14159265358979323846"),
        ([], "[]"), ({}, "{}"), (10**30, str(10**30)),
    ],
)  # fmt: skip
def test_nothing_of_the_form_on_the_wire_is_seen(value: Any, text: str) -> None:
    assert written(value) == text


def test_null_reads_as_whoever_knows_says() -> None:
    assert written([1, None], null="missing") == "[1, missing]"


def test_what_is_longer_than_the_limit_ends_with_an_ellipsis() -> None:
    assert written([1] * 1000, limit=10) == "[1, 1, 1, …"
    assert written([1, 1], limit=10) == "[1, 1]"
