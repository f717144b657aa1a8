"""A task's value as the browser shows it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from taskq_widgets.panels.highlight import pieces
from taskq_widgets.panels.results import MOST_ROWS, present, trace_sections


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (55, "55"), (0.5, "0.5"), (True, "true"), ("word", "word"), (None, "nothing"),
        ({"$float": "Infinity"}, "Inf"), ({"$complex": [1.0, -2.0]}, "1 - 2im"), ({"$rational": [1, 3]}, "1//3"),
        (10**30, str(10**30)), (Decimal("3.14159265358979323846"), "3.14159265358979323846"),
    ],
)  # fmt: skip
def test_one_value_is_shown_large(data: Any, text: str) -> None:
    assert present("JSON", data) == {"form": "value", "text": text}


def test_numbers_in_a_row_are_a_line_and_a_text() -> None:
    shown = present("JSON", [1, 2, 3, 2, 1])
    assert shown["form"] == "plot"
    assert shown["values"] == [1, 2, 3, 2, 1]
    assert shown["text"] == "[1, 2, 3, 2, 1]"


def test_many_numbers_are_thinned_out() -> None:
    assert len(present("JSON", list(range(100_000)))["values"]) <= 800


def test_a_matrix_and_a_dictionary_are_grids() -> None:
    assert present("JSON", [[1, 2], [3, 4]])["rows"] == [["1", "2"], ["3", "4"]]
    assert present("JSON", {"a": 1, "b": None})["rows"] == [["a", "1"], ["b", "missing"]]


def test_a_table_is_cut_and_says_so() -> None:
    shown = present("TABLE", {"columns": {"n": list(range(1000)), "x": [0.5] * 1000}})
    assert shown["head"] == ["n", "x"]
    assert len(shown["rows"]) == MOST_ROWS
    assert "of 1,000 rows" in shown["note"]


def test_an_empty_table_and_an_empty_list_can_be_shown() -> None:
    assert present("TABLE", {"columns": {"n": []}})["rows"] == []
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


@pytest.mark.parametrize("code", ["", "x = 1", "# α\nf(x) = \"$(x)\" * 'c'\n\n", "\tno newline", "<img onerror=x>"])
def test_highlighted_pieces_together_are_the_code(code: str) -> None:
    assert "".join(text for _kind, text in pieces(code)) == code


def test_keywords_are_told_from_text() -> None:
    assert ["keyword", "function"] in pieces("function f() end")
