"""What a table's row says of a task."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from taskq_widgets.table.cells import cells_of, code_preview, cut, number_of, short_number, shown_value
from taskq_widgets.table.columns import CELLS
from test_table_screen import made


def test_a_row_has_a_cell_for_each_name() -> None:
    cells = dict(zip(CELLS, cells_of(made(7, arguments={"n": 200, "β": [1.0, 2.0], "s": "x"}, batch="b")), strict=True))
    assert cells["number"] == 7
    assert cells["arguments"] == [["n", "200"], ["β", "[1.0, 2.0]"], ["s", "x"]]
    assert (cells["owner"], cells["queue"], cells["batch"]) == ("ann", "default", "b")


def test_an_argument_has_all_its_digits_though_no_float_has_them() -> None:
    precise = Decimal("1.00000000000000000000001")
    cells = dict(zip(CELLS, cells_of(made(7, arguments={"x": precise, "xs": [precise]})), strict=True))
    assert cells["arguments"] == [["x", str(precise)], ["xs", f"[{precise}]"]]


@pytest.mark.parametrize(
    ("text", "julia_type", "number"),
    [("1.5f-7", "Float32", 1.5e-7), ("42", "String", None), ("42", "Int64", 42.0), ("-Inf", "Float64", -math.inf),
     ("[1, 2]", "Vector{Int64}", None), ("", "", None)],
)  # fmt: skip
def test_a_text_is_a_number_where_julia_says_so(text: str, julia_type: str, number: float | None) -> None:
    found = number_of(text, julia_type)
    assert math.isnan(found) if number is None else found == number


@pytest.mark.parametrize(
    ("number", "short"),
    [
        (0.49983124, "0.4998"), (1.2e-7, "1.2e-7"), (0.0, "0.0"), (-0.05, "-0.05"), (3.0, "3.0"), (42, "42"),
        (1234.5678, "1234.6"), (99999.9, "99999.9"), (123456.0, "1.235e5"), (6.02214076e23, "6.022e23"),
        (1e-300, "1e-300"), (float("nan"), "NaN"), (float("-inf"), "-Inf"), (10**12, "1e12"), (0.00123456, "0.001235"),
        (12345678901, "1.235e10"), (-(10**400), "-1e400"),
    ],
)  # fmt: skip
def test_numbers_are_short_and_scientific_where_that_reads_better(number: float, short: str) -> None:
    assert short_number(number) == short


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0.49983124", ("0.4998", "0.49983124", "number")),
        ("1.0", ("1.0", "", "number")),
        ("9007199254740993", ("9.007e15", "9007199254740993", "number")),
        ("4711", ("4711", "", "number")),
        ("[1, 2]", ("[1, 2]", "", "text")),
        ("", ("", "", "")),
    ],
)
def test_a_value_is_short_and_the_whole_is_at_hand(text: str, shown: tuple[str, str, str]) -> None:
    assert shown_value(text, number_of(text, ""), "") == shown


def test_a_wide_value_is_cut_and_the_whole_kept_up_to_a_limit() -> None:
    short, whole, _ = shown_value("x" * 10_000, float("nan"), "")
    assert len(short) == 60
    assert short.endswith("…")
    assert len(whole) == 500


def test_a_failed_task_shows_its_error_in_the_place_of_a_value() -> None:
    assert shown_value("", float("nan"), "DomainError: x < 0")[::2] == ("DomainError: x < 0", "error")


def test_code_is_previewed_without_comments_on_one_line() -> None:
    assert code_preview("# mean\n\nx = 1\n  y = 2  \n") == "x = 1; y = 2"
    assert code_preview("# only this") == "# only this"


def test_a_cut_text_stays_on_one_line() -> None:
    assert cut("a\n\tb", 10) == "a b"
    assert cut("abcdef", 4) == "abc…"
