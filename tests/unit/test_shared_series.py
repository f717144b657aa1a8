"""What a task has reported, on its shared page: curves with gaps where there is no number, and all points as CSV."""

from __future__ import annotations

import json
from typing import Any

import pytest

from taskq_kernel.service.shared.series_curves import CURVES, curves, series_csv


def reported(**series: tuple[list[Any], list[Any]]) -> str:
    """Series as they are stored: of each its steps and its values."""
    return json.dumps({
        name: {"count": len(steps), "steps": steps, "values": values} for name, (steps, values) in series.items()
    })


def test_each_series_is_a_picture_with_a_scale_of_its_own() -> None:
    pictures = curves(reported(loss=([1, 2, 3], [0.9, 0.5, 0.1]), heat=([1, 2], [300.0, 400.0])))
    assert [(one.y_label, one.x_label, one.about) for one in pictures] == [
        ("loss", "step", "loss: 3 reports"), ("heat", "step", "heat: 2 reports"),
    ]
    assert [len(one.lines[0].points) for one in pictures] == [3, 2]
    heights = [[y for _, y in one.lines[0].points] for one in pictures]
    assert (min(heights[0]), max(heights[0])) == (min(heights[1]), max(heights[1])), "each fills its picture"


def test_a_curve_has_a_gap_and_one_colour_where_there_is_no_number() -> None:
    values = [1.0, 2.0, None, 3.0, {"$float": "Infinity"}, 4.0, 5.0]
    [picture] = curves(reported(residual=(list(range(7)), values)))
    assert [len(line.points) for line in picture.lines] == [2, 1, 2]
    assert {line.colour for line in picture.lines} == {0}


def test_all_points_are_rows_of_a_csv_in_which_no_name_is_a_formula() -> None:
    kept = reported(loss=([1, 2.5], [0.5, None]), **{"=1+1": ([3], [{"$float": "-Infinity"}])})
    assert series_csv(kept) == b"series,step,value\r\nloss,1,0.5\r\nloss,2.5,nan\r\n'=1+1,3,-inf\r\n"


@pytest.mark.parametrize("kept", [
    None, "{}", "[]", "no JSON", '{"a": 1}', '{"a": {}}', '{"a": {"count": 1, "steps": [1, 2], "values": [1]}}',
    '{"a": {"count": 1, "steps": ["x"], "values": [1]}}', '{"a": {"count": 0, "steps": [], "values": []}}',
])
def test_what_is_no_series_is_neither_drawn_nor_saved(kept: str | None) -> None:
    assert (curves(kept), series_csv(kept)) == ([], None)


def test_a_page_has_so_many_curves_and_the_csv_has_all() -> None:
    kept = reported(**{f"s{place}": ([1], [1.0]) for place in range(CURVES + 5)})
    assert len(curves(kept)) == CURVES
    assert (series_csv(kept) or b"").count(b"\r\n") == CURVES + 6
