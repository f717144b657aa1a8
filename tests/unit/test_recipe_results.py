"""A recipe's result as the recipe says that it is shown, and the values of a sweep."""

from __future__ import annotations

import math
from typing import Any

import pytest
from taskq_widgets.recipes.ranges import is_swept, usual_range, values_of
from taskq_widgets.recipes.results import chart, number_of, numbers_in, shown_as, thinned, uncertain

from taskq_kernel.errors import InvalidParameter
from taskq_kernel.parameters import Parameter
from taskq_kernel.recipe_file import Show


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.911342, 0.00417, "0.9113 ± 0.0042"), (12.5, None, "12.5"), (12.5, 0.0, "12.5"), (12.5, math.nan, "12.5"),
        (1234567.8, 1234.0, "1\u202f234\u202f600 ± 1\u202f200"), (3.0, 0.0996, "3.00 ± 0.10"),
        (1.5e-9, 2.5e-14, "(1.500000 ± 0.000025) × 10^-9"), (math.inf, 1.0, "inf"), (0.1, 25.0, "0 ± 25"),
    ],
)  # fmt: skip
def test_a_number_has_the_digits_that_its_uncertainty_leaves(value: float, error: float | None, text: str) -> None:
    assert uncertain(value, error) == text


def test_a_number_is_shown_with_its_error_and_unit_and_the_other_numbers_below() -> None:
    show = Show("number", value="price", error="se", label="Price", unit="EUR")
    shown = shown_as(show, "JSON", {"price": 10.45, "se": 0.021, "paths": 1000, "path": [1, 2]})
    assert shown == {
        "form": "number", "text": "10.450 ± 0.021 EUR", "label": "Price", "uncertain": True,
        "rest": [["paths", "1000"]],
    }  # fmt: skip
    assert shown_as(Show("number"), "JSON", 42)["text"] == "42"


def test_curves_have_names_places_and_errors_and_gaps_where_there_is_no_number() -> None:
    data = {"day": [0, 1, 2], "infected": [1, {"$float": "NaN"}, 3], "recovered": [0, 1, 2]}
    drawn = shown_as(Show("line", x="day", y=("infected", "recovered")), "JSON", data)["chart"]
    assert [one["name"] for one in drawn["curves"]] == ["infected", "recovered"]
    assert drawn["curves"][0]["points"] == [[0.0, 1.0, None], [1.0, None, None], [2.0, 3.0, None]]
    assert (drawn["span"], drawn["low"], drawn["high"], drawn["x_label"]) == ([0.0, 2.0], 0.0, 3.0, "day")
    table = {"columns": {"t": [0, 1], "y": [1.0, 2.0], "e": [0.1, 0.2]}}
    drawn = shown_as(Show("line", x="t", y=("y",), error="e", y_label="Y"), "TABLE", table)["chart"]
    assert drawn["curves"][0]["points"] == [[0.0, 1.0, 0.1], [1.0, 2.0, 0.2]]
    assert (drawn["low"], drawn["high"], drawn["y_label"]) == (0.9, 2.2, "Y")


@pytest.mark.parametrize(
    "show",
    [
        Show("line", x="day", y=("share",)), Show("heatmap", value="map"), Show("table", columns=("day", "share")),
        Show("picture", value="drawn"),
    ],
)  # fmt: skip
def test_the_numbers_beside_what_is_drawn_stand_below_it(show: Show) -> None:
    data = {
        "day": [0, 1, 2], "share": [0.1, 0.2, 0.1], "map": [[1, 2, 3, 4]] * 4, "drawn": "<svg/>",
        "final_size": 0.89,
        "method": "euler", "nothing": None, "none": {"$float": "NaN"}, "longer": "x" * 1_000,
    }  # fmt: skip
    shown = shown_as(show, "JSON", data)
    below = dict(shown["rest"])
    assert (below["final size"], below["method"]) == ("0.89", "euler")
    assert (below["nothing"], below["none"]) == ("nothing", "NaN")
    assert "note" not in shown
    assert below["longer"].endswith("x…")
    assert len(below["longer"]) < 300
    assert below.keys() - {"drawn"} == {"final size", "method", "nothing", "none", "longer"}
    assert ("drawn" in below) == (show.value != "drawn")


def test_a_long_curve_is_thinned_and_keeps_its_peak() -> None:
    heights = [1000.0 if at == 777 else math.sin(at) for at in range(50_000)]
    points: list[list[float | None]] = [[float(at), height, None] for at, height in enumerate(heights)]
    kept = thinned(points)
    assert len(kept) <= 900
    assert [777.0, 1000.0, None] in kept
    assert [x for x, _, _ in kept] == sorted(x for x, _, _ in kept if x is not None)


def test_a_long_curve_keeps_its_gaps() -> None:
    points = [[float(at), None if 20_000 <= at < 21_000 else 1.0, None] for at in range(50_000)]
    gaps = [x for x, y, _ in thinned(points) if x is not None and y is None]
    assert gaps
    assert all(20_000 <= x < 21_000 + 50_000 / 300 for x in gaps)


def test_a_heat_map_has_the_places_of_its_sides() -> None:
    data = {"u": [[float(i * j) for j in range(5)] for i in range(4)], "x": [0, 1, 2, 3, 4], "t": [0, 1, 2, 9]}
    shown = shown_as(Show("heatmap", value="u", x="x", y=("t",), label="Heat"), "JSON", data)
    assert (shown["form"], shown["label"], shown["picture"]["xs"], shown["picture"]["ys"]) == (
        "heat", "Heat", [0.0, 4.0], [0.0, 9.0],
    )  # fmt: skip


def test_a_table_has_the_columns_that_the_recipe_names_and_a_picture_is_a_picture() -> None:
    table = {"columns": {"a": [1], "b_c": [2], "d": [3]}}
    assert shown_as(Show("table", columns=("b_c", "a")), "TABLE", table)["head"] == ["b c", "a"]
    assert shown_as(Show("table"), "TABLE", table)["head"] == ["a", "b_c", "d"]
    svg = "<svg xmlns='http://www.w3.org/2000/svg'/>"
    assert shown_as(Show("picture"), "MIME", {"image/svg+xml": svg})["form"] == "image"
    assert shown_as(Show("picture", value="plot"), "JSON", {"plot": svg, "n": 1})["form"] == "image"


@pytest.mark.parametrize(
    ("show", "data"),
    [
        (Show("number", value="x"), {"y": 1}), (Show("number"), [1, 2]), (Show("number"), "text"),
        (Show("line", y=("y",)), {"y": 5}), (Show("line", y=("y",)), {"y": ["a"]}),
        (Show("line", x="x", y=("y",)), {"y": [1]}), (Show("heatmap"), [1, 2, 3]), (Show("heatmap"), None),
        (Show("table", columns=("a",)), {"a": 1}), (Show("picture"), 5),
    ],
)  # fmt: skip
def test_a_result_that_has_not_what_the_recipe_says_is_shown_as_any_other_and_says_so(show: Show, data: Any) -> None:
    shown = shown_as(show, "JSON", data)
    assert shown["form"] in ("grid", "value", "text", "none")
    assert shown["note"].startswith("The recipe shows")


def test_the_numbers_of_a_result_are_found_by_name() -> None:
    data = {"a": 1, "b": "text", "c": [1], "d": {"$float": "NaN"}, "e": None}
    assert numbers_in(data) == ["a", "d"]
    assert [number_of(data, name) for name in "adbz"] == [1.0, None, None, None]
    assert number_of(3, "") == 3.0


def test_a_chart_of_nothing_can_be_drawn() -> None:
    assert chart([], "x", "y") == {
        "curves": [], "x_label": "x", "y_label": "y", "low": 0.0, "high": 1.0, "span": [0.0, 1.0]
    }  # fmt: skip


TEMPERATURE = Parameter("temperature", 2.0, unit="K", minimum=0.5, maximum=5.0)
SIDE = Parameter("side", 10, minimum=4, maximum=12)


def test_a_sweep_has_so_many_values_of_its_range_without_dust() -> None:
    assert values_of(TEMPERATURE, "0.5", "0.8", "4") == [0.5, 0.6, 0.7, 0.8]
    assert values_of(SIDE, "4", "7", "10") == [4, 5, 6, 7]
    assert usual_range(TEMPERATURE) == ("0.5", "5")
    assert usual_range(Parameter("x", 3.0)) == ("0", "6")
    assert usual_range(Parameter("n", 0, minimum=0)) == ("0", "1")


def test_numbers_alone_are_swept() -> None:
    assert all(map(is_swept, (TEMPERATURE, SIDE)))
    assert not any(map(is_swept, (Parameter("m", "a"), Parameter("t", True), Parameter("k", 1, choices=(1, 2)))))


@pytest.mark.parametrize(
    ("low", "high", "count", "name"),
    [
        ("x", "1", "3", "low"), ("0.1", "1", "3", "low"), ("1", "9", "3", "high"), ("2", "1", "3", "high"),
        ("1", "1", "3", "high"), ("1", "2", "1", "count"), ("1", "2", "1000", "count"), ("1", "2", "", "count"),
    ],
)  # fmt: skip
def test_a_range_that_is_none_is_refused_by_the_field_that_is_wrong(low: str, high: str, count: str, name: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        values_of(TEMPERATURE, low, high, count)
    assert refused.value.name == name
