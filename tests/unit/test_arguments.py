"""What Python types become as arguments, cell by cell of the table in docs/values.md."""

from __future__ import annotations

import array
import datetime as dt
import math
from collections import OrderedDict, deque, namedtuple
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from taskq_kernel import exact_json
from taskq_kernel.arguments import encode_arguments
from taskq_kernel.errors import InvalidTask
from taskq_kernel.exact_json import MAX_DEPTH

PAGE = (Path(__file__).parents[2] / "docs" / "values.md").read_text(encoding="utf-8")
NAN, INF = {"$float": "NaN"}, {"$float": "Infinity"}
LONG = {"$int": hex(10**5000)}
MISSING = {"$missing": True}
MIDNIGHT = "2026-01-02T00:00:00"
DAY, MOMENT = {"$date": "2026-01-02"}, {"$datetime": "2026-01-02T03:04:05"}
Point = namedtuple("Point", "x y")


class Colour(Enum):
    RED = "red"


class Number(IntEnum):
    ONE = 1


class Name(StrEnum):
    A = "a"


@dataclass
class Model:
    beta: float
    sizes: tuple[int, ...]


def holes(element: str, rows: list[Any]) -> dict[str, Any]:
    """The JSON of a column in which some are missing."""
    return {"$array": [f"Vector{{Union{{Missing, {element}}}}}", rows]}


#: What the page calls it: the value, and its JSON.
CROSSES: list[tuple[str, Any, Any]] = [
    ("None", None, None),
    ("pandas.NA", pd.NA, MISSING),
    ("pandas.NA", [1, {"a": pd.NA}], [1, {"a": MISSING}]),
    ("pandas.NaT", pd.NaT, MISSING),
    ("masked entries of numpy", np.ma.masked, MISSING),
    ("masked entries of numpy", np.ma.masked_array(5, mask=False), 5),
    ("masked entries of numpy", np.ma.masked_array([1, 2], mask=[False, False]), [1, 2]),
    ("masked entries of numpy", np.ma.masked_array([1, 2], mask=[False, True]), holes("Int64", [1, None])),
    (
        "masked entries of numpy", np.ma.masked_array([[1.5, 0]], mask=[[False, True]], dtype="f4"),
        {"$array": ["Matrix{Union{Missing, Float32}}", [[1.5, None]]]},
    ),
    ("masked entries of numpy", np.ma.masked_array(["a", "b"], mask=[True, False]), holes("String", [None, "b"])),
    ("masked entries of numpy", np.ma.masked_array([1, "b"], mask=[True, False], dtype=object), [MISSING, "b"]),
    ("bool", True, True),
    ("numpy.bool_", np.bool_(False), False),
    ("int", 12, 12),
    ("int", 10**40, 10**40),
    ("int", 10**5000, LONG),
    ("int", -(10**5000), {"$int": hex(-(10**5000))}),
    ("IntEnum", Number.ONE, 1),
    ("numpy's integers", np.uint64(2**64 - 1), 2**64 - 1),
    ("numpy's integers", np.int8(-1), -1),
    ("float", 0.5, 0.5),
    ("float", math.nan, NAN),
    ("float", -math.inf, {"$float": "-Infinity"}),
    ("numpy.float16", np.float16(1.5), 1.5),
    ("float64", np.float64("inf"), INF),
    ("numpy.longdouble", np.longdouble("1.5"), 1.5),
    ("numpy.longdouble", np.longdouble("nan"), NAN),
    ("numpy.longdouble", np.array([np.longdouble("inf"), 2], dtype=np.longdouble), [INF, 2.0]),
    ("decimal.Decimal", Decimal("0.1"), {"$float": "0.1"}),
    ("decimal.Decimal", Decimal("1E+400"), {"$float": "1E+400"}),
    ("decimal.Decimal", Decimal("NaN"), NAN),
    ("decimal.Decimal", Decimal("Infinity"), INF),
    ("fractions.Fraction", Fraction(2, 3), {"$rational": [2, 3]}),
    ("fractions.Fraction", Fraction(10**5000, 3), {"$rational": [LONG, 3]}),
    ("fractions.Fraction", Fraction(10**5000), LONG),
    ("complex", 1 - 2.5j, {"$complex": [1.0, -2.5]}),
    ("complex", complex(math.inf, math.nan), {"$complex": [INF, NAN]}),
    ("numpy's complex numbers", np.complex64(1j), {"$complex": [0.0, 1.0]}),
    ("numpy's complex numbers", np.array([1j]), {"$array": ["Vector{ComplexF64}", [{"$complex": [0.0, 1.0]}]]}),
    ("numpy's complex numbers", np.clongdouble(1j), {"$complex": [0.0, 1.0]}),
    ("str", "é\0", "é\0"),
    ("StrEnum", Name.A, "a"),
    ("numpy.str_", np.str_("a"), "a"),
    ("date", dt.date(2026, 1, 2), DAY),
    ("date", [dt.date(2026, 1, 2), pd.NA], [DAY, MISSING]),
    ("datetime", dt.datetime(2026, 1, 2, tzinfo=dt.UTC), "2026-01-02T00:00:00+00:00"),
    ("with an offset", pd.Timestamp("2026-01-02", tz="UTC"), "2026-01-02T00:00:00+00:00"),
    ("with an offset", pd.to_datetime(["2026-01-02", None], utc=True), ["2026-01-02T00:00:00+00:00", MISSING]),
    ("with an offset", dt.time(3, 4, tzinfo=dt.UTC), "03:04:00+00:00"),
    ("datetime", dt.datetime.fromisoformat("2026-01-02T03:04:05"), MOMENT),
    ("datetime", dt.datetime.fromisoformat("2026-01-02T03:04:05.006"), {"$datetime": "2026-01-02T03:04:05.006"}),
    ("time", dt.time(3, 4), {"$time": "03:04:00"}),
    ("time", dt.time(3, 4, 5, 6), {"$time": "03:04:05.000006"}),
    ("pandas.Timestamp", pd.Timestamp("2026-01-02T03:04:05"), MOMENT),
    ("numpy.datetime64", np.datetime64("2026-01-02T03:04:05", "ns"), MOMENT),
    ("numpy.datetime64", np.datetime64("2026-01-02T03:04:05.006"), {"$datetime": "2026-01-02T03:04:05.006"}),
    ("of days or longer", np.datetime64("2026-01-02"), DAY),
    ("of days or longer", np.datetime64("2026-01"), {"$date": "2026-01-01"}),
    ("arrays of dates", np.array(["2026-01-02"], dtype="M8[D]"), {"$array": ["Vector{Date}", ["2026-01-02"]]}),
    ("arrays of dates", np.array([["2026-01-02"]], "M8[us]"), {"$array": ["Matrix{DateTime}", [[MIDNIGHT]]]}),
    ("arrays of dates", np.array([], dtype="M8[D]"), {"$array": ["Vector{Date}", [], [0]]}),
    ("arrays of dates", pd.Series([pd.Timestamp("2026-01-02"), pd.NaT]), holes("DateTime", [MIDNIGHT, None])),
    (
        "arrays of dates", np.ma.masked_array(np.array(["2026-01-02", "2026-01-03"], "M8[D]"), mask=[True, False]),
        holes("Date", [None, "2026-01-03"]),
    ),
    ("numpy.datetime64", np.datetime64("NaT"), MISSING),
    ("numpy.datetime64", np.array(["2026-01", "NaT"], dtype="M8[M]"), holes("Date", ["2026-01-01", None])),
    ("uuid.UUID", UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ("list", [1, [2.5, None]], [1, [2.5, None]]),
    ("tuple", (1, 2), [1, 2]),
    ("named tuples", Point(1, 2), [1, 2]),
    ("set", {3}, [3]),
    ("frozenset", frozenset({3}), [3]),
    ("range", range(3), [0, 1, 2]),
    ("numpy's arrays of machine numbers", np.array([1, 2]), [1, 2]),
    ("numpy's arrays of machine numbers", np.array([[1], [3]]), {"$array": ["Matrix{Int64}", [[1], [3]]]}),
    ("numpy's arrays of machine numbers", np.ones((1, 1, 1), bool), {"$array": ["Array{Bool,3}", [[[True]]]]}),
    ("numpy's arrays of machine numbers", np.array([0.5, math.nan], "f4"), {"$array": ["Vector{Float32}", [0.5, NAN]]}),
    ("numpy's arrays of machine numbers", np.zeros((0, 3), ">u2"), {"$array": ["Matrix{UInt16}", [], [0, 3]]}),
    ("numpy's arrays of machine numbers", np.array([]), {"$array": ["Vector{Float64}", [], [0]]}),
    ("numpy's arrays of machine numbers", np.array(5), 5),
    ("pandas' columns of them", pd.Series([1, 2], dtype="int8"), {"$array": ["Vector{Int8}", [1, 2]]}),
    ("other arrays of numpy", np.array([1, None, Fraction(1, 2)], dtype=object), [1, None, {"$rational": [1, 2]}]),
    ("pandas' columns", pd.Series([1, 2]), [1, 2]),
    ("pandas' columns", pd.Series([1, 2], dtype="Int64"), [1, 2]),
    ("pandas' columns", pd.Series([1, None], dtype="Int64"), holes("Int64", [1, None])),
    ("pandas' columns", pd.array([None, None], dtype="UInt8"), holes("UInt8", [None, None])),
    ("pandas' columns", pd.Series([1.5, None], dtype="Float64"), holes("Float64", [1.5, None])),
    ("pandas' columns", pd.Series([True, pd.NA], dtype="boolean"), holes("Bool", [True, None])),
    ("pandas' columns", pd.Series(["a", pd.NA], dtype="string"), holes("String", ["a", None])),
    ("pandas' columns", pd.Series(["a", None], dtype="str"), holes("String", ["a", None])),
    ("pandas' columns", pd.Series([True, pd.NA, None]), [True, MISSING, None]),
    ("pandas' columns", pd.Series(pd.Categorical(["a", None])), ["a", MISSING]),
    ("pandas' columns", pd.Series([1.5, None]), [1.5, NAN]),
    ("pandas' columns", pd.Series(pd.Categorical(["a", "b"])), ["a", "b"]),
    ("indexes", pd.date_range("2026-01-01", periods=1), {"$array": ["Vector{DateTime}", ["2026-01-01T00:00:00"]]}),
    ("arrays of other libraries", array.array("d", [0.5]), [0.5]),
    ("dict", {"deep": [{"er": (1j,)}]}, {"deep": [{"er": [{"$complex": [0.0, 1.0]}]}]}),
    ("other mappings", OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    ("other mappings", MappingProxyType({"a": 1}), {"a": 1}),
    ("dataclasses", Model(0.5, (1, 2)), {"beta": 0.5, "sizes": [1, 2]}),
    ("keys that are no strings", {1: "a", (1, 2): None}, {"$dict": [[1, "a"], [[1, 2], None]]}),
    ("keys that are no strings", {dt.date(2026, 1, 2): 1}, {"$dict": [[DAY, 1]]}),
    ("begin with `$`", {"$float": "x"}, {"$dict": [["$float", "x"]]}),
    ("pandas.DataFrame", pd.DataFrame({"a": [1, pd.NA], "b": ["x", "y"]}), {"a": [1, MISSING], "b": ["x", "y"]}),
    ("pandas.DataFrame", pd.DataFrame({0: [1]}), {"$dict": [[0, [1]]]}),
    ("numpy's arrays with named fields", np.array([(1,)], dtype=[("n", "i8")]), {"n": [1]}),
]


@pytest.mark.parametrize(("name", "value", "data"), CROSSES, ids=[f"{i} {row[0]}" for i, row in enumerate(CROSSES)])
def test_what_crosses(name: str, value: Any, data: Any) -> None:
    assert name in PAGE
    encoded = encode_arguments({"x": value})["x"]
    assert encoded == data
    assert type(encoded) is type(data)
    assert exact_json.decode(exact_json.encode(encoded)) == data


def test_a_longdouble_keeps_more_digits_than_a_float() -> None:
    if np.finfo(np.longdouble).nmant == np.finfo(float).nmant:
        assert encode_arguments({"x": np.longdouble("0.1")}) == {"x": 0.1}
        return
    digits = encode_arguments({"x": np.longdouble("0.1")})["x"]["$float"]
    assert digits.startswith("0.1000000000000000000")
    assert np.longdouble(digits) == np.longdouble("0.1")
    assert encode_arguments({"x": [np.clongdouble(np.longdouble("0.1"))]})["x"] == [
        {"$complex": [{"$float": digits}, 0.0]}
    ]


#: What the page calls it: the value, and what is said about it.
REFUSED: list[tuple[str, Any, str]] = [
    ("bytes", b"1", "argument x is bytes \"b'1'\": give text, as by decode"),
    ("bytearray", bytearray(b"1"), "argument x is bytearray"),
    ("memoryview", memoryview(b"1"), "argument x is memoryview"),
    ("numpy.bytes_", np.bytes_(b"1"), "argument x is bytes_"),
    ("numpy.bytes_", np.array([b"1"]), "argument x is ndarray"),
    (
        "finer than milliseconds", dt.datetime.fromisoformat("2026-01-02T03:04:05.000006"),
        r"is datetime '2026-01-02 03:04:05.000006': Julia's DateTime has milliseconds: round it, as by .replace",
    ),
    ("finer than milliseconds", pd.Timestamp(1), r"is Timestamp .*: round it, as by .floor\('ms'\), or give text"),
    ("finer than milliseconds", {"t": np.array([1], "M8[us]")}, r"x\['t'\] is ndarray .*: round it, as by .astype"),
    ("finer than milliseconds", pd.Series([pd.Timestamp(1)]), "argument x is ndarray .*: round it"),
    ("timedelta", dt.timedelta(1), "is timedelta '1 day, 0:00:00': give a number, such as its total_seconds"),
    ("pandas.Timedelta", pd.Timedelta(5), "argument x is Timedelta .*: give a number, such as its total_seconds"),
    ("pandas.Timedelta", pd.Series([pd.Timedelta(5)]), r"argument x\[0\] is Timedelta"),
    ("numpy.timedelta64", np.timedelta64(5, "ns"), "is timedelta64 '5 nanoseconds': give a number and say of what"),
    ("numpy.timedelta64", np.array([5], dtype="m8[D]"), "argument x is ndarray"),
    ("Enum", Colour.RED, "argument x is Colour .*: give its .value or its .name"),
    ("types", int, "argument x is type"),
    ("types", np.ndarray, "argument x is type"),
    ("functions", {"f": [1, lambda: 0]}, r"argument x\['f'\]\[1\] is function"),
    ("generators", (i for i in range(3)), "argument x is generator"),
    ("pandas.Period", pd.Period("2026-01"), "argument x is Period '2026-01'"),
    ("any other object", object(), "argument x is object"),
    ("any other object", deque([1]), "argument x is deque"),
    ("any other object", np.random.default_rng(1), "argument x is Generator"),
]


@pytest.mark.parametrize(("name", "value", "said"), REFUSED, ids=[f"{i} {row[0]}" for i, row in enumerate(REFUSED)])
def test_what_cannot_cross_is_named_with_its_place_and_what_to_give(name: str, value: Any, said: str) -> None:
    assert name in PAGE
    with pytest.raises(InvalidTask, match=said):
        encode_arguments({"x": value})


class Broken:
    def tolist(self) -> list[int]:
        raise RuntimeError("lost")

    def __str__(self) -> str:
        raise RuntimeError("not even this")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("\ud800", "argument x is not text: it holds half of a surrogate pair"),
        ({"a\ud800": 1}, r"argument x\['a\\ud800'\] is not text"),
        ({1: object()}, r"argument x\['1'\] is object"),
        ({object(): 1}, "argument the key .* of x is object"),
        (Decimal("1E+9999999"), "argument x is Decimal .*: its power of ten is more than 999,999"),
        (Decimal("sNaN"), "a signalling NaN is no number that Julia has"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "argument x is DataFrame: it has two columns named 'a'"),
        (Broken(), "argument x is Broken that cannot be shown: it cannot be read .RuntimeError: lost"),
    ],
)
def test_what_is_wrong_inside_is_named_too(value: Any, said: str) -> None:
    with pytest.raises(InvalidTask, match=said):
        encode_arguments({"x": value})


def test_arguments_are_as_deep_as_every_reader_takes_them() -> None:
    deep: Any = 1
    for _ in range(MAX_DEPTH - 1):
        deep = [deep]
    exact_json.check_arguments(exact_json.encode(encode_arguments({"x": deep})))
    circular: list[Any] = []
    circular.append(circular)
    for endless in ([deep], circular, {1: circular}):
        with pytest.raises(InvalidTask, match="more than 200 levels deep"):
            encode_arguments({"x": endless})


def test_every_row_of_the_page_is_tried() -> None:
    table = PAGE.partition("## From Python to Julia")[2].partition("\n\nArrays of")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("|")][2:]
    tried = {name for name, *_ in (*CROSSES, *REFUSED)}
    for row in rows:
        assert any(name in row for name in tried), row
