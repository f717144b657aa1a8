"""Retention of the results database: what is old and told goes, what the service has not heard of stays."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from sample_messages import OUTCOME, changed
from stacks import until
from taskq_sink import retention
from taskq_sink.database import ResultsDatabase, manifests, metadata, results
from taskq_sink.retention import Pruned, keep_pruned, prune_results

from taskq_kernel.domain import TaskStatus, Verdict
from taskq_kernel.messages import OutcomeMessage, encode
from taskq_kernel.settings import Settings

pytest_plugins = ["store_fixtures"]

DAY = 86_400.0


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ResultsDatabase]:
    sqlite = f"sqlite:///{tmp_path}/results.db"
    database = ResultsDatabase(sqlite if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    yield database
    metadata.drop_all(database._engine)
    database.close()


def outcome(attempt: int, finished_at: float) -> OutcomeMessage:
    return msgspec.structs.replace(OUTCOME, attempt=attempt, started_at=finished_at, finished_at=finished_at)


def keep(database: ResultsDatabase, *finished_at: float, told: bool = True) -> None:
    """Keep outcomes, the attempts 1, 2, ..."""
    given = [outcome(attempt, at) for attempt, at in enumerate(finished_at, 1)]
    database.commit(given)
    if told:
        database.mark_reported([((one.id, one.attempt), Verdict.ACCEPTED) for one in given])


def attempts(database: ResultsDatabase) -> list[int]:
    with database._engine.connect() as conn:
        return list(conn.execute(sa.select(results.c.attempt).order_by(results.c.attempt)).scalars())


def prune(database: ResultsDatabase, before: float, **given: Any) -> Pruned:
    *_, last = prune_results(database._engine.url, before, **given)
    return last


def test_what_ended_before_a_time_goes(database: ResultsDatabase) -> None:
    keep(database, 1 * DAY, 2 * DAY, 3 * DAY)
    trial = prune(database, 2.5 * DAY, dry_run=True)
    assert trial.rows == 2
    assert 2 * 500 < trial.size_bytes < 2000
    assert attempts(database) == [1, 2, 3]
    assert prune(database, 2.5 * DAY).rows == 2
    assert attempts(database) == [3]
    assert prune(database, 2.5 * DAY).rows == 0


def test_only_what_ended_as_it_was_asked_for_goes(database: ResultsDatabase) -> None:
    keep(database, 1 * DAY)
    assert prune(database, 2 * DAY, status=[TaskStatus.FAILED]).rows == 0
    assert prune(database, 2 * DAY, status=[TaskStatus.FAILED, TaskStatus.FINISHED]).rows == 1


def test_what_the_service_has_not_heard_of_stays_however_old(database: ResultsDatabase) -> None:
    keep(database, 1 * DAY, told=False)
    assert prune(database, 99 * DAY).rows == 0
    assert len(database.unreported(9, 1 << 20).outcomes) == 1


def test_what_is_quarantined_stays_until_it_is_a_dead_letter(database: ResultsDatabase) -> None:
    keep(database, 1 * DAY, told=False)
    with database._engine.begin() as conn:
        conn.execute(sa.update(results).values(message=changed(OUTCOME, schema=99)))
    database.unreported(9, 1 << 20)
    assert prune(database, 99 * DAY).rows == 0
    database.mark_dead_lettered(database.quarantined(9))
    assert prune(database, 99 * DAY).rows == 1
    assert attempts(database) == []


def test_the_file_gets_smaller(database: ResultsDatabase, tmp_path: Path) -> None:
    long = msgspec.Raw(b'"' + b"x" * 50_000 + b'"')
    given = [
        msgspec.structs.replace(outcome(attempt, DAY), value=msgspec.structs.replace(OUTCOME.value, data=long))
        for attempt in range(1, 41)
    ]
    assert len(encode(given[0])) > 50_000
    database.commit(given)
    database.mark_reported([((one.id, one.attempt), Verdict.ACCEPTED) for one in given])
    trial = prune(database, 2 * DAY, dry_run=True)
    done = prune(database, 2 * DAY)
    assert done.rows == 40
    if database._engine.dialect.name == "sqlite":
        assert trial.file_bytes > 2_000_000
        assert done.file_bytes < 200_000
        assert (tmp_path / "results.db").stat().st_size == done.file_bytes


def test_the_sink_prunes_by_itself_as_it_is_set(database: ResultsDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "FIRST_S", 0.0)
    monkeypatch.setattr(retention, "PAUSE_S", 0.0)
    keep(database, 1 * DAY)

    async def scene(**given: Any) -> None:
        job = asyncio.create_task(keep_pruned(database._engine.url, Settings(**given)))
        if given.get("retention") is None or given.get("retention_keep_results"):
            await job
            return
        await until(lambda: attempts(database) == [], "the old row goes")
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job

    asyncio.run(scene())
    asyncio.run(scene(retention=DAY, retention_keep_results=True))
    assert attempts(database) == [1]
    asyncio.run(scene(retention=DAY))


def test_the_text_of_a_manifest_goes_with_the_last_result_that_names_it(database: ResultsDatabase) -> None:
    for attempt, sha256 in enumerate(("a" * 64, "b" * 64), 1):
        origin = msgspec.structs.replace(OUTCOME.provenance, manifest_sha256=sha256, manifest="packages")
        one = msgspec.structs.replace(outcome(attempt, attempt * DAY), provenance=origin)
        database.commit([one], [((one.id, 1), Verdict.ACCEPTED)])

    def kept() -> list[str]:
        with database._engine.connect() as conn:
            return list(conn.execute(sa.select(manifests.c.sha256)).scalars())

    prune(database, 1.5 * DAY)
    assert len(kept()) == 2  # a worker has told both a moment ago, and does not tell them again so soon
    with database._engine.begin() as conn:
        conn.execute(sa.update(manifests).values(seen_at=DAY))
    prune(database, 1.5 * DAY)
    assert kept() == ["b" * 64]
