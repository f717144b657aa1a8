"""The results database, asked with SQL: it is read, whatever the statement says, and its page names every column."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sample_messages import OUTCOME
from taskq_sink.database import ResultsDatabase, metadata, results

from taskq_kernel.cli import main
from taskq_kernel.errors import InvalidTask, NotFound, TaskqError
from taskq_kernel.store.reading import read

pytest_plugins = ["store_fixtures"]

PAGE = (Path(__file__).parents[2] / "docs" / "results-database.md").read_text("utf-8")
LONG = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT count(*) FROM n"


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ResultsDatabase]:
    file = f"sqlite:///{tmp_path}/results.db"
    made = ResultsDatabase(file if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    made.commit([msgspec.structs.replace(OUTCOME, attempt=attempt) for attempt in (1, 2)])
    yield made
    metadata.drop_all(made._engine)
    made.close()


def rows(database: ResultsDatabase, sql: str, limit_s: float = 20.0) -> list[tuple[Any, ...]]:
    with read(database._engine.url, sql, limit_s) as table:
        return list(table.rows)


def test_a_statement_brings_its_columns_and_rows(database: ResultsDatabase) -> None:
    with read(database._engine.url, "SELECT attempt, name AS what FROM results ORDER BY attempt", 20.0) as table:
        assert table.columns == ["attempt", "what"]
        assert list(table.rows) == [(1, "a sum"), (2, "a sum")]
    assert rows(database, "SELECT 1 WHERE 1 = 0") == []


@pytest.mark.parametrize("sql", [
    "DELETE FROM results", "UPDATE results SET name = ''", "DROP TABLE results", "CREATE TABLE t (x INT)",
    "INSERT INTO probes (id, at) VALUES (7, 1.0)", "ATTACH 'other.db' AS other", "PRAGMA query_only = OFF",
    "SELECT 1; DELETE FROM results", "COMMIT; DELETE FROM results", "COMMIT", "VACUUM", "nonsense", "",
    "WITH gone AS (DELETE FROM results RETURNING id) SELECT * FROM gone",
    "SELECT load_extension('x')", "SELECT * FROM nowhere", "SET TRANSACTION READ WRITE",
    "COPY (SELECT 1) TO PROGRAM 'true'",
])
def test_nothing_but_reading_is_done(
    database: ResultsDatabase, sql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidTask):
        rows(database, sql)
    assert not (tmp_path / "other.db").exists()
    assert rows(database, "SELECT count(*) FROM results") == [(2,)]
    assert rows(database, "SELECT count(*) FROM probes") == [(0,)]


def test_a_statement_ends_when_its_time_is_over(database: ResultsDatabase) -> None:
    with pytest.raises(TaskqError, match=r"took longer than 0\.2 s"):
        rows(database, LONG, limit_s=0.2)


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no database"), read(f"sqlite:///{tmp_path}/no.db", "SELECT 1", 1.0):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_asks_and_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    made = ResultsDatabase(f"sqlite:///{tmp_path}/results.db")
    made.commit([OUTCOME])
    made.close()
    monkeypatch.delenv("TASKQ_RESULTS_DATABASE", raising=False)
    monkeypatch.setenv("TASKQ_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    sql = "SELECT name, seconds, value, value_ref FROM results"
    assert main(["results", "--sql", sql]) == 0
    assert capfd.readouterr().out.splitlines() == [
        "name   seconds  value                         value_ref", "a sum  0.25     3.14159265358979323846264338",
    ]
    assert main(["results", "--sql", sql, "--json"]) == 0
    row = {"name": "a sum", "seconds": 0.25, "value": "3.14159265358979323846264338", "value_ref": None}
    assert json.loads(capfd.readouterr().out) == [row]
    assert main(["results", "--sql", sql, "--out", "r.json"]) == 0
    assert json.loads((tmp_path / "r.json").read_text()) == [row]
    assert main(["results", "--sql", sql, "--out", "r.csv"]) == 0
    with (tmp_path / "r.csv").open() as file:
        assert list(csv.DictReader(file)) == [{**row, "seconds": "0.25", "value_ref": ""}]
    assert main(["results", "--sql", "DELETE FROM results"]) == 2
    assert main(["results", "--sql", sql, "--batch", "b"]) == 2
    assert main(["results", "--sql", sql, "--out", "r.xlsx"]) == 2


def test_the_page_names_every_table_and_column_that_there_is() -> None:
    for table in metadata.sorted_tables:
        part = PAGE.partition(f"### `{table.name}`")[2].partition("### ")[0]
        named = re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)
        assert named == list(table.columns.keys()), table.name
    assert re.findall(r"^### `(\w+)`", PAGE, re.MULTILINE) == [results.name, "result_manifests", "unreadable", "probes"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_the_page_asks_can_be_asked(database: ResultsDatabase) -> None:
    asked = re.findall(r"```sql\n(.+?)```", PAGE, re.DOTALL)
    assert len(asked) >= 2
    for sql in asked:
        rows(database, sql)
