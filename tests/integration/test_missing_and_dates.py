"""What is missing is `missing` in Julia, and dates are dates: real Julia says what it got."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import uuid4

import msgspec
import numpy as np
import pandas as pd
from julia_fixtures import Bench, bench
from stacks import RunningStack

from taskq_kernel import connect, exact_json
from taskq_kernel.arguments import encode_arguments

__all__ = ["bench"]

NA = pd.NA
HOLE = [False, True]
DAY = dt.date(2026, 1, 2)
MOMENT = dt.datetime.fromisoformat("2026-01-02T03:04:05.006")
DAYS = np.array(["2026-01-02", "NaT"], dtype="datetime64[D]")

#: Values, what they shall be equal to in Julia, and the type that they shall have there.
ARRIVES: list[tuple[Any, str, str]] = [
    (NA, "missing", "Missing"),
    (pd.NaT, "missing", "Missing"),
    (np.ma.masked, "missing", "Missing"),
    (None, "nothing", "Nothing"),
    ([1, NA, 3], "[1, missing, 3]", "Vector{Union{Missing,Int64}}"),
    ([NA, 1, 2.5], "[missing, 1.0, 2.5]", "Vector{Union{Missing,Float64}}"),
    ([2**53 + 1, NA, 0.5], "Any[2^53 + 1, missing, 0.5]", "Vector{Any}"),
    (["a", NA], '["a", missing]', "Vector{Union{Missing,String}}"),
    ([True, NA], "[true, missing]", "Vector{Union{Missing,Bool}}"),
    ([NA, NA], "[missing, missing]", "Vector{Missing}"),
    ([1, None, NA], "Any[1, nothing, missing]", "Vector{Any}"),
    ({"a": [1, {"b": NA}]}, 'Dict("a" => [1, Dict("b" => missing)])', "Dict{String,Any}"),
    ({1: NA}, "Dict(1 => missing)", "Dict{Any,Any}"),
    (np.ma.masked_array([1, 2], HOLE), "[1, missing]", "Vector{Union{Missing,Int64}}"),
    (np.ma.masked_array([[1, 2]], [HOLE], "f4"), "[1 missing]", "Matrix{Union{Missing,Float32}}"),
    (pd.Series([1, NA, 3], dtype="Int64"), "[1, missing, 3]", "Vector{Union{Missing,Int64}}"),
    (pd.Series([NA, NA], dtype="Int8"), "[missing, missing]", "Vector{Union{Missing,Int8}}"),
    (pd.Series([True, NA], dtype="boolean"), "[true, missing]", "Vector{Union{Missing,Bool}}"),
    (pd.Series(["a", None]), '["a", missing]', "Vector{Union{Missing,String}}"),
    (pd.Series([1.5, np.nan]), "[1.5, NaN]", "Vector{Float64}"),
    (
        pd.DataFrame({"n": pd.array([1, NA]), "s": ["x", NA]}), 'Dict("n" => [1, missing], "s" => ["x", missing])',
        "Dict{String,Any}",
    ),
    (DAY, "Date(2026, 1, 2)", "Date"),
    (dt.date(1, 1, 1), "Date(1, 1, 1)", "Date"),
    (np.datetime64("-0044-03-15"), "Date(-44, 3, 15)", "Date"),
    (np.datetime64("12026-01"), "Date(12026)", "Date"),
    (MOMENT, "DateTime(2026, 1, 2, 3, 4, 5, 6)", "DateTime"),
    (pd.Timestamp(DAY), "DateTime(2026, 1, 2)", "DateTime"),
    (np.datetime64(MOMENT, "ns"), "DateTime(2026, 1, 2, 3, 4, 5, 6)", "DateTime"),
    (dt.time(3, 4, 5, 6), "Time(3, 4, 5, 0, 6)", "Time"),
    (pd.Timestamp(DAY, tz="UTC"), '"2026-01-02T00:00:00+00:00"', "String"),
    ([DAY, DAY], "[Date(2026, 1, 2), Date(2026, 1, 2)]", "Vector{Date}"),
    ([NA, MOMENT], "[missing, DateTime(2026, 1, 2, 3, 4, 5, 6)]", "Vector{Union{Missing,DateTime}}"),
    ([dt.time(3)], "[Time(3)]", "Vector{Time}"),
    ([DAY, MOMENT], "Any[Date(2026, 1, 2), DateTime(2026, 1, 2, 3, 4, 5, 6)]", "Vector{Any}"),
    ({DAY: [{"a": DAY}]}, 'Dict(Date(2026, 1, 2) => [Dict("a" => Date(2026, 1, 2))])', "Dict{Any,Any}"),
    (DAYS[:1], "[Date(2026, 1, 2)]", "Vector{Date}"),
    (DAYS, "[Date(2026, 1, 2), missing]", "Vector{Union{Missing,Date}}"),
    (DAYS[:1].reshape(1, 1).astype("M8[us]"), "fill(DateTime(2026, 1, 2), 1, 1)", "Matrix{DateTime}"),
    (DAYS[:0], "Date[]", "Vector{Date}"),
    (pd.to_datetime(pd.Series(["2026-01-02"])), "[DateTime(2026, 1, 2)]", "Vector{DateTime}"),
    (
        pd.DataFrame({"t": pd.to_datetime(["2026-01-02", None])}), 'Dict("t" => [DateTime(2026, 1, 2), missing])',
        "Dict{String,Any}",
    ),
]


def test_what_is_missing_is_missing_in_julia_and_dates_are_dates(bench: Bench) -> None:
    names = [f"x{place}" for place in range(len(ARRIVES))]
    given = exact_json.encode(encode_arguments({name: row[0] for name, row in zip(names, ARRIVES, strict=True)}))
    said = [
        f"isequal({name}, {expected}) && {name} isa {kind} ? nothing : (repr({name}), string(typeof({name})))"
        for name, (_, expected, kind) in zip(names, ARRIVES, strict=True)
    ]
    code = f"using Dates\nAny[{', '.join(said)}]"
    assert bench.run(code, arguments=msgspec.Raw(given)).value == [None] * len(ARRIVES)


def test_what_earlier_releases_send_and_what_is_no_date_is_as_before(bench: Bench) -> None:
    given = {
        "a": None, "b": [None, 1], "c": "2026-01-02", "d": {"$missing": 1}, "e": {"$date": "2026-02-30"},
        "f": {"$datetime": "2026-01-02T03:04:05.0001"}, "g": {"$array": ["Vector{Date}", ["x"]]},
    }  # fmt: skip
    code = """
    a === nothing && b isa Vector{Any} && b[1] === nothing && c == "2026-01-02" && d == Dict("\\$missing" => 1) &&
        e == Dict("\\$date" => "2026-02-30") && f isa Dict && g isa Dict
    """
    assert bench.run(code, arguments=msgspec.Raw(exact_json.encode(given))).value is True


SEASON = """
using Dates
season(; day) = (year = day === missing ? 0 : Dates.year(day), kind = string(nameof(typeof(day))))
"""


def test_dates_on_a_whole_stack_are_swept_found_cached_and_handed_on(stack: RunningStack) -> None:
    with connect(stack.url, token=stack.token()) as q:
        name = f"seasons {uuid4()}"
        season = q.define(SEASON)
        axis = [DAY, dt.date(2027, 5, 6), NA]
        b = season.sweep(day=axis, name=name, cache=True, seed=1).wait(60, progress=False)
        frame = b.frame()
        assert frame["year"].tolist() == [2026, 2027, 0]
        assert frame["kind"].tolist() == ["Date", "Date", "Missing"]
        assert frame["day"].dtype == "datetime64[s]"
        assert frame["day"].tolist() == [pd.Timestamp(DAY), pd.Timestamp("2027-05-06"), pd.NaT]
        again = season.sweep(day=axis, name=f"{name} again", cache=True, seed=1).wait(60, progress=False)
        assert again.frame()["cached_from"].notna().all()

        task = season(day=DAY)
        assert task.arguments == {"day": DAY}
        assert task.name == "season(day=2026-01-02)"
        later = q.tasks(batch=b.id, arguments="day>2026-06-01")
        assert [one.arguments["day"] for one in later] == [dt.date(2027, 5, 6)]

        table = q.submit("using Dates; (day = [day, day + Day(1)], n = [1, missing])", arguments={"day": DAY})
        scalar = q.submit("using Dates; day + Day(1)", arguments={"day": DAY})
        code = 'using Dates; [t["day"] isa Vector{Date}, isequal(t["n"], [1, missing]), s === Date(2026, 1, 3)]'
        assert q.submit(code, arguments={"t": table, "s": scalar}).result(60).tolist() == [True, True, True]
