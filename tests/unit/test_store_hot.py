"""Hot statements: the same rows as through SQLAlchemy, on SQLite and PostgreSQL."""

from __future__ import annotations

import sqlalchemy as sa
from store_lab import Lab

from taskq_kernel.store.database import Write
from taskq_kernel.store.hot import HotStatement
from taskq_kernel.store.tables import sources

pytest_plugins = ["store_fixtures"]

KEEP = HotStatement(lambda _: sa.insert(sources).inline())
FIND = sa.select(sources.c.sha256, sources.c.code).order_by(sources.c.sha256)


def test_what_a_hot_statement_writes_is_what_sqlalchemy_reads(lab: Lab) -> None:
    def act(write: Write) -> list[tuple[str, str]]:
        KEEP.execute(write.conn, {"sha256": "a" * 64, "code": "a NUL \0, a quote ', %(x)s and :x"})
        KEEP.execute(write.conn, [{"sha256": letter * 64, "code": f"{letter} \0"} for letter in "bcd"])
        return [(row.sha256, row.code) for row in write.conn.execute(FIND)]

    assert lab.store.write(act) == [
        ("a" * 64, "a NUL \0, a quote ', %(x)s and :x"), *((letter * 64, f"{letter} \0") for letter in "bcd"),
    ]  # fmt: skip


def test_a_hot_statement_says_how_many_rows_it_changed_and_keeps_the_values_that_stand_in_it(lab: Lab) -> None:
    rename = HotStatement(
        lambda _: sa.update(sources)
        .where(sources.c.sha256 == sa.bindparam("of"), sources.c.code == "before \0")
        .values(code=sa.bindparam("code"))
    )

    def act(write: Write) -> tuple[int, list[str]]:
        KEEP.execute(write.conn, [{"sha256": letter * 64, "code": "before \0"} for letter in "abc"])
        KEEP.execute(write.conn, {"sha256": "d" * 64, "code": "another"})
        changed = rename.execute(write.conn, [{"of": letter * 64, "code": f"after {letter}"} for letter in "abd"])
        return changed.rowcount, [row.code for row in write.conn.execute(FIND)]

    assert lab.store.write(act) == (2, ["after a", "after b", "before \0", "another"])
