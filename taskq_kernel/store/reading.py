"""Reading a database with somebody's SQL, and nothing but reading.

Three locks are on one door. SQLite's file is opened for reading alone, its connection refuses to write, and
an authorizer lets a statement do nothing but read this database's tables: it attaches no other file and
loads no extension. PostgreSQL reads in a transaction that is read only. Either statement ends when its time
is over.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from taskq_kernel.errors import InvalidTask, NotFound, TaskqError
from taskq_kernel.store.database import normal_url

#: Steps of SQLite's machine between two looks at the clock.
_STEPS = 10_000
#: Rows that are fetched at a time.
_ROWS = 1_000
_ALLOWED = frozenset({
    sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE,
})
#: Functions of SQLite that read or run files.
_FORBIDDEN = frozenset({"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"})


class Table:
    """What a statement brings: the names of its columns, and its rows as they are read."""

    def __init__(self, columns: list[str], rows: Iterator[tuple[Any, ...]]) -> None:
        self.columns = columns
        self.rows = rows


@contextmanager
def read(url: str | sa.URL, sql: str, limit_s: float) -> Iterator[Table]:
    """Run one statement that reads; its rows, for as long as the context is open.

    Parameters
    ----------
    url : str or sqlalchemy.URL
        The database.
    sql : str
        A SELECT, or a WITH that ends in one.
    limit_s : float
        How long it may take, in seconds, its rows included.

    Raises
    ------
    NotFound
        If there is no such database.
    InvalidTask
        If the statement cannot be run, or does anything but read.
    TaskqError
        If its time is over.
    """
    address = normal_url(url)
    reading = _read_sqlite if address.get_backend_name() == "sqlite" else _read_server
    with reading(address, sql, limit_s) as table:
        yield table


@contextmanager
def _read_sqlite(url: sa.URL, sql: str, limit_s: float) -> Iterator[Table]:
    file = Path(url.database or "")
    if not file.is_file():
        raise NotFound(f"there is no database at {file}: give its URL, or run this where it is", "NOT_FOUND")
    end = time.monotonic() + limit_s
    with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=limit_s)) as conn:
        conn.execute("PRAGMA query_only = ON")
        conn.set_authorizer(_authorize)
        conn.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
        with _explained(limit_s, (sqlite3.Error, sqlite3.Warning), "interrupted"):
            cursor = conn.execute(sql)
            if cursor.description is None:
                raise InvalidTask("reads nothing: give a SELECT", "sql")
            yield Table([column[0] for column in cursor.description], _rows(cursor))


def _authorize(action: int, _of: str | None, name: str | None, *_: object) -> int:
    if action not in _ALLOWED or (action == sqlite3.SQLITE_FUNCTION and name in _FORBIDDEN):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


@contextmanager
def _read_server(url: sa.URL, sql: str, limit_s: float) -> Iterator[Table]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    try:
        with _explained(limit_s, _driver_error(engine), "statement timeout"), engine.connect() as conn:
            conn.exec_driver_sql("SET TRANSACTION READ ONLY")
            conn.exec_driver_sql(f"SET LOCAL statement_timeout = {int(limit_s * 1000)}")
            # A cursor on the server takes one statement that brings rows, and nothing after a semicolon.
            driver: Any = conn.connection.driver_connection
            with driver.cursor("rows") as cursor:
                cursor.execute(sql)
                yield Table([column[0] for column in cursor.description], _rows(cursor))
    finally:
        engine.dispose()


def _driver_error(engine: sa.Engine) -> tuple[type[Exception], ...]:
    kind: type[Exception] = engine.dialect.loaded_dbapi.Error
    return DBAPIError, kind


def _rows(cursor: Any) -> Iterator[tuple[Any, ...]]:
    while rows := cursor.fetchmany(_ROWS):
        yield from rows


@contextmanager
def _explained(limit_s: float, kinds: tuple[type[Exception], ...], over: str) -> Iterator[None]:
    try:
        yield
    except kinds as error:
        text = str(getattr(error, "orig", None) or error).strip()
        if over in text:
            problem = f"the statement took longer than {limit_s:g} s: ask for less, or give it more time"
            raise TaskqError(problem) from None
        if any(word in text for word in ("not authorized", "prohibited", "read-only", "readonly")):
            raise InvalidTask(f"may do nothing but read: {text}", "sql", place="the statement") from None
        raise InvalidTask(f"cannot be run: {text}", "sql", place="the statement") from None
