"""The service's pruner: in steps, within its time, to the end; and what the file of the database is then."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pytest
from store_lab import Lab

from taskq_kernel.errors import InvalidTask, SettingsError
from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.service.blobs import Blobs
from taskq_kernel.service.jobs.pruner import Cursor, Pruned, Pruner, Stage
from taskq_kernel.service.schema.convert import rule_of
from taskq_kernel.settings import load_settings
from taskq_kernel.store import outcomes, retention
from taskq_kernel.store.database import make_engine, sqlite_url
from taskq_kernel.store.retention import Rule
from taskq_kernel.store.space import file_bytes, give_back

pytest_plugins = ["store_fixtures"]

T = TypeVar("T")
DAY = 86_400.0


class Bench:
    """A pruner over a lab's database."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.store = AsyncStore(lab.store)
        self.blobs = Blobs(folder, 1 << 20)

    def pruner(self, keep_s: float | None = None, keep_results: bool = False) -> Pruner:
        return Pruner(self.store, self.blobs, keep_s, keep_results)

    def play(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return asyncio.run(work())

    def done(self, count: int, value: str = "1") -> list[Any]:
        """Tasks that have finished."""
        made = self.lab.submit(*["1"] * count)
        worker = self.lab.join(slots=1000)
        self.lab.claim(worker, *made)
        given = outcomes.Value("JSON", "String", "a text", value, None, len(value), "")
        self.lab.record(*(self.lab.outcome(task, worker, value=given) for task in made))
        return made


@pytest.fixture
def bench(lab: Lab, tmp_path: Path) -> Iterator[Bench]:
    one = Bench(lab, tmp_path / "blobs")
    yield one
    one.store._writer.shutdown()
    one.store._readers.shutdown()


def is_sqlite(bench: Bench) -> bool:
    return bench.lab.store.writer.dialect.name == "sqlite"


def test_the_settings_have_the_service_prune_by_itself(bench: Bench) -> None:
    bench.done(3)
    bench.lab.clock.advance(3 * DAY)
    bench.done(2)
    assert bench.play(bench.pruner(None).look) == Pruned(cursor=None)
    trimmed = bench.play(bench.pruner(2 * DAY, keep_results=True).look)
    assert (trimmed.tasks, trimmed.cursor) == (3, None)
    removed = bench.play(bench.pruner(2 * DAY).look)
    assert (removed.tasks, removed.kept, removed.cursor) == (3, 0, None)
    assert bench.play(bench.pruner(2 * DAY).look).tasks == 0


def test_pruning_stops_when_its_time_is_over_and_goes_on_from_its_cursor(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "STEP", 2)
    bench.done(5)
    bench.lab.clock.advance(DAY)
    rule = Rule(bench.lab.clock.now)
    for trial in (True, False):
        answers = []
        cursor: Cursor | None = Cursor()
        while cursor is not None:
            answer = bench.play(lambda at=cursor, trial=trial: bench.pruner().prune(rule, 0.0, at, trial=trial))
            answers.append(answer)
            cursor = None if answer.cursor is None else Cursor.of(str(answer.cursor))
        assert sum(answer.tasks for answer in answers) == 5
        assert max(answer.tasks for answer in answers) == 2
        assert sum(answer.size_bytes for answer in answers) > 5 * 400
    assert bench.play(lambda: bench.pruner().prune(rule, 60.0)).tasks == 0


def test_a_cursor_that_nobody_gave_is_refused() -> None:
    assert Cursor.of("tasks 12.5 7") == Cursor(Stage.TASKS, (12.5, 7))
    for text in ("", "tasks 1", "tasks x y", "elsewhere", "tasks 1 2 3"):
        with pytest.raises(InvalidTask, match="cursor"):
            Cursor.of(text)


@pytest.mark.parametrize(("age", "status"), [(-1.0, None), (float("nan"), None), (1e12, None), (1.0, []),
                                             (1.0, ["RUNNING", "FAILED"])])
def test_a_rule_about_what_is_not_done_is_refused(age: float, status: list[str] | None) -> None:
    with pytest.raises(InvalidTask):
        rule_of(1e9, age, False, status)


def test_the_setting_is_a_length_of_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taskq.toml").write_text('retention = "90d"\nretention_keep_results = true\n')
    found = load_settings()
    assert (found.retention, found.retention_keep_results) == (90 * DAY, True)
    monkeypatch.setenv("TASKQ_RETENTION", "3600")
    assert load_settings().retention == 3600.0
    monkeypatch.setenv("TASKQ_RETENTION", "12h")
    assert load_settings().retention == 43_200.0
    for wrong in ("soon", "0", "-3d", "nan"):
        monkeypatch.setenv("TASKQ_RETENTION", wrong)
        with pytest.raises(SettingsError, match="TASKQ_RETENTION"):
            load_settings()


def test_the_file_of_the_database_gets_smaller(bench: Bench) -> None:
    if not is_sqlite(bench):
        assert bench.play(lambda: bench.store.maintain(give_back)).file_bytes == 0
        return
    bench.done(300, value=f'"{"x" * 20_000}"')
    bench.lab.clock.advance(DAY)
    before = file_bytes(bench.lab.store.writer)
    assert before > 6_000_000
    done = bench.play(lambda: bench.pruner().prune(Rule(bench.lab.clock.now), 60.0))
    assert done.size_bytes == pytest.approx(6_000_000, rel=0.2)
    assert done.file_bytes < before / 10
    with bench.lab.store.reader.connect() as conn:
        file = Path(str(conn.engine.url.database))
    assert file.stat().st_size == done.file_bytes


def test_a_file_of_an_earlier_release_is_written_anew_once_and_gives_back_ever_after(tmp_path: Path) -> None:
    file = tmp_path / "old.db"
    with closing(sqlite3.connect(file)) as old:
        old.execute("CREATE TABLE t (x)")
        old.executemany("INSERT INTO t VALUES (zeroblob(4000))", [()] * 2000)
        old.commit()
        old.execute("DELETE FROM t WHERE rowid > 1000")
        old.commit()
        assert old.execute("PRAGMA auto_vacuum").fetchone() == (0,)
    before = file.stat().st_size
    engine = make_engine(sqlite_url(file), size=1, writes=True)
    assert give_back(engine, largest=1 << 20).file_bytes == before, "a larger file is left alone"
    assert give_back(engine).file_bytes < 0.6 * before
    with engine.begin() as conn:
        conn.exec_driver_sql("DELETE FROM t")
    found = give_back(engine)
    assert (found.more, found.file_bytes) == (False, file.stat().st_size)
    assert found.file_bytes < before / 50
    engine.dispose()
