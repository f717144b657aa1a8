"""Giving space back when the database does not take it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from taskq_kernel.store import space


def test_a_database_that_cannot_be_written_anew_now_is_told_as_by_any_other_statement(tmp_path: Path) -> None:
    path = tmp_path / "tasks.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("CREATE TABLE t (x BLOB)")
    other.execute("INSERT INTO t VALUES (zeroblob(1000000))")
    other.execute("DELETE FROM t")
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 0.05})

    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(sa.exc.OperationalError, match="database is locked"):
        space.give_back(engine)
    other.execute("ROLLBACK")

    before = path.stat().st_size
    assert space.give_back(engine).free_bytes == 0
    assert path.stat().st_size < before / 10
    other.close()
    engine.dispose()
