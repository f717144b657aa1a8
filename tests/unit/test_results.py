"""Results as a tidy frame and as files: nothing is lost, nothing rounded."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from client_lab import FakeService

from taskq_kernel import InvalidTask, RichValue, to_parquet
from taskq_kernel.cli import main
from taskq_kernel.client.results import results_filter
from taskq_kernel.client.tidy import column, value_columns


@pytest.fixture
def service() -> FakeService:
    return FakeService()


def written(frame: pd.DataFrame, tmp_path: Path) -> Any:
    """The table of a file that a frame was written to."""
    to_parquet(frame, tmp_path / "f.parquet")
    return pq.read_table(tmp_path / "f.parquet")


def test_a_row_has_its_arguments_what_became_of_it_and_the_fields_of_its_value(service: FakeService) -> None:
    for n in (1, 2):
        task = service.add(name="gap", arguments={"n": n, "method": "euler", "seed": 9, "1": 0.5})
        service.finish(task["id"], {"gap": n / 4, "steps": 2**60 + n}, valueType="NamedTuple")
    service.add(arguments={"n": 3})
    frame = service.client().results()
    assert list(frame.columns[:4]) == ["n", "method", "seed", "arg1"]
    assert list(frame.columns[-2:]) == ["gap", "steps"]
    assert {"name", "status", "seconds", "seed_", "worker", "value_text", "id"} <= set(frame.columns)
    assert frame.index.tolist() == [1, 2]
    assert frame["gap"].tolist() == [0.25, 0.5]
    assert frame["steps"].tolist() == [2**60 + 1, 2**60 + 2]
    assert (frame["n"].dtype, frame["method"].dtype, frame["gap"].dtype) == ("int64", "string", "float64")
    every = service.client().results(status=None)
    assert every["n"].tolist() == [1, 2, 3]
    assert every["seed"].dtype == "Int64"
    assert every["seed"].isna().tolist() == [False, False, True]
    assert "value" not in service.client().results(values=False)
    assert service.client().results(status="FAILED").empty


def test_a_selection_is_checked_before_it_is_asked(service: FakeService) -> None:
    asked = results_filter(service.transport, {
        "batch": "AAAAAAAA-0000-0000-0000-000000000000", "since": datetime(2026, 1, 2, tzinfo=UTC), "name": None,
        "definition": "a" * 64, "status": ["finished"],
    })
    assert asked["batch"] == "aaaaaaaa-0000-0000-0000-000000000000"
    assert asked["definition"] == "a" * 64
    assert asked["status"] == ["FINISHED"]
    assert str(asked["finishedAfter"]).startswith("2026-01-02")
    with pytest.raises(InvalidTask, match="define"):
        results_filter(service.transport, {"definition": "f"})
    with pytest.raises(InvalidTask, match="no filter"):
        results_filter(service.transport, {"colour": "red"})
    for name in ("since", "before"):
        with pytest.raises(InvalidTask, match=f"^{name} is 'soon': give a datetime"):
            results_filter(service.transport, {name: "soon"})


@pytest.mark.parametrize(("cells", "dtype"), [
    ([1, None], "Int64"), ([1.0, None], "float64"), ([1, 2.5, None], "float64"), ([True, None], "boolean"),
    (["a", None], "string"), ([1, 2], "int64"), ([2**70, None], "object"), ([1, "a"], "object"), ([None], "object"),
])
def test_a_column_has_the_type_of_what_is_in_it_whatever_is_missing(cells: list[Any], dtype: str) -> None:
    made = column(cells)
    assert made.dtype == dtype
    assert [None if pd.isna(cell) else cell for cell in made] == cells


@pytest.mark.parametrize(("cells", "dtype"), [
    ([2**53 + 1, None], "Int64"), ([2**53 + 1, 2], "int64"), ([2**70, None], "object"), ([2**53 + 1, 0.5], "object"),
    ([1, 0.5, None], "float64"), ([1.5, None], "float64"), ([1, float("nan"), None], "float64"),
])
def test_a_column_of_values_has_every_digit_of_its_integers_whatever_is_missing(cells: list[Any], dtype: str) -> None:
    for given in (cells, [{"field": cell} for cell in cells], [*({"field": cell} for cell in cells), None]):
        (made,) = value_columns(pd.Series(given, dtype="object")).values()
        assert [_cell(one) for one in made][:2] == [_cell(one) for one in cells][:2]
    assert value_columns(pd.Series(cells, dtype="object"))["value"].dtype == dtype


def _cell(cell: Any) -> Any:
    return None if pd.isna(cell) else cell


ODD: dict[str, tuple[list[Any], Any]] = {
    "mixed": ([1, "a", None], ["1", '"a"', None]),
    "big": ([2**70, 1], [str(2**70), "1"]),
    "unsigned": ([2**64 - 1, 1], [str(2**64 - 1), "1"]),
    "decimals": ([Decimal("0.1"), Decimal("1e-30")], ["0.1", "1E-30"]),
    "fractions": ([Fraction(1, 3), None], ["1/3", None]),
    "complex": ([1 + 2j, None], [{"re": 1.0, "im": 2.0}, None]),
    "arrays": ([np.array([1.5, 2.5]), np.array([3.5])], [[1.5, 2.5], [3.5]]),
    "matrices": ([np.array([[1, 2], [3, 4]])], [[[1, 2], [3, 4]]]),
    "unlike arrays": ([np.array([1.5]), np.array([1])], ["[1.5]", "[1]"]),
    "lists": ([[1, 2], []], [[1, 2], []]),
    "ragged": ([[1, "a"]], ['[1,"a"]']),
    "days": ([date(2026, 1, 2), None], [date(2026, 1, 2), None]),
    "times": ([datetime(2026, 1, 2, 3, tzinfo=UTC), None], [datetime(2026, 1, 2, 3, tzinfo=UTC), None]),
    "numbers": ([0.5, float("inf")], [0.5, float("inf")]),
    "flags": ([True, None], [True, None]),
    "dictionaries": ([{"a": 1}, {"b": [1, None]}], ['{"a":1}', '{"b":[1,null]}']),
    "tables": ([pd.DataFrame({"x": [1, 2]})], ['{"x":[1,2]}']),
    "pictures": ([RichValue({"text/plain": "plot"})], ['{"text/plain":"plot"}']),
    "nothing": ([None, pd.NA], [None, None]),
}


@pytest.mark.parametrize("name", list(ODD))
def test_a_column_of_anything_is_in_a_parquet_file(name: str, tmp_path: Path) -> None:
    cells, expected = ODD[name]
    frame = pd.DataFrame({name: pd.Series(cells, dtype="object")}, index=pd.RangeIndex(len(cells), name="point"))
    table = written(frame, tmp_path)
    assert table.column_names == ["point", name]
    assert table[name].to_pylist() == expected


def test_a_column_of_complex_numbers_is_in_a_parquet_file(tmp_path: Path) -> None:
    table = written(pd.DataFrame({"z": [1 + 2j, 3j]}), tmp_path)
    assert table["z"].to_pylist() == [{"re": 1.0, "im": 2.0}, {"re": 0.0, "im": 3.0}]


def test_a_frame_of_results_comes_back_from_its_file(service: FakeService, tmp_path: Path) -> None:
    for n in (1, 2):
        task = service.add(arguments={"n": n})
        service.finish(task["id"], [n, n + 1], valueType="Vector{Int64}")
    frame = service.client().results()
    to_parquet(frame, tmp_path / "r.parquet")
    back = pd.read_parquet(tmp_path / "r.parquet")
    assert back["number"].tolist() == [1, 2]
    assert back["n"].tolist() == [1, 2]
    assert back["status"].tolist() == ["FINISHED", "FINISHED"]
    assert [list(value) for value in back["value"]] == [[1, 2], [2, 3]]
    assert str(back["created_at"].dtype) == "datetime64[us, UTC]"


def test_the_command_line_writes_files(
    service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    task = service.add(name="gap", arguments={"n": 2**60})
    service.finish(task["id"], {"gap": 0.25, "path": [1, 2]})

    class There:
        def transport(self) -> Any:
            return service.transport

    monkeypatch.setattr("taskq_kernel.cli.results.existing", There)
    for suffix in ("parquet", "csv", "json"):
        assert main(["results", "--out", str(tmp_path / f"r.{suffix}")]) == 0
    assert pd.read_parquet(tmp_path / "r.parquet")["gap"].tolist() == [0.25]
    table = pd.read_csv(tmp_path / "r.csv")
    assert (table["n"].tolist(), table["path"].tolist()) == ([2**60], ["[1,2]"])
    [row] = json.loads((tmp_path / "r.json").read_text())
    assert (row["arguments"], row["value"]) == ({"n": 2**60}, {"gap": 0.25, "path": [1, 2]})
    assert main(["results", "--out", str(tmp_path / "r.xlsx")]) == 2
    assert "end it with .parquet, .csv, .json" in capfd.readouterr().err
    nowhere = tmp_path / "nowhere"
    for suffix in ("parquet", "csv", "json"):
        assert main(["results", "--out", str(nowhere / f"r.{suffix}")]) == 1
        assert capfd.readouterr().err == f"taskq: {nowhere}: no such folder\n"
    assert main(["results", "--since", "soon"]) == 2
    assert capfd.readouterr().err.startswith("taskq: --since is 'soon': give a datetime")
    assert main(["results", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)[0]["name"] == "gap"


def test_every_level_of_an_index_is_a_column_of_a_parquet_file_whatever_its_name(tmp_path: Path) -> None:
    means = pd.DataFrame({"n": [1, 1, 2], "p": [0.1, 0.2, 0.1], "gap": [1.0, 2.0, 3.0]}).groupby(["n", "p"]).mean()
    assert written(means, tmp_path).column_names == ["n", "p", "gap"]
    numbered = pd.DataFrame({"number": [5]}, index=pd.Index([1], name="number"))
    assert written(numbered, tmp_path).to_pydict() == {"number": [1], "number_": [5]}
