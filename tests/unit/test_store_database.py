"""Transactions, migrations and tokens."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from store_lab import Lab

from taskq_kernel.domain import Role, TaskStatus
from taskq_kernel.errors import InvalidTask, NotFound, TaskqError
from taskq_kernel.store import Store, StoreUnavailable, Write, tokens, upgrade
from taskq_kernel.store.database import current_version, normal_url
from taskq_kernel.store.migrate import configuration, latest_revision
from taskq_kernel.store.tables import AnyText, Cause, metadata
from taskq_kernel.store.transitions import Transition, transition

pytest_plugins = ["store_fixtures"]


def test_the_migrations_make_exactly_the_tables_of_this_release(lab: Lab) -> None:
    with lab.store.writer.begin() as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == latest_revision()


def test_migrating_again_changes_nothing(lab: Lab) -> None:
    [task] = lab.submit()
    upgrade(lab.store.url.render_as_string(hide_password=False))
    assert lab.task(task) == task


def test_a_database_of_the_first_tables_keeps_its_tasks(lab: Lab) -> None:
    [task] = lab.submit()
    with lab.store.writer.begin() as conn:
        config = configuration()
        config.attributes["connection"] = conn
        command.downgrade(config, "0001")
    upgrade(lab.store.url.render_as_string(hide_password=False))
    # It had no seed then, and is given one as it waits; of a cache nobody had thought.
    kept = lab.task(task)
    assert kept.seed is not None
    assert not kept.cache
    assert kept._asdict() | {"seed": task.seed, "cache": task.cache} == task._asdict()


def test_several_processes_may_migrate_a_new_database_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'tasks.db'}"
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        pool.map(upgrade, [url] * 3)
    store = Store(url)
    assert store.read(current_version) == 0
    store.close()


def test_a_write_that_fails_leaves_nothing_behind(lab: Lab) -> None:
    heard: list[Write] = []
    lab.store.on_commit.append(heard.append)

    def fail(write: Write) -> None:
        write.next_version()
        write.next_number()
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        lab.store.write(fail)
    assert lab.store.read(current_version) == 0
    assert heard == []
    assert lab.submit()[0].number == 1


def test_an_illegal_transition_is_refused_whatever_the_caller_believes(lab: Lab) -> None:
    [task] = lab.submit()

    def jump(write: Write) -> None:
        transition(write, TaskStatus.FINISHED, Cause.OUTCOME, [Transition(task.number, "ann", 0, None, "a jump")])

    with pytest.raises(TaskqError, match="1 of 1 tasks could not go to FINISHED"):
        lab.store.write(jump)
    assert lab.task(task) == task
    assert len(lab.history(task)) == 1


def test_readers_cannot_write(lab: Lab) -> None:
    if lab.store.reader.dialect.name != "sqlite":
        return  # PostgreSQL readers are kept apart by isolation, not by a read-only mode
    with pytest.raises(sa.exc.OperationalError, match="readonly"), lab.store.reader.begin() as conn:
        conn.exec_driver_sql("DELETE FROM tasks")


def test_a_database_that_cannot_be_used_is_reported_without_its_insides(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'missing' / 'tasks.db'}")
    for call in (lambda: store.read(current_version), lambda: store.write(lambda write: write.version)):
        with pytest.raises(StoreUnavailable, match="try again") as refused:
            call()
        assert "sqlite" not in str(refused.value).lower()
        assert refused.value.code == "UNAVAILABLE"
    store.close()


@pytest.mark.parametrize("statement", ["SELECT colour FROM tasks", "SELECT 1 FROM nothing", "SELEKT 1"])
def test_a_statement_that_is_at_fault_is_not_told_as_a_database_that_is_away(lab: Lab, statement: str) -> None:
    calls = (
        lambda: lab.store.read(lambda conn: conn.exec_driver_sql(statement)),
        lambda: lab.store.write(lambda write: write.conn.exec_driver_sql(statement)),
    )
    for call in calls:
        with pytest.raises(sa.exc.DBAPIError):
            call()


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("postgresql://u:p@h/d", "postgresql+psycopg"), ("postgres://h/d", "postgresql+psycopg"),
        ("postgresql+psycopg://h/d", "postgresql+psycopg"), ("sqlite:////x.db", "sqlite"),
    ],
)
def test_a_database_url_gets_the_driver_that_is_there(given: str, driver: str) -> None:
    url = normal_url(given)
    assert url.drivername == driver
    assert "p@" not in repr(url)


@pytest.mark.parametrize("text", ["", "a", "\0", "\x10", "\x100", "\x10\0", "\0\x10", "\x10\x10\x100\0\0"])
def test_text_with_nul_is_stored_without_and_comes_back(text: str) -> None:
    kind, dialect = AnyText(), sa.engine.default.DefaultDialect()
    stored = kind.process_bind_param(text, dialect)
    assert stored is not None
    assert "\0" not in stored
    assert kind.process_result_value(stored, dialect) == text


def test_a_token_stands_for_its_name_until_it_expires_or_is_revoked(lab: Lab) -> None:
    token_id, token = lab.store.write(tokens.create_token, "ann", Role.USER, lab.clock.now + 10)
    digest = tokens.hash_token(token)

    def known() -> tokens.Identity | None:
        return lab.store.read(tokens.identity_of, digest, lab.clock.now)

    assert known() == tokens.Identity("ann", Role.USER)
    lab.clock.advance(10)
    assert known() is None
    lab.clock.advance(-1)
    lab.store.write(tokens.revoke_token, token_id)
    assert known() is None
    assert lab.store.read(tokens.identity_of, "0" * 64, lab.clock.now) is None


def test_a_token_is_stored_as_its_hash_only(lab: Lab) -> None:
    _id, token = lab.store.write(tokens.create_token, "ann", Role.ADMIN)
    assert len(token) > 40
    [row] = lab.store.read(tokens.list_tokens)
    assert (row.name, row.role, row.revoked_at) == ("ann", "admin", None)
    assert not hasattr(row, "sha256")
    with lab.store.reader.begin() as conn:
        assert token not in str(conn.exec_driver_sql("SELECT * FROM tokens").all())


def test_a_token_needs_a_name_and_an_unknown_one_cannot_be_revoked(lab: Lab) -> None:
    for name in ("", "  ", "x" * 201, "a\0"):
        with pytest.raises(InvalidTask, match="give 1 to 200 printable characters"):
            lab.store.write(tokens.create_token, name, Role.USER)
    with pytest.raises(NotFound):
        lab.store.write(tokens.revoke_token, "nothing")
