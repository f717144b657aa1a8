"""What a database does for a statement: its plan."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.store import hot


@contextmanager
def executed(engine: sa.Engine) -> Iterator[list[tuple[str, Any]]]:
    """The statements that an engine's connections execute, with their parameters."""
    seen: list[tuple[str, Any]] = []
    hand_over = hot.hand_over

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        seen.append((statement, parameters[0] if many else parameters))

    def note_hot(conn: Connection, text: str, given: Any, at_once: int | None = None) -> Any:
        # What goes to SQLite's own module passes by SQLAlchemy's events.
        if conn.engine is engine and conn.dialect.name == "sqlite":
            note(conn, None, text, given, None, isinstance(given, list))
        return hand_over(conn, text, given, at_once)

    sa.event.listen(engine, "before_cursor_execute", note)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hot, "hand_over", note_hot)
        try:
            yield seen
        finally:
            sa.event.remove(engine, "before_cursor_execute", note)


def plan(conn: Connection, statement: str, parameters: Any) -> list[str]:
    """The lines of a statement's plan."""
    if conn.dialect.name == "sqlite":
        lines = [row[3] for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
        return [line.replace(" TABLE ", " ") for line in lines]  # as it says before SQLite 3.36
    return [row[0] for row in conn.exec_driver_sql(f"EXPLAIN {statement}", parameters)]
