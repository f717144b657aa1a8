"""Statements that run for every task: written out once for each kind of database.

SQLAlchemy makes a statement anew from its parts, and looks up its text, each time it is executed;
for a statement of a few microseconds that takes most of the time. Here the text is kept, and
handed to the driver with the parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Dialect

from taskq_kernel.store.rows import Columns

#: With parameters by name, so that a row is handed on as it is.
_DIALECTS: dict[str, Callable[[], Dialect]] = {
    "sqlite": lambda: sqlite.dialect(paramstyle="named"),
    "postgresql": lambda: postgresql.psycopg.dialect(),  # type: ignore[no-untyped-call]  # SQLAlchemy's own
}


@dataclass(frozen=True, slots=True)
class _Written:
    """A statement's text, the values that stand in it, and what becomes of parameters on their way."""

    text: str
    constants: Columns
    converters: Mapping[str, Callable[[Any], Any]]

    def parameters(self, row: Columns) -> Columns:
        given = {**self.constants, **row}
        for name, convert in self.converters.items():
            given[name] = convert(given[name])
        return given


class HotStatement:
    """A statement, as text for each kind of database once it was executed there.

    Results are not converted: what it reads are numbers, or texts that nobody wrote by hand.

    Parameters
    ----------
    build : callable
        Makes the statement, for a connection's kind of database.
    """

    def __init__(self, build: Callable[[Connection], Any]) -> None:
        self._build = build
        self._written: dict[tuple[str, tuple[str, ...]], _Written] = {}

    def execute(self, conn: Connection, rows: Columns | Sequence[Columns]) -> sa.CursorResult[Any]:
        """Execute it with these parameters; once for each row where several are given, all with the same keys."""
        several = [rows] if isinstance(rows, dict) else rows
        key = (conn.dialect.name, tuple(several[0]))
        written = self._written.get(key)
        if written is None:
            written = self._written[key] = self._write(conn, list(several[0]))
        given = [written.parameters(row) for row in several]
        return conn.exec_driver_sql(written.text, given if len(given) > 1 else given[0])

    def _write(self, conn: Connection, names: list[str]) -> _Written:
        dialect = _DIALECTS[conn.dialect.name]()
        compiled = self._build(conn).compile(dialect=dialect, column_keys=names)
        converters = {
            name: bind.type.dialect_impl(dialect).bind_processor(dialect) for bind, name in compiled.bind_names.items()
        }
        return _Written(
            text=str(compiled),
            constants={name: value for name, value in compiled.params.items() if name not in names},
            converters={name: convert for name, convert in converters.items() if convert is not None},
        )
