"""The picture of a recipe's result on a shared page: what the recipe says, and none where the result has it not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from taskq_kernel.recipes import shipped
from taskq_kernel.service.shared.picture import TOP
from taskq_kernel.service.shared.recipe_picture import picture_of_recipe
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
