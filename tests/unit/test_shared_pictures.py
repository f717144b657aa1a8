"""Pictures that the service draws: whatever numbers there are, each shape has a place in the room for it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from taskq_kernel.service.security.pace import Pace
from taskq_kernel.service.shared import batch_plot
from taskq_kernel.service.shared.batch_plot import batch_picture
from taskq_kernel.service.shared.picture import (
    HEIGHT,
    LEFT,
    POINTS,
    TOP,
    WIDTH,
    Picture,
    Series,
    draw_heat_map,
    draw_lines,
    picture_of_array,
    thinned,
)
from taskq_kernel.service.shared.value_blocks import finite

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
POINTS_OF_A_LINE = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=20)


def point(arguments: dict[str, Any], value: Any) -> Any:
    """A finished point of a batch."""
    return SimpleNamespace(arguments=json.dumps(arguments), value_json=json.dumps(value), status="FINISHED")


def drawn(points: list[Any], order: tuple[str, ...] = ()) -> Picture:
    """The picture of a batch that has one."""
    found = batch_picture(points, len(points), order)
    assert found is not None
    return found


def test_what_is_the_same_for_all_points_of_a_batch_is_no_axis() -> None:
    picture = drawn([point({"n": n, "side": 7}, n * n) for n in (1, 2, 3)], ("side", "n"))
    assert (picture.x_label, picture.key, picture.about) == ("n", "", "value against n: 3 of 3 points")
    assert [len(line.points) for line in picture.lines] == [3]


def test_a_batch_of_one_point_is_drawn_at_its_first_argument() -> None:
    assert drawn([point({"n": 1, "side": 7}, 2)], ("side", "n")).x_label == "side"


def test_the_axes_of_a_batch_are_the_same_while_its_points_are_computed() -> None:
    waiting = [SimpleNamespace(arguments=json.dumps({"n": n, "side": 7}), status="QUEUEING") for n in (2, 3)]
    assert drawn([point({"n": 1, "side": 7}, 2), *waiting], ("side", "n")).x_label == "n"


@given(POINTS_OF_A_LINE)
@example([(0.0, 5e-324), (5e-324, 0.0)])
@example([(-1.7e308, 1.7e308), (1.7e308, -1.7e308)])
@example([(1.0, 1.0)])
@example([(2.2250738585072014e-308, 0.0), (2.225073858507e-311, 0.0)])
def test_every_point_of_a_line_and_every_tick_lies_in_the_picture(points: list[tuple[float, float]]) -> None:
    picture = draw_lines(
        [Series([x for x, _ in points], [y for _, y in points])], x_label="x", y_label="y", about="a line"
    )
    assert picture is not None
    assert len(picture.lines[0].points) == len(points)
    for x, y in picture.lines[0].points:
        assert LEFT <= x <= LEFT + WIDTH
        assert TOP <= y <= TOP + HEIGHT
    for tick in picture.x_ticks:
        assert LEFT - 1 <= tick.at <= LEFT + WIDTH + 1
    assert 2 <= len(picture.x_ticks) <= 22
    assert "nan" not in picture.lines[0].path


@given(st.dictionaries(st.tuples(NUMBERS, NUMBERS), NUMBERS, min_size=1, max_size=20))
@example({(0.0, 0.0): 5e-324, (1.0, 0.0): 0.0})
def test_every_cell_of_a_heat_map_has_its_place_and_a_shade(table: dict[tuple[float, float], float]) -> None:
    picture = draw_heat_map(table, x_label="x", y_label="y", key="z", about="a map")
    assert picture is not None
    assert len({(cell.x, cell.y) for cell in picture.cells}) == len(table)
    assert all(cell.shade in range(9) for cell in picture.cells)
    assert min(cell.x for cell in picture.cells) == LEFT
    assert max(cell.y + cell.height for cell in picture.cells) == pytest.approx(TOP + HEIGHT)


def test_of_a_long_line_the_extremes_stay() -> None:
    heights = [0.0] * 100_000
    heights[77_777], heights[3] = 9.0, -9.0
    line = thinned(Series(list(range(100_000)), heights))
    assert len(line.x) <= POINTS + 2
    assert (max(line.y), min(line.y)) == (9.0, -9.0)


def test_a_line_is_drawn_for_each_of_a_few_values_and_through_the_mean_of_repeated_points() -> None:
    points = [point({"n": n, "method": m}, n * k) for n in (1, 2) for m in ("euler", "heun") for k in (1.0, 3.0)]
    picture = drawn(points, ("n", "method"))
    assert [line.label for line in picture.lines] == ["euler", "heun"]
    assert [len(line.points) for line in picture.lines] == [2, 2]
    assert (picture.x_label, picture.y_label, picture.key) == ("n", "value", "method")


def test_many_values_off_a_grid_are_dots() -> None:
    points = [point({"n": n, "b": n * 1.1}, n) for n in range(50)]
    picture = drawn(points, ("n", "b"))
    assert (picture.joined, len(picture.lines), picture.cells) == (False, 1, ())


def test_the_first_number_among_the_fields_of_values_is_drawn() -> None:
    points = [point({"n": n}, {"label": "text", "gap": n / 2, "error": 0.1}) for n in range(3)]
    assert drawn(points).y_label == "gap"


def test_points_with_fields_of_their_own_are_looked_at_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[Any] = []

    def noted(item: Any) -> float | None:
        looked_at.append(item)
        return finite(item)

    monkeypatch.setattr(batch_plot, "finite", noted)
    assert batch_picture([point({"n": place}, {f"run {place}": "good"}) for place in range(200)], 200) is None
    assert 200 <= len(looked_at) <= 800


@pytest.mark.parametrize("points", [
    [], [point({}, 1.0)], [point({"n": "text"}, 1.0)], [point({"n": 1}, "text")], [point({"n": 1}, [1, 2])],
    [point({"n": 1}, True)], [cast("Any", SimpleNamespace(arguments="{}", value_json=None, status="FAILED"))],
])
def test_what_has_no_numbers_has_no_picture(points: list[Any]) -> None:
    assert batch_picture(points, len(points)) is None


@pytest.mark.parametrize("array", [
    np.array([np.nan, np.inf, -np.inf]), np.array([1.0, 2.0]), np.array(["a", "b", "c"]), np.zeros((3, 3, 3)),
    np.full((4, 4), np.nan), np.zeros((3, 500)),
])
def test_arrays_without_a_picture_have_none(array: np.ndarray[Any, Any]) -> None:
    assert picture_of_array(array) is None


def test_what_was_taken_comes_back_with_time_and_others_are_not_concerned() -> None:
    now = [0.0]
    pace = Pace(60, clock=lambda: now[0])
    assert [pace.take("a") for _ in range(61)] == [0] * 60 + [1]
    assert pace.take("b") == 0
    now[0] += 2.0
    assert [pace.take("a") for _ in range(3)] == [0, 0, 1]
    now[0] += 3600.0
    assert [pace.take("a") for _ in range(61)][-2:] == [0, 1]


def test_the_first_row_of_a_matrix_is_at_the_top_as_in_the_panel_of_a_task() -> None:
    picture = picture_of_array(np.arange(12.0).reshape(3, 4))
    assert picture is not None
    heights = {cell.text.partition(":")[0]: cell.y for cell in picture.cells}
    assert heights["column = 1, row = 1"] == TOP < heights["column = 1, row = 2"] < heights["column = 1, row = 3"]
    ticks = {tick.text: tick.at for tick in picture.y_ticks}
    assert ticks["1"] < ticks["2"] < ticks["3"]
