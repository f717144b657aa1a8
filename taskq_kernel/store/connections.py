"""Transactions of an engine, opened and ended without more ado than the database needs.

For the few hundred microseconds of a lone task's transaction, SQLAlchemy's pool and its own record of the
transaction cost as much as the statements. With SQLite connections are kept here, and begin and commit go
to the driver; what is executed through SQLAlchemy on such a connection is within that transaction all the
same. PostgreSQL's connections may be lost at any time, which its pool looks after.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from sqlalchemy.engine import Connection, Engine

from taskq_kernel.store.hot import translating


class Connections:
    """The connections of an engine that transactions go through.

    Parameters
    ----------
    engine : Engine
        Where they come from.
    begin : str
        What begins a transaction with SQLite.
    """

    def __init__(self, engine: Engine, begin: str) -> None:
        self._engine = engine
        self._begin = begin
        self._idle: list[Connection] = []

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction: committed at the end, rolled back where that is an exception."""
        if self._engine.dialect.name != "sqlite":
            with self._engine.begin() as conn:
                yield conn
            return
        try:
            conn = self._idle.pop()
        except IndexError:
            conn = self._engine.connect()
        driver = cast("sqlite3.Connection", conn.connection.dbapi_connection)
        try:
            with translating(conn, self._begin):
                driver.execute(self._begin)
            yield conn
            with translating(conn, "COMMIT"):
                driver.commit()
        except BaseException:
            self._give_up(conn)
            raise
        if conn.in_transaction():  # as SQLAlchemy has it
            conn.commit()
        self._idle.append(conn)

    def _give_up(self, conn: Connection) -> None:
        """Roll back, and keep nothing of a connection on which something went wrong."""
        try:
            conn.connection.rollback()
        finally:
            conn.close()

    def close(self) -> None:
        """Give back what is kept."""
        while self._idle:
            self._idle.pop().close()
