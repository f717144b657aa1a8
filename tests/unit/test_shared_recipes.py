"""The picture of a recipe's result on a shared page: what the recipe says, and none where the result has it not."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from taskq_kernel.recipes import shipped
from taskq_kernel.service.shared.batch_plot import batch_picture
from taskq_kernel.service.shared.picture import TOP, Picture
from taskq_kernel.service.shared.recipe_picture import picture_of_recipe
from taskq_kernel.service.shared.recipe_words import words_of
from taskq_kernel.service.shared.value_blocks import StoredValue

CODE = {file.stem: file.read_text(encoding="utf-8") for file in shipped()}
EPIDEMIC = {
    "day": [0, 1, 2], "susceptible": [0.9, 0.8, 0.7], "infected": [0.1, {"$float": "NaN"}, 0.1],
    "recovered": [0, 0.1, 0.2], "final_size": 0.3,
}  # fmt: skip


def stored(data: Any, kind: str = "JSON") -> StoredValue:
    return StoredValue(kind, json=json.dumps(data))


def test_a_result_that_is_shown_as_curves_has_them_with_their_labels_and_says_what_is_left_out() -> None:
    picture = picture_of_recipe(CODE["sir"], stored(EPIDEMIC))
    assert picture is not None
    assert [(line.label, len(line.points)) for line in picture.lines] == [
        ("susceptible", 3), ("infected", 2), ("recovered", 3)
    ]  # fmt: skip
    assert (picture.x_label, picture.y_label) == ("Day", "Share of all people")
    assert picture.note == "1 that are no numbers are left out."
    columns = {"columns": {name: EPIDEMIC[name] for name in ("day", "susceptible", "infected", "recovered")}}
    table = picture_of_recipe(CODE["sir"], stored(columns, "TABLE"))
    assert table is not None
    assert [line.points for line in table.lines] == [line.points for line in picture.lines]


def test_a_result_that_is_shown_as_a_heat_map_has_it_with_its_first_row_at_the_top_and_thinned() -> None:
    rows, columns = 101, 201
    data = {
        "position": [0.5 * at / (columns - 1) for at in range(columns)], "time": [2.0 * at for at in range(rows)],
        "temperature": [[float(row)] * columns for row in range(rows)],
    }  # fmt: skip
    picture = picture_of_recipe(CODE["heat_equation"], stored(data))
    assert picture is not None
    assert (picture.x_label, picture.y_label, picture.key) == ("Position (m)", "Time (s)", "Temperature")
    assert picture.note == "Of 2 × 3 entries one is drawn, of 101 × 201."
    assert len(picture.cells) == 51 * 67
    assert {cell.y for cell in picture.cells if cell.shade == 0} >= {TOP}
    assert picture.y_ticks[0].text == "0"
    assert picture.y_ticks[0].at < picture.y_ticks[-1].at


def swept(name: str, arguments: list[dict[str, Any]], values: list[Any]) -> Picture:
    """The picture of a sweep of a shipped recipe."""
    rows: Any = [
        SimpleNamespace(arguments=json.dumps(given), value_json=json.dumps(value), status="FINISHED")
        for given, value in zip(arguments, values, strict=True)
    ]
    picture = batch_picture(rows, len(rows), list(arguments[0]), words_of(name, CODE[name]))
    assert picture is not None
    return picture


def test_a_sweep_is_drawn_as_its_recipe_says_with_the_labels_and_units_of_its_parameters() -> None:
    days = [{"infections": 0.5, "recoveries": each, "days": 150} for each in (0.1, 0.2, 0.4)]
    picture = swept("sir", days, [{"peak": 0.1} | EPIDEMIC | {"final_size": each} for each in (0.9, 0.8, 0.2)])
    assert (picture.x_label, picture.y_label, picture.key) == ("Recoveries in a day", "final size", "")
    heights = [place for _, place in picture.lines[0].points]
    assert heights == sorted(heights)
    assert heights[1] - heights[0] < heights[2] - heights[1]
    magnets = [{"side": 8, "temperature": each} for each in (1.5, 2.5)]
    picture = swept("ising", magnets, [{"magnetization": 0.9, "standard_error": 0.1, "theory": 0.5}] * 2)
    assert (picture.x_label, picture.y_label) == ("Temperature in J/k", "Magnetization per spin")


def test_arguments_are_told_in_the_words_units_and_order_of_their_recipe() -> None:
    words = words_of("sir", CODE["sir"])
    assert words.title == "SIR epidemic"
    given = {"days": 150, "first_infected": 1e-4, "infections": 0.5, "more": 1}
    assert words.given(given) == [
        ("Infections", "0.5 a day"), ("Infected at first", "0.0001"), ("Time", "150 days"), ("more", "1")
    ]  # fmt: skip
    assert words.ordered(["days", "more", "infections"]) == ["infections", "days", "more"]
    assert words_of(None, CODE["sir"]).given({"n": 1, "1": 2}) == [("n", "1"), ("argument 1", "2")]
    assert words_of("sir", "f() = 1").title == ""


@pytest.mark.parametrize(
    ("code", "data"),
    [
        (CODE["option_price"], {"value": 1.0}), (CODE["sir"], {"day": [1]}), (CODE["sir"], 5), (CODE["sir"], None),
        (CODE["sir"], EPIDEMIC | {"infected": "none"}), (CODE["heat_equation"], {"temperature": [[1, 2], [3]]}),
        (CODE["heat_equation"], {"temperature": [1, 2]}), ("f() = 1", EPIDEMIC), ("", EPIDEMIC),
    ],
)  # fmt: skip
def test_where_the_recipe_says_another_form_or_the_result_has_it_not_there_is_none(code: str, data: Any) -> None:
    assert picture_of_recipe(code, stored(data)) is None
