"""Hot statements: the same rows as through SQLAlchemy, on SQLite and PostgreSQL."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from store_lab import Lab
from store_plans import executed, plan

from taskq_kernel.store.database import Write
from taskq_kernel.store.hot import HotQuery, HotStatement, among
from taskq_kernel.store.rows import DefinitionRow, TaskRow, WorkerRow
from taskq_kernel.store.tables import sources, tasks, workers

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
        return changed, [row.code for row in write.conn.execute(FIND)]

    assert lab.store.write(act) == (2, ["after a", "after b", "before \0", "another"])


def test_a_hot_query_gives_rows_as_sqlalchemy_does_whatever_their_columns_hold(lab: Lab) -> None:
    find = HotQuery(DefinitionRow, lambda conn: sa.select(sources).where(among(conn, sources.c.sha256, "digests")))
    joined = HotQuery(WorkerRow, lambda _: sa.select(workers))
    lab.join()

    def act(write: Write) -> None:
        KEEP.execute(write.conn, [{"sha256": letter * 64, "code": f"{letter} \0 \x10 '"} for letter in "abc"])
        rows = find.all(write.conn, digests=["a" * 64, "c" * 64, "z" * 64])
        assert sorted(row.code for row in rows) == ["a \0 \x10 '", "c \0 \x10 '"]
        assert find.all(write.conn, digests=[]) == []
        assert find.first(write.conn, digests=["z" * 64]) is None
        worker = joined.first(write.conn)
        assert worker is not None
        assert tuple(worker) == tuple(write.conn.execute(sa.select(workers)).one())  # type: ignore[arg-type]
        assert worker.drain is False

    lab.store.write(act)


def test_a_query_that_is_left_before_its_end_holds_nothing_up(lab: Lab) -> None:
    every = HotQuery(TaskRow, lambda _: sa.select(tasks.c.number).order_by(tasks.c.number))
    lab.submit(*["1"] * 30)

    def act(write: Write) -> int:
        with every.each(write.conn, 5) as rows:
            first = next(iter(rows)).number
        KEEP.execute(write.conn, {"sha256": "e" * 64, "code": ""})
        return first

    assert lab.store.write(act) == 1
    assert len(lab.submit()) == 1


def test_an_error_of_the_driver_is_sqlalchemys_and_nothing_is_kept_of_its_transaction(lab: Lab) -> None:
    def act(write: Write) -> None:
        KEEP.execute(write.conn, {"sha256": "f" * 64, "code": "first"})
        KEEP.execute(write.conn, {"sha256": "f" * 64, "code": "second"})

    with pytest.raises(IntegrityError):
        lab.store.write(act)
    with lab.store.reader.begin() as conn:
        assert conn.execute(FIND).all() == []
    assert len(lab.submit()) == 1  # the connection is good for the next one


def test_a_list_is_one_parameter_and_is_looked_up_in_the_index(lab: Lab) -> None:
    find = HotQuery(TaskRow, lambda conn: sa.select(tasks.c.number).where(among(conn, tasks.c.id, "ids")))
    (task,) = lab.submit()
    with executed(lab.store.writer) as statements:
        assert lab.store.write(lambda write: find.first(write.conn, ids=[task.id])).number == task.number  # type: ignore[union-attr]
    statement, parameters = next(one for one in statements if "tasks.id" in one[0])
    with lab.store.reader.begin() as conn:
        if conn.dialect.name == "postgresql":
            conn.exec_driver_sql("SET LOCAL enable_seqscan = off")
        lines = plan(conn, statement, parameters)
    assert any("ind" in line.lower() and "id" in line for line in lines), lines
    assert not any("SCAN tasks" in line or "Seq Scan" in line for line in lines), lines
