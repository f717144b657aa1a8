"""Statements that run for every task: written out once for each kind of database.

SQLAlchemy makes a statement anew from its parts, and looks up its text, each time it is executed;
for a statement of a few microseconds that takes most of the time. Here the text is kept, and
handed to the driver with the parameters: to SQLite's own module at once, past SQLAlchemy, and to
PostgreSQL's through SQLAlchemy's connection. There is one set of statements for both.
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError

from taskq_kernel.store.rows import Columns

R = TypeVar("R")

#: With parameters by name, so that a row is handed on as it is.
_DIALECTS: dict[str, Callable[[], Dialect]] = {
    "sqlite": lambda: sqlite.dialect(paramstyle="named"),
    "postgresql": lambda: postgresql.psycopg.dialect(),  # type: ignore[no-untyped-call]  # SQLAlchemy's own
}

#: What a statement is given: a value for each parameter, or a list of them for one of `among`.
Parameters = Mapping[str, Any]


class _AsJSON(sa.TypeDecorator[Sequence[Any]]):
    """A list of keys as one parameter: SQLite has no arrays, and reads JSON."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Sequence[Any] | None, dialect: Dialect) -> str | None:
        """The list as SQLite reads it."""
        return None if value is None else msgspec.json.encode(value).decode()


def among(conn: Connection, column: sa.Column[Any], name: str) -> sa.ColumnElement[bool]:
    """The condition that a column is one of a list, given as the one parameter ``name`` however long it is."""
    if conn.dialect.name == "sqlite":
        each = sa.func.json_each(sa.bindparam(name, type_=_AsJSON)).table_valued("value")
        return column.in_(sa.select(each.c.value))
    kind = sa.BigInteger if isinstance(column.type, sa.Integer) else sa.Text
    return column == sa.func.any(sa.bindparam(name, type_=postgresql.ARRAY(kind)))


@dataclass(frozen=True, slots=True)
class _Written:
    """A statement's text, the values that stand in it, and what becomes of parameters on their way."""

    text: str
    constants: Columns
    converters: Mapping[str, Callable[[Any], Any]]

    def parameters(self, row: Parameters) -> dict[str, Any]:
        given = {**self.constants, **row}
        for name, convert in self.converters.items():
            if given[name] is not None:
                given[name] = convert(given[name])
        return given


def _write(conn: Connection, built: Any, names: Sequence[str] | None) -> tuple[_Written, Any]:
    """A statement written out, and what SQLAlchemy compiled of it."""
    dialect = _DIALECTS[conn.dialect.name]()
    compiled = built.compile(dialect=dialect, column_keys=names)
    converters = {
        name: bind.type.dialect_impl(dialect).bind_processor(dialect) for bind, name in compiled.bind_names.items()
    }
    # What has no value of its own is a parameter.
    constants = {
        name: value for name, value in compiled.params.items()
        if (value is not None if names is None else name not in names)
    }
    return _Written(
        text=str(compiled), constants=constants,
        converters={name: convert for name, convert in converters.items() if convert is not None},
    ), dialect


def hand_over(conn: Connection, text: str, given: Any, at_once: int | None = None) -> Any:
    """Hand a statement to the driver; a cursor, or what SQLAlchemy makes of one.

    With ``at_once`` no more rows than that are in memory at a time; SQLite reads one after another anyway.
    """
    several = isinstance(given, list)
    if conn.dialect.name != "sqlite":
        return conn.exec_driver_sql(text, given, {} if at_once is None else {"yield_per": at_once})
    driver = cast("sqlite3.Connection", conn.connection.dbapi_connection)
    with translating(conn, text):
        return driver.executemany(text, given) if several else driver.execute(text, given)


@contextmanager
def translating(conn: Connection, text: str) -> Iterator[None]:
    """Have what SQLite's module raises look as if it had come through SQLAlchemy."""
    try:
        yield
    except sqlite3.Error as error:
        raise DBAPIError.instance(text, None, error, sqlite3.Error, dialect=conn.dialect) from error


class HotStatement:
    """A statement that changes something, as text for each kind of database once it was executed there.

    Parameters
    ----------
    build : callable
        Makes the statement, for a connection's kind of database.
    """

    def __init__(self, build: Callable[[Connection], Any]) -> None:
        self._build = build
        self._written: dict[tuple[str, tuple[str, ...]], _Written] = {}

    def execute(self, conn: Connection, rows: Parameters | Sequence[Parameters]) -> int:
        """Execute it with these parameters, once for each row where several are given, all with the same keys.

        Returns
        -------
        int
            How many rows it has changed.
        """
        several = [rows] if isinstance(rows, dict) else cast("Sequence[Parameters]", rows)
        key = (conn.dialect.name, tuple(several[0]))
        written = self._written.get(key)
        if written is None:
            written = self._written[key] = _write(conn, self._build(conn), list(several[0]))[0]
        given = [written.parameters(row) for row in several]
        return int(hand_over(conn, written.text, given if len(given) > 1 else given[0]).rowcount)


class HotQuery(Generic[R]):
    """A query, likewise.

    Parameters
    ----------
    kind : type
        What its rows look like; see `taskq_kernel.store.rows`.
    build : callable
        Makes the SELECT, for a connection's kind of database. Each parameter has a name.
    """

    def __init__(self, kind: type[R], build: Callable[[Connection], sa.Select[Any]]) -> None:
        self._kind = kind
        self._build = build
        self._written: dict[str, tuple[_Written, Callable[[Iterable[Any]], R]]] = {}

    def all(self, conn: Connection, **parameters: Any) -> list[R]:
        """The rows that it finds with these parameters."""
        written, make = self._written.get(conn.dialect.name) or self._write(conn)
        found = hand_over(conn, written.text, written.parameters(parameters)).fetchall()
        return [make(row) for row in found]

    @contextmanager
    def each(self, conn: Connection, at_once: int, **parameters: Any) -> Iterator[Iterator[R]]:
        """The rows one by one, no more than ``at_once`` of them in memory; it may be left before the last one."""
        written, make = self._written.get(conn.dialect.name) or self._write(conn)
        found = hand_over(conn, written.text, written.parameters(parameters), at_once)
        try:
            yield map(make, found)
        finally:
            found.close()

    def first(self, conn: Connection, **parameters: Any) -> R | None:
        """The first of them, where there is any."""
        return next(iter(self.all(conn, **parameters)), None)

    def _write(self, conn: Connection) -> tuple[_Written, Callable[[Iterable[Any]], R]]:
        select = self._build(conn)
        written, dialect = _write(conn, select, None)
        columns = list(select.selected_columns)
        row: Any = namedtuple("row", [str(column.key) for column in columns])  # type: ignore[misc]  # as it selects
        # PostgreSQL's driver gives everything but text of our own as it is meant; SQLite has no truth values.
        own = [isinstance(column.type, sa.TypeDecorator) or dialect.name == "sqlite" for column in columns]
        readers = {
            place: convert for place, column in enumerate(columns)
            if own[place] and (convert := column.type.dialect_impl(dialect).result_processor(dialect, None)) is not None
        }
        made = self._written[conn.dialect.name] = written, _maker(row, readers)
        return made


def _maker(row: Any, readers: Mapping[int, Callable[[Any], Any]]) -> Callable[[Iterable[Any]], Any]:
    """What makes a row of what the driver read; ``readers`` are for columns that are stored otherwise than they are."""
    if not readers:
        return lambda found: row(*found)
    places = tuple(readers.items())

    def make(found: Iterable[Any]) -> Any:
        cells = list(found)
        for place, convert in places:
            if cells[place] is not None:
                cells[place] = convert(cells[place])
        return row(*cells)

    return make
