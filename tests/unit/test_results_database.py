"""The results database across a change of release: what cannot be read is quarantined, and holds up nothing."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
import sqlalchemy as sa
from sample_messages import OUTCOME, changed
from taskq_sink.database import UNREADABLE, ResultsDatabase, manifests, metadata, results

from taskq_kernel import messages
from taskq_kernel.domain import Verdict
from taskq_kernel.messages import OutcomeMessage, encode
from taskq_kernel.store.tables import metadata as task_metadata

pytest_plugins = ["store_fixtures"]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[ResultsDatabase]:
    database = ResultsDatabase("sqlite://" if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    yield database
    metadata.drop_all(database._engine)
    database.close()


def outcome(attempt: int) -> OutcomeMessage:
    return msgspec.structs.replace(OUTCOME, attempt=attempt)


def rewrite(database: ResultsDatabase, attempt: int, body: bytes) -> None:
    """Change a row's message as if another release had written it."""
    with database._engine.begin() as connection:
        connection.execute(sa.update(results).where(results.c.attempt == attempt).values(message=body))


def test_a_row_that_cannot_be_read_is_quarantined_with_its_reason_and_the_others_are_not(
    database: ResultsDatabase,
) -> None:
    database.commit([outcome(attempt) for attempt in (1, 2, 3)])
    rewrite(database, 1, changed(OUTCOME, schema=99))
    rewrite(database, 2, b"\xff not JSON")

    assert database.unreported(2, 1 << 20).outcomes == [outcome(3)]
    aside = database.quarantined(9)
    assert [row.body for row in aside] == [changed(OUTCOME, schema=99), b"\xff not JSON"]
    assert "schema version 99" in aside[0].reason
    assert "not a JSON object" in aside[1].reason


def test_what_is_quarantined_is_kept_and_is_shown_until_it_was_dead_lettered(database: ResultsDatabase) -> None:
    database.commit([outcome(1), outcome(2)])
    rewrite(database, 1, b"{}")
    rewrite(database, 2, b"[]")
    database.unreported(9, 1 << 20)
    [first, second] = database.quarantined(9)

    database.mark_dead_lettered([first])

    assert database.quarantined(9) == [second]
    with database._engine.connect() as connection:
        kept = connection.execute(sa.select(results.c.verdict, results.c.message).order_by(results.c.id)).all()
    assert kept == [(UNREADABLE, b"{}"), (UNREADABLE, b"[]")]


def test_a_row_of_an_older_version_that_this_release_knows_is_read(
    database: ResultsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.commit([outcome(1)])
    older = msgspec.json.decode(encode(outcome(1)), type=dict[str, msgspec.Raw])
    older["took"] = older.pop("seconds")

    def of_version_1(fields: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
        fields["seconds"] = fields.pop("took")
        return fields

    monkeypatch.setattr(messages, "SCHEMA", 2)
    monkeypatch.setitem(messages.OUTCOME_UPGRADES, 1, of_version_1)
    database.commit([outcome(2)])
    rewrite(database, 1, msgspec.json.encode(older))
    rewrite(database, 2, b'{"schema": 1}')  # of a known version, and broken

    [read] = database.unreported(9, 1 << 20).outcomes

    [row] = database.quarantined(9)
    assert row.reason == "an outcome of version 1 that is broken: KeyError('took')"
    assert read == msgspec.structs.replace(outcome(1), schema=2)
    database.mark_reported([((read.id, read.attempt), Verdict.ACCEPTED)])
    assert database.unreported(9, 1 << 20).outcomes == []


def test_what_is_told_at_once_is_bounded_by_its_size_and_every_outcome_gets_its_turn(database: ResultsDatabase) -> None:
    database.commit([outcome(attempt) for attempt in range(1, 6)])
    size = len(encode(outcome(1)))
    seen = []
    while batch := database.unreported(9, 2 * size + 1).outcomes:
        assert len(batch) <= 2
        seen += [one.attempt for one in batch]
        database.mark_reported([((one.id, one.attempt), Verdict.ACCEPTED) for one in batch])
    assert seen == [1, 2, 3, 4, 5]

    database.commit([outcome(6)])
    assert database.unreported(9, 1).outcomes == [outcome(6)], "one that is longer than all may be comes alone"


def test_a_table_of_an_earlier_release_gets_the_columns_that_came_later(database: ResultsDatabase) -> None:
    database.commit([outcome(1)])
    with database._engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE results DROP COLUMN seed"))
    database._add_missing_columns()
    seeded = msgspec.structs.replace(
        outcome(2), provenance=msgspec.structs.replace(OUTCOME.provenance, seed=2**53 - 1)
    )
    database.commit([seeded])
    with database._engine.connect() as connection:
        kept = connection.execute(sa.select(results.c.attempt, results.c.seed).order_by(results.c.id)).all()
    assert kept == [(1, None), (2, 2**53 - 1)]


def test_a_commit_says_whether_all_were_new_and_marks_what_was_told(database: ResultsDatabase) -> None:
    assert database.commit([outcome(1), outcome(2)])
    told = ((outcome(1).id, 1), Verdict.ACCEPTED)
    assert not database.commit([outcome(2), outcome(3)], [told])
    assert database.unreported(9, 1 << 20) == ([outcome(2), outcome(3)], False)
    assert database.unreported(1, 1 << 20) == ([outcome(2)], True)


def told(attempt: int, sha256: str, text: str | None, **given: str) -> OutcomeMessage:
    origin = msgspec.structs.replace(OUTCOME.provenance, manifest_sha256=sha256, manifest=text, **given)
    return msgspec.structs.replace(OUTCOME, attempt=attempt, provenance=origin)


def test_the_text_of_a_manifest_is_kept_once_for_all_results_that_name_it(database: ResultsDatabase) -> None:
    database.commit([told(1, "a" * 64, "one"), told(2, "a" * 64, None), told(3, "b" * 64, "two")])
    with database._engine.begin() as connection:
        connection.execute(sa.update(manifests).values(seen_at=1.0))
    database.commit([told(4, "a" * 64, "one")])
    with database._engine.connect() as connection:
        kept = connection.execute(sa.select(manifests).order_by(manifests.c.sha256)).all()
    assert [(row.sha256, row.text, row.seen_at > 1) for row in kept] == [
        ("a" * 64, "one", True), ("b" * 64, "two", False),
    ]


def test_a_result_says_of_which_folder_and_commit_it_is_and_whether_that_was_clean(database: ResultsDatabase) -> None:
    commits = ["c" * 40, "c" * 40 + "-dirty"]
    named = [told(at, "a" * 64, None, project="d" * 64, project_commit=one) for at, one in enumerate(commits, 2)]
    database.commit([outcome(1), *named])
    columns = (results.c.project, results.c.project_commit, results.c.project_dirty)
    with database._engine.connect() as connection:
        kept = connection.execute(sa.select(*columns).order_by(results.c.attempt)).all()
    assert kept == [(None, None, None), ("d" * 64, "c" * 40, False), ("d" * 64, "c" * 40, True)]


def test_no_table_is_called_as_one_of_the_task_database_which_may_be_the_same() -> None:
    assert not set(metadata.tables) & set(task_metadata.tables)
