"""Dates and times among arguments: as they are shown, typed again, read back, handed on, and varied in a sweep."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from taskq_widgets.panels.arguments import reading, same_json, typed
from taskq_widgets.table.cells import cells_of

from taskq_kernel import exact_json
from taskq_kernel.arguments import encode_arguments
from taskq_kernel.call_name import call_name
from taskq_kernel.cli.listing import arguments_text
from taskq_kernel.client import designs
from taskq_kernel.client.argument_filter import conditions_of
from taskq_kernel.client.parquet import plain
from taskq_kernel.client.sweep_frame import parameters
from taskq_kernel.client.tidy import column
from taskq_kernel.domain import ValueKind
from taskq_kernel.grid import Grid
from taskq_kernel.typed_values import typed_columns, with_type
from taskq_kernel.values import decode

DAY = dt.date(2026, 1, 2)
MOMENT = dt.datetime.fromisoformat("2026-01-02T03:04:05.006")
TIME = dt.time(3, 4, 5)
DAYS = np.array(["2026-01-02", "2026-01-03"], dtype="datetime64[D]")
NANOSECONDS = DAYS.astype("datetime64[ns]")
HOLES = {"$array": ["Vector{Union{Missing, DateTime}}", ["2026-01-02T03:04:05", None]]}


def json_of(value: Any) -> Any:
    return encode_arguments({"x": value})["x"]


def back(value: Any) -> Any:
    """An argument as `Task.arguments` gives it."""
    return decode(ValueKind.JSON, exact_json.decode(exact_json.encode({"x": json_of(value)})))["x"]


@pytest.mark.parametrize("value", [DAY, MOMENT, TIME, [DAY, None], {"a": {DAY: [MOMENT, TIME]}}, dt.date(1, 1, 1)])
def test_dates_are_dates_again_when_arguments_are_read_back(value: Any) -> None:
    assert back(value) == value


def test_arrays_and_columns_of_dates_are_so_again() -> None:
    assert (back(DAYS) == DAYS).all()
    assert back(DAYS).dtype == "datetime64[D]"
    assert back(NANOSECONDS.reshape(1, 2)).tolist() == [[pd.Timestamp(one).to_pydatetime() for one in DAYS]]
    assert back(pd.Series([pd.Timestamp(DAY), pd.NaT])).tolist() == [pd.Timestamp(DAY), pd.NaT]


@pytest.mark.parametrize("content", [1, None, "x", "2026-02-30", []])
def test_what_is_no_date_is_an_object_like_any_other(content: Any) -> None:
    assert decode(ValueKind.JSON, {"$date": content}) == {"$date": content}


def test_the_same_moment_is_the_same_json_whoever_has_it() -> None:
    plain = MOMENT.replace(microsecond=0)
    for one in (MOMENT, plain):
        forms = [one, pd.Timestamp(one), np.datetime64(one, "ms"), np.datetime64(one, "ns")]
        assert len({json.dumps(json_of(form)) for form in forms}) == 1


def test_people_read_dates_and_no_tag() -> None:
    given = {"1": json_of(DAY), "t": json_of([TIME, pd.NaT]), "k": HOLES, "s": "2026-01-02"}
    shown = '2026-01-02, t=[03:04:05, missing], k=[2026-01-02T03:04:05, missing], s="2026-01-02"'
    assert arguments_text(given) == shown
    assert call_name("f", [(name, json.dumps(value)) for name, value in given.items()]) == f"f({shown})"
    row = {"number": 1, "name": "", "status": "QUEUEING", "attempt": 0, "maxAttempts": 1, "arguments": given}
    texts = [one for one in cells_of(row) if isinstance(one, list)]
    assert texts[0][:2] == [["1", "2026-01-02"], ["t", "[03:04:05, missing]"]]


def test_what_is_shown_in_the_form_is_read_as_the_same_again() -> None:
    for value in (DAY, MOMENT, TIME, [DAY, pd.NA], DAYS):
        assert same_json(typed(json_of(value)), json_of(value))
    kinds = {name: reading("x", typed(json_of(value)))[0] for name, value in {"d": DAY, "m": MOMENT, "t": TIME}.items()}
    assert kinds == {"d": "date", "m": "date and time", "t": "time"}
    assert reading("x", "2026-01-02")[0] == "text"  # as before: only what is marked as one is a date


@pytest.mark.parametrize(
    ("axis", "cells"),
    [
        ([DAY, DAY + dt.timedelta(1)], [{"$date": "2026-01-02"}, {"$date": "2026-01-03"}]),
        (DAYS, [{"$date": "2026-01-02"}, {"$date": "2026-01-03"}]),
        (NANOSECONDS, [{"$datetime": "2026-01-02T00:00:00"}, {"$datetime": "2026-01-03T00:00:00"}]),
        (pd.to_datetime(pd.Series(["2026-01-02", None])), [{"$datetime": "2026-01-02T00:00:00"}, {"$missing": True}]),
        (pd.date_range("2026-01-02", periods=1), [{"$datetime": "2026-01-02T00:00:00"}]),
    ],
)
def test_a_sweep_over_dates_has_a_date_for_each_point_and_a_column_of_them(axis: Any, cells: list[Any]) -> None:
    grid = Grid(designs.product({"day": axis}))
    assert [exact_json.decode(point)["day"] for point in grid] == cells
    days = parameters([grid])["day"]
    assert days.dtype == ("datetime64[s]" if "$date" in cells[0] else "datetime64[ms]")
    assert days[0] == pd.Timestamp(DAY)


def test_columns_of_frames_are_of_dates_with_nat_where_one_is_missing() -> None:
    for cells in ([json_of(DAY), {"$missing": True}], [json_of(DAY), None]):
        assert column(cells).dtype == "datetime64[s]"
        assert column(cells).tolist() == [pd.Timestamp(DAY), pd.NaT]
    assert column([json_of(DAY), json_of(MOMENT)]).tolist() == [DAY, MOMENT]


def test_text_files_have_dates_as_texts_and_null_for_what_is_missing() -> None:
    assert plain(DAY) == "2026-01-02"
    assert plain(DAYS) == '["2026-01-02","2026-01-03"]'
    assert plain(pd.array([1, None])) == "[1,null]"
    assert plain({"a": [DAY, TIME, pd.NA]}) == '{"a":["2026-01-02","03:04:05",null]}'


def test_tasks_are_asked_for_by_a_date() -> None:
    assert conditions_of({"day": DAY}) == [{"name": "day", "comparison": "EQ", "value": {"$date": "2026-01-02"}}]


@pytest.mark.parametrize(
    ("text", "julia_type", "argument"),
    [
        ('"2026-01-02"', "Date", '{"$date":"2026-01-02"}'),
        ('"2026-01-02T03:04:05"', "Dates.DateTime", '{"$datetime":"2026-01-02T03:04:05"}'),
        ('"03:04:05"', "Time", '{"$time":"03:04:05"}'),
        ('["2026-01-02"]', "Vector{Dates.Date}", '{"$array":["Vector{Dates.Date}",["2026-01-02"]]}'),
        ('["03:04:05"]', "Array{Time,1}", '{"$array":["Array{Time,1}",["03:04:05"]]}'),
        ('"2026-01-02"', "String", '"2026-01-02"'),
    ],
)
def test_a_value_that_is_handed_on_stays_a_date(text: str, julia_type: str, argument: str) -> None:
    assert with_type(text, julia_type) == argument


def test_a_table_that_is_handed_on_keeps_the_types_of_its_columns() -> None:
    types = {"day": "Date", "n": "Union{Missing, Int64}", "r": "Rational{Int64}", "none": "Date"}
    columns = {"day": ["2026-01-02"], "n": [None], "r": [{"$rational": [1, 3]}], "x": [1], "none": []}
    assert typed_columns(columns, types) == columns | {
        "day": {"$array": ["Vector{Date}", ["2026-01-02"]]}, "n": {"$array": ["Vector{Union{Missing, Int64}}", [None]]},
    }
