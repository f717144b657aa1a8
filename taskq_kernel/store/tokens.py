"""Bearer tokens. Only their SHA-256 is stored; a token itself is shown once."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.domain import Role
from taskq_kernel.errors import InvalidTask, NotFound
from taskq_kernel.store.database import Write
from taskq_kernel.store.tables import tokens


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a token stands for."""

    name: str
    role: Role


def hash_token(token: str) -> str:
    """What is stored of a token. It is random and long, so a plain hash is enough."""
    return sha256(token.encode("utf-8", "replace")).hexdigest()


def new_token() -> str:
    """A token that cannot be guessed: 256 random bits."""
    return f"tq_{secrets.token_urlsafe(32)}"


def create_token(write: Write, name: str, role: Role, expires_at: float | None = None) -> tuple[str, str]:
    """Make a token.

    Returns
    -------
    tuple of str
        Its id, and the token, which cannot be had again.
    """
    if not name.strip() or len(name) > 200 or "\0" in name:
        raise InvalidTask(f"the name {name[:80]!r} cannot be used: give 1 to 200 characters")
    token, token_id = new_token(), str(uuid4())
    write.conn.execute(sa.insert(tokens).values(
        id=token_id, name=name, role=role, sha256=hash_token(token), created_at=write.now,
        expires_at=expires_at,
    ))
    return token_id, token


def revoke_token(write: Write, token_id: str) -> None:
    """Make a token worthless."""
    where = tokens.c.id == token_id
    done = write.conn.execute(sa.update(tokens).where(where).values(
        revoked_at=sa.func.coalesce(tokens.c.revoked_at, write.now)
    ))
    if not done.rowcount:
        raise NotFound(f"no token has the id {token_id[:80]}", "NOT_FOUND")


def list_tokens(conn: Connection) -> list[Any]:
    """Every token: all but what would let somebody in."""
    columns = [column for column in tokens.c if column.name != "sha256"]
    return list(conn.execute(sa.select(*columns).order_by(tokens.c.created_at)))


def identity_of(conn: Connection, digest: str, now: float) -> Identity | None:
    """Whom the token with this hash stands for, if it is valid now."""
    row = conn.execute(sa.select(tokens).where(tokens.c.sha256 == digest)).one_or_none()
    if row is None or row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
        return None
    return Identity(row.name, Role(row.role))
