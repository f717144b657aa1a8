"""A task's value as the browser shows it."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from taskq_widgets.panels import pictures
from taskq_widgets.panels.highlight import pieces
from taskq_widgets.panels.results import BRIEF, present, trace_sections


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (55, "55"), (0.5, "0.5"), (0.1 + 0.2, "0.30000000000000004"), (2.0, "2.0"), (True, "true"), ("word", "word"),
        ("", '""'), (None, "nothing"), ({"$float": "Infinity"}, "Inf"), ({"$complex": [1.0, -2.0]}, "1.0 - 2.0im"),
        ({"$rational": [1, 3]}, "1//3"), (10**30, str(10**30)), ([], "[]"), ({}, "{}"),
        (Decimal("3.14159265358979323846"), "3.14159265358979323846"),
    ],
)  # fmt: skip
def test_one_value_is_shown_large(data: Any, text: str) -> None:
    assert present("JSON", data) == {"form": "value", "text": text}


def test_numbers_in_a_row_are_a_line_and_a_text() -> None:
    shown = present("JSON", [1, 2, 3, 2, 1])
    assert shown["picture"]["points"] == [[1, 1.0], [2, 2.0], [3, 3.0], [4, 2.0], [5, 1.0]]
    assert shown["text"] == "[1, 2, 3, 2, 1]"


def test_a_single_peak_among_many_numbers_is_drawn() -> None:
    picture = present("JSON", [0.0] * 12_344 + [1.0] + [0.0] * 87_655)["picture"]
    assert [12_345, 1.0] in picture["points"]
    assert (picture["low"], picture["high"], picture["count"]) == (0.0, 1.0, 100_000)
    assert len(picture["points"]) <= 900
    assert "of every 334 the smallest and the largest are drawn" in picture["text"]


@given(st.integers(901, 5000), st.sampled_from([0.0, 0.001, 0.5]), st.integers(0, 1 << 32))
def test_a_thinned_line_keeps_its_extremes_its_gaps_and_its_order(count: int, gaps: float, seed: int) -> None:
    random = Random(seed)
    values = [math.nan if random.random() < gaps else random.gauss(0, 1) for _ in range(count)]
    finite = [value for value in values if math.isfinite(value)]
    picture = pictures.line(values)
    assert picture is not None
    drawn = [value for _index, value in picture["points"] if value is not None]
    assert (min(drawn), max(drawn)) == (min(finite), max(finite)) == (picture["low"], picture["high"])
    assert (None in [value for _index, value in picture["points"]]) == (len(finite) < len(values))
    indices = [index for index, _value in picture["points"]]
    assert indices == sorted(indices)
    assert all(value is None or values[index - 1] == value for index, value in picture["points"])


def test_what_is_no_number_is_a_gap_in_the_line_and_is_counted() -> None:
    shown = present("JSON", [1.0, {"$float": "NaN"}, None, 2.0, {"$float": "-Infinity"}, {"$rational": [1, 2]}])
    assert [value for _index, value in shown["picture"]["points"]] == [1.0, None, None, 2.0, None, 0.5]
    assert "2 are NaN or missing, and not drawn; 1 is infinite, and not drawn" in shown["picture"]["text"]
    assert shown["text"] == "[1.0, NaN, nothing, 2.0, -Inf, 1//2]"


@pytest.mark.parametrize("data", [[10**400, 1, 2, 3, 4], [Decimal("1e400"), 1, 2, 3, 4], [1e308, -1e308, 0, 0, 0]])
def test_numbers_that_no_float_holds_are_no_error(data: list[Any]) -> None:
    json.dumps(present("JSON", data), allow_nan=False)


def test_a_list_of_anything_else_has_its_indices() -> None:
    assert present("JSON", ["a", "1", True, {"$float": "NaN"}])["rows"] == [
        ["1", "a"], ["2", '"1"'], ["3", "true"], ["4", "NaN"],
    ]  # fmt: skip


def test_a_matrix_is_a_grid_with_its_indices() -> None:
    shown = present("JSON", [[1, 2.5], [3, None]])
    assert shown["head"] == ["", "1", "2"]
    assert shown["rows"] == [["1", "1", "2.5"], ["2", "3", "nothing"]]
    assert "picture" not in shown  # four numbers are read faster than they are looked at


def test_a_matrix_of_numbers_is_a_heat_map_with_gaps() -> None:
    rows: list[list[Any]] = [[float(i * j) for j in range(5)] for i in range(4)]
    rows[1][2] = {"$float": "NaN"}
    picture = present("JSON", rows)["picture"]
    assert (picture["kind"], picture["rows"], picture["columns"]) == ("heat", 4, 5)
    assert picture["cells"][1] == [0.0, 1.0, None, 3.0, 4.0]
    assert (picture["low"], picture["high"]) == (0.0, 12.0)


def test_a_single_entry_of_a_large_matrix_is_drawn() -> None:
    rows = [[0.0] * 900 for _ in range(500)]
    rows[333][777] = -5.0
    picture = present("JSON", rows)["picture"]
    assert [cell for row in picture["cells"] for cell in row if cell] == [-5.0]
    assert picture["cells"][333 // 4][777 // 8] == -5.0
    assert max(len(picture["cells"]), len(picture["cells"][0])) <= 128


@pytest.mark.parametrize("rows", [[[1.0]] * 9, [[float(i) for i in range(9)]]])
def test_a_matrix_of_one_row_or_column_is_a_line(rows: list[list[float]]) -> None:
    assert present("JSON", rows)["picture"]["kind"] == "line"


@pytest.mark.parametrize("rows", [[[1, 2, 3, 4, 5], [1]], [["a"] * 9] * 9, [[]], [[], []], [[[]]]])
def test_what_is_no_matrix_of_numbers_is_a_grid_without_a_picture(rows: list[Any]) -> None:
    shown = present("JSON", rows)
    assert shown["form"] == "grid"
    assert "picture" not in shown


def test_an_array_of_more_dimensions_is_shown_by_slice_as_julia_counts_them() -> None:
    along, across, up = range(4), range(5), range(2)
    data = [[[[1000 * i + 100 * j + 10 * k + m for m in range(3)] for k in up] for j in across] for i in along]
    shown = present("JSON", data, at=3)  # [:, :, 2, 2]: the third index runs fastest
    assert shown["slices"] == {"count": 6, "at": 3, "name": "[:, :, 2, 2]"}
    assert shown["picture"]["cells"] == [[1000 * i + 100 * j + 11.0 for j in across] for i in along]
    assert shown["rows"][1][:3] == ["2", "1011", "1111"]
    assert present("JSON", data, at=99)["slices"]["at"] == 5


@pytest.mark.parametrize(
    ("kind", "data", "text", "julia_type", "shown"),
    [
        ("JSON", {"e": None}, 'Dict("e" => nothing)', "Dict{String,Nothing}", "nothing"),
        ("JSON", {"e": None}, 'Dict("e" => missing)', "Dict{String,Missing}", "missing"),
        ("JSON", {"e": None}, 'Dict("e" => missing)', "Dict{String,Any}", "missing"),
        ("JSON", {"e": None}, "", "", "nothing"),
        ("JSON", {"e": None}, "", "Dict{String,Union{Missing,Nothing}}", "null"),
        ("TABLE", {"columns": {"e": [None]}}, "", "DataFrame", "missing"),
        ("TABLE", {"columns": {"e": [None]}}, "", "NamedTuple{(:e,),Tuple{Array{Nothing,1}}}", "nothing"),
    ],
)
def test_nothing_is_not_shown_as_missing(kind: str, data: Any, text: str, julia_type: str, shown: str) -> None:
    assert present(kind, data, text, julia_type)["rows"][0][-1] == shown


def test_a_dictionary_is_a_grid_whose_values_read_as_they_are() -> None:
    shown = present("JSON", {"b": [{"$float": "Infinity"}, {"$float": "NaN"}], "x": 0.1 + 0.2, "s": "12", "t": "text"})
    assert shown["rows"] == [["b", "[Inf, NaN]"], ["x", "0.30000000000000004"], ["s", '"12"'], ["t", "text"]]
    assert present("JSON", {"$dict": [[1, "a"], [[2], 0.5]]})["rows"] == [["1", "a"], ["[2]", "0.5"]]


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("JSON", {"s": "a" * 5000}),
        ("JSON", ["a" * 5000, "b"]), ("JSON", "a" * 60_000), ("JSON", {"l": [1] * 1000}),
        ("TABLE", {"columns": {"s": ["a" * 5000], "n": [1]}}), ("JSON", list(range(100_000))),
        ("REPR", {"repr": "a" * 60_000}), ("JSON", [[1] * 100] * 5), ("JSON", [[1] * 5] * 1000),
        ("JSON", {str(i): i for i in range(1000)}),
    ],
)  # fmt: skip
def test_what_is_cut_says_so_and_can_be_had_whole(kind: str, data: Any) -> None:
    brief = present(kind, data)
    assert brief["note"]
    assert brief["more"] is True
    whole = present(kind, data, whole=True)
    assert "note" not in whole
    assert "…" not in json.dumps(whole, ensure_ascii=False)
    assert len(json.dumps(whole)) > len(json.dumps(brief))


def test_even_the_whole_is_no_more_than_a_browser_can_bear() -> None:
    shown = present("JSON", [[1] * 1000] * 1000, whole=True)
    assert len(shown["rows"]) * len(shown["rows"][0]) <= 210_000
    assert "of 1,000 rows" in shown["note"]
    assert shown["more"] is False


def test_a_table_is_cut_and_says_so() -> None:
    shown = present("TABLE", {"columns": {"n": list(range(1000)), "x": [0.5] * 1000}})
    assert shown["head"] == ["n", "x"]
    assert len(shown["rows"]) == BRIEF.rows
    assert "of 1,000 rows" in shown["note"]


def test_an_empty_table_and_an_empty_list_can_be_shown() -> None:
    empty = present("TABLE", {"columns": {"n": [], "x": []}})
    assert (empty["head"], empty["rows"], empty["empty"]) == (["n", "x"], [], "No rows.")
    assert present("TABLE", {"columns": {}})["text"] == "A table without columns."
    assert present("JSON", [])["form"] == "value"


def test_svg_goes_into_an_image_where_it_runs_nothing() -> None:
    shown = present("MIME", {"image/svg+xml": "<svg><script>alert(1)</script></svg>", "text/html": "<b>x</b>"})
    assert shown["form"] == "image"
    assert shown["source"].startswith("data:image/svg+xml;base64,")


def test_html_is_kept_apart_for_its_frame() -> None:
    assert present("MIME", {"text/html": "<b>x</b>"}) == {"form": "html", "html": "<b>x</b>"}


def test_a_trace_is_cut_into_its_sections() -> None:
    mine, inside = "In the task's code, innermost first", "Inside Julia and its packages, innermost first"
    sections = trace_sections(f"{mine}:\n  task:1  f\n      f(x)\n{inside}:\n  math.jl:2  sqrt")
    assert [section["heading"] for section in sections] == [mine, inside]
    assert sections[0]["lines"] == ["  task:1  f", "      f(x)"]


CRASH = """\
signal (11): Segmentation fault
in expression starting at task:3
unsafe_load at ./pointer.jl:105 [inlined]
f at ./task:2
    with a line that is indented
Allocations: 12 (Pool: 10; Big: 2); GC: 13"""


def test_the_trace_of_a_crash_is_one_block() -> None:
    assert trace_sections(CRASH) == [{"heading": "", "lines": CRASH.split("\n")}]
    assert trace_sections("") == []
    assert trace_sections("one:\ntwo:") == [{"heading": "", "lines": ["one:", "two:"]}]


def test_a_trace_is_shown_as_a_terminal_would() -> None:
    assert trace_sections("at \x1b[1mf\x1b[0m\rAT")[0]["lines"] == ["AT f"]
    assert present("REPR", {"repr": "\x1b[31mred\x1b[0m"}) == {"form": "value", "text": "red"} | {"form": "text"}


@pytest.mark.parametrize("code", ["", "x = 1", "# α\nf(x) = \"$(x)\" * 'c'\n\n", "\tno newline", "<img onerror=x>"])
def test_highlighted_pieces_together_are_the_code(code: str) -> None:
    assert "".join(text for _kind, text in pieces(code)) == code


def test_keywords_are_told_from_text() -> None:
    assert ["keyword", "function"] in pieces("function f() end")
