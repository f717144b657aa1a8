"""Definitions: code with a function that tasks call, registered once and found by its content."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.errors import NotFound
from taskq_kernel.store.database import Write
from taskq_kernel.store.dialects import insert_new
from taskq_kernel.store.ids import chunks
from taskq_kernel.store.rows import DefinitionRow, one_or_none, rows_of
from taskq_kernel.store.tables import definitions, sources

#: What an attempt's error is called where the code itself is at fault: every other call fails with it too.
PARSE_ERROR = "ParseError"


@dataclass(frozen=True, slots=True)
class NewDefinition:
    """A checked definition that may not be stored yet.

    Attributes
    ----------
    code : str
        Its Julia code.
    source : str
        SHA-256 of the code.
    entry : str or None
        The function to call; None for what the code ends with, or its last function.
    name : str
        What people call it. It is no part of its identity.
    """

    code: str
    source: str
    entry: str | None
    name: str

    @property
    def id(self) -> str:
        """Its id."""
        return definition_id(self.source, self.entry)


def definition_id(source: str, entry: str | None) -> str:
    """What names a definition: the SHA-256 of its code's SHA-256, a line feed, and its entry."""
    return sha256(f"{source}\n{entry or ''}".encode()).hexdigest()


def register_definition(write: Write, new: NewDefinition, owner: str) -> DefinitionRow:
    """Store a definition, unless it is there. What comes first gives the name."""
    write.conn.execute(insert_new(write.conn, sources), [{"sha256": new.source, "code": new.code}])
    write.conn.execute(insert_new(write.conn, definitions), [{
        "id": new.id, "source": new.source, "entry": new.entry, "name": new.name, "owner": owner,
        "created_at": write.now,
    }])
    return get_definition(write.conn, new.id)


_SELECT = sa.select(definitions, sources.c.code).join(sources, sources.c.sha256 == definitions.c.source)


def get_definition(conn: Connection, definition: str) -> DefinitionRow:
    """One definition with its code.

    Raises
    ------
    NotFound
        If there is none.
    """
    row = one_or_none(DefinitionRow, conn.execute(_SELECT.where(definitions.c.id == definition)))
    if row is None:
        raise NotFound(f"no definition has the id {definition[:80]}: register it first", "NOT_FOUND")
    return row


def definitions_of(conn: Connection, ids: Iterable[str]) -> dict[str, DefinitionRow]:
    """Definitions, without their code, by their ids.

    Raises
    ------
    NotFound
        If one of them is not there.
    """
    wanted = sorted(set(ids))
    found: dict[str, DefinitionRow] = {}
    for chunk in chunks(wanted):
        query = sa.select(definitions).where(definitions.c.id.in_(chunk))
        for row in rows_of(DefinitionRow, conn.execute(query)):
            found[row.id] = row
    for one in wanted:
        if one not in found:
            raise NotFound(f"no definition has the id {one[:80]}: register it first", "NOT_FOUND")
    return found


def source_code(conn: Connection, digest: str) -> str:
    """Code by its SHA-256.

    Raises
    ------
    NotFound
        If no task and no definition has it.
    """
    code = conn.execute(sa.select(sources.c.code).where(sources.c.sha256 == digest)).scalar_one_or_none()
    if code is None:
        raise NotFound(f"no code has the SHA-256 {digest[:80]}", "NOT_FOUND")
    return str(code)


def note_errors(write: Write, errors: dict[str, tuple[str, str, int | None]]) -> None:
    """Remember that definitions cannot be used: the first task that tried speaks for all."""
    if errors:
        write.conn.execute(_NOTE, [
            {"b_id": definition, "error_name": name, "error_message": message, "error_line": line}
            for definition, (name, message, line) in errors.items()
        ])


_NOTE = (
    sa.update(definitions)
    .where(definitions.c.id == sa.bindparam("b_id"), definitions.c.error_name.is_(None))
    .values({name: sa.bindparam(name) for name in ("error_name", "error_message", "error_line")})
)
