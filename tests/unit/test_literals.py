"""What is typed as an argument: JSON, Julia's literals, and all else as text."""

from __future__ import annotations

import math
from typing import Any

import pytest
from effort import scaled
from hypothesis import given, settings
from hypothesis import strategies as st

from taskq_kernel.arguments import encode_arguments
from taskq_kernel.client.options import parse_arguments
from taskq_kernel.errors import InvalidTask
from taskq_kernel.literals import kind_of, read_value

#: What is typed, its JSON, and what it is called.
LITERALS: list[tuple[str, Any, str]] = [
    ("10:30", {"$range": [10, 30]}, "range"),
    ("0:0.1:1", {"$range": [0, 0.1, 1]}, "range"),
    ("10:-2:0", {"$range": [10, -2, 0]}, "range"),
    ("1//3:2", {"$range": [{"$rational": [1, 3]}, 2]}, "range"),
    (".5", 0.5, "number"),
    ("-.5", -0.5, "number"),
    ("5.", 5.0, "number"),
    ("+5", 5, "number"),
    ("1//3", {"$rational": [1, 3]}, "fraction"),
    ("-2//6", {"$rational": [-1, 3]}, "fraction"),
    ("4//2", {"$rational": [2, 1]}, "fraction"),
    ("π", math.pi, "number"),
    ("2pi", 2 * math.pi, "number"),
    ("-ℯ", -math.e, "number"),
    ("NaN", {"$float": "NaN"}, "number"),
    ("-Inf", {"$float": "-Infinity"}, "number"),
    ("1_000_000", 1_000_000, "number"),
    ("1_000.5", 1000.5, "number"),
    ("1e3", 1000.0, "number"),
    ("10^6", 1_000_000, "number"),
    ("0xff", 255, "number"),
    ("2im", {"$complex": [0, 2]}, "complex"),
    ("1 + 2im", {"$complex": [1, 2]}, "complex"),
    ("1.5-im", {"$complex": [1.5, -1]}, "complex"),
    ("true", True, "true/false"),
    ("nothing", None, "nothing"),
    ("[1, 2]", [1, 2], "list"),
    ('[.5, 1//3, "a", :b, [nothing]]', [0.5, {"$rational": [1, 3]}, "a", {"$symbol": "b"}, [None]], "list"),
    ('"text"', "text", "text"),
    (r'"\$5 \\\$"', "$5 \\$", "text"),
    (":sym", {"$symbol": "sym"}, "symbol"),
    ('{"a": 1}', {"a": 1}, "object"),
    ('{"$float": "0.1"}', {"$float": "0.1"}, "number"),
]

#: What looks like a literal and is none, or none of which the meaning is sure.
TEXTS = [
    "twelve", "", " ", "1,5", "1,000", "1,000,000", "2026-11-25", "007", "10:30:00", "1f0", "1.2.3", "1 + 2", "3-4",
    "1__0", "1_", "1//0", "1:0:3", "1:2im", "1:2:3:4", "1e", "2^63", "2^-1", "'a'", "-", "- 5", "2pix", "π/2",
    "[1 2; 3 4]", "(1, 2)", "[1,,2]", '"$x" * "a"', "Infinity", "0x", "--1", "1 im", "1:n", "½", "१२", ":1",
]  # fmt: skip


@pytest.mark.parametrize(("text", "data", "kind"), LITERALS)
def test_a_literal_of_julia_means_what_it_says(text: str, data: Any, kind: str) -> None:
    value = read_value(f" {text} " if kind != "text" else text)
    assert encode_arguments({"x": value})["x"] == data
    assert type(encode_arguments({"x": value})["x"]) is type(data)
    assert kind_of(value) == kind


@pytest.mark.parametrize("text", TEXTS)
def test_all_else_is_the_text_as_it_was_typed(text: str) -> None:
    assert read_value(text) == text
    assert kind_of(read_value(text)) == "text"


def test_the_command_line_reads_the_same_literals() -> None:
    given = parse_arguments(["rows=10:30", "p=1//3", "n=1_000", "city=Bonn"])
    assert encode_arguments(given) == {
        "rows": {"$range": [10, 30]}, "p": {"$rational": [1, 3]}, "n": 1000, "city": "Bonn",
    }  # fmt: skip


def test_a_number_beyond_all_bounds_is_refused_and_no_text() -> None:
    with pytest.raises(InvalidTask, match="argument 'n'.*power of ten"):
        parse_arguments(["n=.5e9999999"])


def test_an_integer_may_have_more_digits_than_a_float_holds() -> None:
    digits = "9" * 400
    assert encode_arguments({"x": read_value(f"1:{digits}")})["x"] == {"$range": [1, int(digits)]}
    assert read_value(f"{digits}pi") == f"{digits}pi"


def test_deep_brackets_are_a_text() -> None:
    text = "[" * 100_000 + ":a"
    assert read_value(text) == text


@settings(max_examples=scaled(300), deadline=None)
@given(st.text("0123456789_.:/+-^eEimxπ[], \"'$a", max_size=14) | st.text(max_size=20))
def test_whatever_is_typed_has_one_meaning_that_can_be_sent(text: str) -> None:
    try:
        encode_arguments({"x": read_value(text)})
    except InvalidTask as error:
        assert "surrogate" in str(error)  # noqa: PT017  (it may also be taken)
