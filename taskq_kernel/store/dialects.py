"""What SQLite and PostgreSQL say differently."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import Connection


def upsert(conn: Connection, table: sa.Table) -> Any:
    """An INSERT that can say what to do about a key that is already there."""
    insert: Any = sqlite_insert if conn.dialect.name == "sqlite" else postgresql_insert
    return insert(table)


def insert_new(conn: Connection, table: sa.Table) -> Any:
    """An INSERT that leaves rows alone whose key is already there."""
    return upsert(conn, table).on_conflict_do_nothing()
