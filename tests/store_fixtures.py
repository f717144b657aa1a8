"""Fixtures of the store's tests: each test runs over SQLite and over PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_fixture import PostgresMissing, postgres_server
from stacks import missing
from store_lab import Clock, Lab, empty

from taskq_kernel.store import Store, upgrade


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh SQLite database to copy."""
    path = tmp_path_factory.mktemp("store") / "tasks.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server; `new_database` makes databases beside the one of its URL."""
    try:
        with postgres_server() as url:
            yield url
    except PostgresMissing as error:
        missing(str(error))


@pytest.fixture(scope="session")
def postgres_url(postgres: str) -> str:
    """A PostgreSQL database with taskq's tables."""
    upgrade(postgres)
    return postgres


@pytest.fixture(scope="session")
def postgres_store(postgres_url: str) -> Iterator[Store]:
    """One store for all tests: connecting takes longer than most of them."""
    store = Store(postgres_url)
    yield store
    store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    """An empty task database, and time that stands still."""
    clock = Clock()
    if request.param == "sqlite":
        path = tmp_path / "tasks.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        store = Store(f"sqlite:///{path}", clock=clock)
        yield Lab(store, clock)
        store.close()
    else:
        store = request.getfixturevalue("postgres_store")
        store.clock = clock
        store.on_commit.clear()
        empty(store)
        yield Lab(store, clock)
