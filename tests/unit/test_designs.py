"""What a sweep is written as, and the points that it means."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

from taskq_kernel.client import designs
from taskq_kernel.client.samples import METHODS, sampled
from taskq_kernel.client.sweep_frame import failures_frame, parameters
from taskq_kernel.errors import InvalidTask
from taskq_kernel.grid import Grid, names_of, new_places, part_of, read_design
from taskq_kernel.seeds import MAX_SEED, point_seed


def points(design: str) -> list[dict[str, Any]]:
    """The points of a design as a person would write them down."""
    return [json.loads(arguments) for arguments in Grid(read_design(design))]


def test_axes_are_all_combinations_with_the_last_running_fastest() -> None:
    assert points(designs.product({"n": [1, 2], "k": ("a", "b"), "c": 0.5})) == [
        {"n": n, "k": k, "c": 0.5} for n in (1, 2) for k in ("a", "b")
    ]
    assert points(designs.product({"x": np.array([1.5, 2.5]), "s": "text", "f": Fraction(1, 3)})) == [
        {"x": x, "s": "text", "f": {"$rational": [1, 3]}} for x in (1.5, 2.5)
    ]
    assert points(designs.product({})) == [{}]


def test_a_condition_keeps_some_of_them() -> None:
    kept = designs.product({"n": range(4), "m": range(4)}, lambda p: p.n < p["m"])
    assert [(p["n"], p["m"]) for p in points(kept)] == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    with pytest.raises(AttributeError, match="a point has n, and no k"):
        designs.product({"n": [1]}, lambda p: p.k)


def test_rows_and_lists_are_points_in_their_order() -> None:
    table = pd.DataFrame({"n": [2, 1], "when": pd.to_datetime(["2024-05-17", None])})
    when, missing = {"$datetime": "2024-05-17T00:00:00"}, {"$missing": True}
    assert points(designs.rows(table)) == [{"n": 2, "when": when}, {"n": 1, "when": missing}]
    assert points(designs.mapped([[1, 2], "abc"], {"k": 3})) == [
        {"1": 1, "2": "a", "k": 3}, {"1": 2, "2": "b", "k": 3},
    ]
    with pytest.raises(InvalidTask, match="column named 3"):
        designs.rows(pd.DataFrame({3: [1]}))


def test_any_point_is_found_by_its_place_and_any_column_as_a_whole() -> None:
    for design in (
        designs.product({"a": [1, 2, 3], "b": ["x", "y"], "c": [True, None]}),
        designs.product({"a": [1, 2, 3], "b": ["x", "y"], "c": [True, None]}, lambda p: p.a != 2),
    ):
        grid = Grid(design)
        assert names_of(design) == grid.names
        assert [grid[place] for place in range(len(grid))] == list(grid) == grid[:]
        for index, name in enumerate(grid.names):
            assert grid.column(name) == [grid.cells(place)[index] for place in range(len(grid))]
        with pytest.raises(IndexError):
            grid[len(grid)]


def test_points_that_are_there_are_not_new_whatever_grid_they_stand_in() -> None:
    there = [Grid(designs.product({"n": [1, 2], "k": [1.0]})), Grid(designs.columns({"k": [2.0], "n": [1]}))]
    grid = Grid(designs.product({"k": [1.0, 2.0], "n": [1, 2]}))
    places = list(new_places(grid, there))
    assert points(part_of(grid, places)) == [{"k": 2.0, "n": 2}]
    assert list(new_places(Grid(designs.columns({"n": [1, 1.0, 1]})), [Grid(designs.columns({"n": [1]}))])) == [1, 2]


def test_the_seed_of_a_point_is_what_the_documentation_says() -> None:
    # printf 1:0 | sha256sum
    assert point_seed(1, 0) == 0xA6685F3B62D57BFC >> 11
    seeds = [point_seed(seed, place) for seed in range(50) for place in range(50)]
    assert len(set(seeds)) == len(seeds)
    assert max(seeds) > MAX_SEED * 0.9
    assert min(seeds) >= 0


@pytest.mark.parametrize("method", METHODS)
def test_samples_lie_within_their_bounds_and_follow_from_their_seed(method: str) -> None:
    def drawn(seed: int) -> list[dict[str, Any]]:
        return points(sampled(7, {"x": (-1, 3), "k": ["a", "b"], "n": range(2, 5), "c": 9}, method, seed))

    assert len(drawn(1)) == 7
    assert all(-1 <= p["x"] <= 3 and p["k"] in "ab" and 2 <= p["n"] < 5 and p["c"] == 9 for p in drawn(1))
    assert drawn(1) == drawn(1) != drawn(2)
    assert len({p["x"] for p in drawn(1)}) == 7


@pytest.mark.parametrize("given", [
    np.array([1.0, 2.5]), pd.Series([1.0, 2.5]), pd.Index([1.0, 2.5]), np.array(["a", "b"]), pd.Series([1, None]),
], ids=repr)
def test_arrays_and_columns_are_lists_to_choose_from_as_they_are_for_a_sweep(given: Any) -> None:
    listed = points(designs.product({"x": given}))
    drawn = points(sampled(np.int64(16), {"x": given, "c": 9}, "sobol", 1))
    assert len(drawn) == 16
    assert {repr(p["x"]) for p in drawn} == {repr(p["x"]) for p in listed}


@pytest.mark.parametrize(
    ("ranges", "method", "problem"),
    [
        ({"x": (3, 1)}, "sobol", "lower and the upper"), ({"x": (0, 1, 2)}, "sobol", "lower and the upper"),
        ({"x": []}, "sobol", "is empty"), ({"x": (0, 1)}, "sobel", "give one of sobol"),
    ],
)  # fmt: skip
def test_what_cannot_be_sampled_is_refused(ranges: dict[str, Any], method: str, problem: str) -> None:
    with pytest.raises(InvalidTask, match=problem):
        sampled(4, ranges, method, 1)
    kept = {"$value": {"ref": "a" * 64, "kind": "ARRAY", "size": 100_000}}
    with pytest.raises(InvalidTask, match="a large value that the service keeps: give it to single tasks"):
        read_design(json.dumps({"columns": {"n": [kept]}}))
    with pytest.raises(InvalidTask, match="give 1 to"):
        sampled(0, {"x": (0, 1)}, "sobol", 1)


def test_arguments_become_columns_of_their_own_types() -> None:
    first = Grid(designs.product({"n": [1, 2], "x": [0.5], "s": ["u"], "1": [True]}))
    made = parameters([first])
    assert {name: str(column.dtype) for name, column in made.items()} == {
        "n": "int64", "x": "float64", "s": "string", "arg1": "bool",
    }
    both = parameters([first, Grid(designs.columns({"n": [3], "z": [{"a": [1, 1j]}]}))])
    assert both["n"].tolist() == [1, 2, 3]
    assert both["z"].tolist() == [None, None, {"a": [1, 1j]}]
    assert both["s"].tolist()[:2] == ["u", "u"]


def test_causes_of_failures_are_a_table_even_where_there_are_none() -> None:
    assert failures_frame([]).columns.tolist() == ["cause", "count", "example", "point", "message"]
    group = {"name": "E", "line": None, "count": 2, "example": 7, "point": 1, "message": "m"}
    assert failures_frame([group, group | {"line": 3}])["cause"].tolist() == ["E", "E in line 3"]


def test_rows_that_are_no_table_are_refused_with_what_to_give() -> None:
    with pytest.raises(InvalidTask, match=r"is dict: give a DataFrame"):
        designs.rows({"a": [1, 2]})  # type: ignore[arg-type]
