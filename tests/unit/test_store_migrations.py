"""Databases of earlier releases: what was in them is there after the migration, and is counted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from postgres_fixture import new_database
from sqlalchemy.engine import Connection
from store_lab import Clock, Lab
from store_seed import seed

from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import SetupError
from taskq_kernel.seeds import MAX_SEED
from taskq_kernel.store import Store, StoreUnavailable, upgrade
from taskq_kernel.store.migrate import configuration
from taskq_kernel.store.statistics import read_statistics
from taskq_kernel.store.tables import metadata, tasks
from taskq_kernel.task_files import KeptFile

pytest_plugins = ["store_fixtures"]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with no tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('old')}/tasks.db"
        return
    yield new_database(request.getfixturevalue("postgres"))


def at_revision(store: Store, revision: str) -> None:
    """Bring a database to the tables of an earlier release."""
    with store.writer.begin() as conn:
        config = configuration()
        config.attributes["connection"] = conn
        command.upgrade(config, revision)


def rows(conn: Connection, table: sa.Table) -> list[Any]:
    """All there is in a table, in one order."""
    return sorted(map(tuple, conn.execute(sa.select(table))), key=repr)


def made_up(conn: Connection, column: sa.Column[Any]) -> Any:
    """Something that a column may hold, where there is one row."""
    for foreign in column.foreign_keys:
        return conn.scalar(sa.select(foreign.column).limit(1))
    return {str: "x", int: 7, float: 0.5, bool: True}[column.type.python_type]


@pytest.mark.parametrize(
    ("damage", "lacking"),
    [("ALTER TABLE tasks DROP COLUMN timing", "timing"), ("DROP TABLE held_back", "held_back")],
)
def test_a_database_that_lacks_what_its_revision_has_is_refused_with_what_it_is(
    url: str, damage: str, lacking: str
) -> None:
    upgrade(url)
    store = Store(url)
    with store.writer.begin() as conn:
        conn.exec_driver_sql(damage)
    store.close()
    with pytest.raises(SetupError, match=rf"not as this release makes it \(.*{lacking}.*\): move it away"):
        upgrade(url)


def test_a_database_of_a_release_that_this_one_does_not_know_is_refused_with_what_it_is(url: str) -> None:
    upgrade(url)
    store = Store(url)
    with store.writer.begin() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    store.close()
    with pytest.raises(SetupError, match=r"made by a release that this one does not know \(.*9999.*\): install that"):
        upgrade(url)


def test_a_database_that_does_not_answer_is_not_called_a_wrong_one(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        upgrade(f"sqlite:///{tmp_path / 'missing' / 'tasks.db'}")


def test_tasks_of_an_earlier_release_are_counted_once_and_for_all(url: str) -> None:
    store = Store(url)
    at_revision(store, "0001")
    seed(store, 300)
    upgrade(url)
    with store.reader.begin() as conn:
        counted = sa.select(tasks.c.status, sa.func.count()).group_by(tasks.c.status)
        there = {row[0]: row[1] for row in conn.execute(counted)}
        last = conn.execute(sa.select(sa.func.max(tasks.c.finished_at))).scalar_one()
        ended = conn.execute(sa.select(sa.func.count()).select_from(tasks).where(
            tasks.c.finished_at >= (last // 60 - 59) * 60, tasks.c.status.in_(("FINISHED", "FAILED"))
        )).scalar_one()
    statistics = store.read(read_statistics, last)
    assert {status: count for status, count in statistics.counts.items() if count} == there
    assert there[TaskStatus.FINISHED] > 200
    assert sum(finished + failed for _at, finished, failed in statistics.last_hour) == ended > 0
    store.close()


def test_tasks_of_an_earlier_release_get_a_seed_unless_they_have_finished(url: str) -> None:
    store = Store(url)
    at_revision(store, "0001")
    seed(store, 300)
    upgrade(url)
    with store.reader.begin() as conn:
        found = conn.execute(sa.select(tasks.c.status, tasks.c.seed)).all()
    finished = {row.seed for row in found if row.status == TaskStatus.FINISHED}
    others = [row.seed for row in found if row.status != TaskStatus.FINISHED]
    assert finished == {None}
    assert all(0 <= one <= MAX_SEED for one in others)
    assert len(set(others)) == len(others) > 20
    assert max(others) > MAX_SEED / 2
    store.close()


def test_what_the_release_before_kept_is_there_to_the_last_column_and_goes_on(url: str) -> None:
    # Given: the tables of the release before, with something in every column of each.
    store, earlier = Store(url), sa.MetaData()
    at_revision(store, "0012")
    seed(store, 300)
    with store.writer.begin() as conn:
        earlier.reflect(conn)
        earlier.remove(earlier.tables["alembic_version"])
        for table in earlier.sorted_tables:
            if not rows(conn, table):
                conn.execute(sa.insert(table).values({one.name: made_up(conn, one) for one in table.columns}))
        kept = {name: rows(conn, table) for name, table in earlier.tables.items()}
    # When: this release takes them over.
    upgrade(url)
    # Then: all of it is there, what is new is empty, and what waits can run.
    with store.reader.begin() as conn:
        assert {name: rows(conn, table) for name, table in earlier.tables.items()} == kept
        for name in earlier.tables:
            for column in metadata.tables[name].columns:
                if column.name not in earlier.tables[name].columns:
                    assert conn.scalar(sa.select(sa.func.count(column))) == 0, column
        task = conn.execute(sa.select(tasks).where(tasks.c.status == TaskStatus.QUEUEING).limit(1)).one()
    lab = Lab(store, Clock())
    worker = lab.join(cores=4, gpus=1)
    assert lab.claim(worker, task) == [(task.id, 1)]
    lab.record(lab.outcome(task, worker, files=[KeptFile("x.csv", "a" * 64, 10)]))
    assert lab.task(task).status == TaskStatus.FINISHED
    store.close()
