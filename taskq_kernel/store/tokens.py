"""Bearer tokens. Only their SHA-256 is stored; a token itself is shown once."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.domain import Role
from taskq_kernel.errors import InvalidTask, NotFound
from taskq_kernel.store.database import Write
from taskq_kernel.store.rows import TokenRow, one_of, one_or_none, rows_of
from taskq_kernel.store.tables import tokens

#: For how long a token may be good, in seconds: a hundred years.
MAX_EXPIRY_S = 100 * 366 * 86_400.0

_SHOWN = [column for column in tokens.c if column.name != "sha256"]


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a token stands for, and until when, in seconds since the epoch (None: for good)."""

    name: str
    role: Role
    expires_at: float | None = field(default=None, compare=False)

    def good(self, now: float) -> bool:
        """Whether it still stands for anybody."""
        return self.expires_at is None or self.expires_at > now


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

    Raises
    ------
    InvalidTask
        If the name cannot be used. It stands in logs and tables, so it is one line of text.
    """
    if not name.strip() or len(name) > 200 or not name.isprintable():
        raise InvalidTask(f"is {name[:80]!r}: give 1 to 200 printable characters", "name", place="the name")
    token, token_id = new_token(), str(uuid4())
    write.conn.execute(sa.insert(tokens).values(
        id=token_id, name=name, role=role, sha256=hash_token(token), created_at=write.now,
        expires_at=expires_at,
    ))
    return token_id, token


def issue_token(write: Write, name: str, role: Role, expires_in_s: float | None) -> tuple[TokenRow, str]:
    """Make a token that is good for a while, or until it is revoked.

    Returns
    -------
    tuple
        What is kept of it, as `list_tokens` has it, and the token itself.

    Raises
    ------
    InvalidTask
        If the name or the time cannot be used.
    """
    if expires_in_s is not None and not 0 < expires_in_s <= MAX_EXPIRY_S:
        raise InvalidTask(f"is {expires_in_s:g}: give more than 0 and at most {MAX_EXPIRY_S:.0f}", "expiresInSeconds")
    expires_at = None if expires_in_s is None else write.now + expires_in_s
    token_id, secret = create_token(write, name, role, expires_at)
    return _get(write.conn, token_id), secret


def revoke_token(write: Write, token_id: str) -> TokenRow:
    """Make a token worthless; one that is so already stays as it is.

    Returns
    -------
    TokenRow
        What is kept of it.

    Raises
    ------
    NotFound
        If there is none with this id.
    """
    token_id = token_id.strip().lower()
    where = tokens.c.id == token_id
    done = write.conn.execute(sa.update(tokens).where(where).values(
        revoked_at=sa.func.coalesce(tokens.c.revoked_at, write.now)
    ))
    if not done.rowcount:
        raise NotFound(f"no token has the id {token_id[:80]}", "NOT_FOUND")
    return _get(write.conn, token_id)


def list_tokens(conn: Connection) -> list[TokenRow]:
    """Every token: all but what would let somebody in."""
    return rows_of(TokenRow, conn.execute(sa.select(*_SHOWN).order_by(tokens.c.created_at, tokens.c.id)))


def _get(conn: Connection, token_id: str) -> TokenRow:
    return one_of(TokenRow, conn.execute(sa.select(*_SHOWN).where(tokens.c.id == token_id)))


def identity_of(conn: Connection, digest: str, now: float) -> Identity | None:
    """Whom the token with this hash stands for, if it is valid now."""
    row = one_or_none(TokenRow, conn.execute(sa.select(tokens).where(tokens.c.sha256 == digest)))
    if row is None or row.revoked_at is not None:
        return None
    identity = Identity(row.name, Role(row.role), row.expires_at)
    return identity if identity.good(now) else None
