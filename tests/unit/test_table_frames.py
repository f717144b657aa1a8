"""Tasks in hand: a DataFrame, and CSV."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest
from taskq_widgets.table.frames import as_csv, frame_of
from test_table_screen import made

from taskq_kernel.domain import TaskStatus


def test_arguments_are_columns_of_their_own_types() -> None:
    frame = frame_of([
        made(2, arguments={"n": 200, "name": "a", "β": 0.5}), made(1, arguments={"n": 100, "β": None, "x": [1, 2]}),
    ])  # fmt: skip
    assert frame.index.tolist() == [2, 1]
    assert (str(frame["n"].dtype), str(frame["β"].dtype)) == ("int64", "float64")
    assert frame["n"].tolist() == [200, 100]
    assert frame["arguments.name"].iloc[0] == "a"
    assert frame["name"].tolist() == ["task 2", "task 1"]
    assert frame["x"].iloc[1] == [1, 2]


def test_the_frame_of_no_tasks_has_all_its_columns() -> None:
    frame = frame_of([])
    assert {"id", "status", "created_at", "code"} <= set(frame.columns)
    assert frame["status"].cat.categories.tolist() == list(TaskStatus)


def rows(text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.decode(), newline="")))


def test_csv_has_all_digits_of_numbers_that_no_float_has() -> None:
    precise = Decimal("1.00000000000000000000001")
    (row,) = rows(as_csv([made(1, value=[precise], valueText="[1.0]", valueKind="JSON", arguments={"x": [precise]})]))
    assert (row["value"], row["x"]) == (f"[{precise}]", f"[{precise}]")


def test_csv_holds_the_whole_texts_in_the_order_asked() -> None:
    long = list(range(500))
    found = rows(as_csv([
        made(2, status="FINISHED", value=long, valueText="[0, 1, …]", valueKind="JSON"),
        made(1, code='println("a,b")\n2', arguments={"n": 7}),
        made(3, status="FINISHED", value=0.123456789, valueText="0.1235", valueKind="JSON"),
    ]))  # fmt: skip
    assert [row["number"] for row in found] == ["2", "1", "3"]
    assert found[0]["value"] == str(long)
    assert found[1]["code"] == 'println("a,b")\n2'
    assert found[1]["n"] == "7"
    assert found[2]["value"] == "0.123456789"
    assert found[0]["created_at"] == "2025-03-01T12:00:02.000000Z"


@pytest.mark.parametrize("text", ["=1+1", "@cmd", "+x", "-x", "\tx"])
def test_csv_disarms_texts_that_a_spreadsheet_would_run(text: str) -> None:
    (row,) = rows(as_csv([made(1, name=text, code=text, arguments={"a": text, text: 1})]))
    assert [row["name"], row["code"], row["a"], row[f"'{text}"]] == [f"'{text}"] * 3 + ["1"]


def test_csv_leaves_negative_numbers_alone() -> None:
    (row,) = rows(as_csv([made(1, value=-0.5, valueText="-0.5", valueKind="JSON", arguments={"x": -3})]))
    assert (row["value"], row["x"]) == ("-0.5", "-3")
