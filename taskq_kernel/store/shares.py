"""Links by which others see one task or one batch, and nothing else.

A link has a token of its own, of which the hash is stored. It reads what it was made for: it is no `Identity`,
and opens neither GraphQL nor anything else of the service.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.errors import Forbidden, InvalidTask, NotFound
from taskq_kernel.store.access_path import PRESENT
from taskq_kernel.store.bulk_actions import Actor
from taskq_kernel.store.database import Write
from taskq_kernel.store.ids import find, parse_ids
from taskq_kernel.store.index_choice import without_index
from taskq_kernel.store.rows import ShareRow, one_of, one_or_none, rows_of
from taskq_kernel.store.sight import Sight, visible
from taskq_kernel.store.tables import batches, shares, tasks
from taskq_kernel.store.tokens import MAX_EXPIRY_S, hash_token

#: What the tokens of links begin with, so that one is known where it turns up.
PREFIX = "tqs_"
#: For how long a link is good unless somebody says otherwise, in seconds.
EXPIRY_S = 30 * 86_400.0
#: How long it is still said of a link that it has expired or was revoked, in seconds; then it is as if it never was.
REMEMBERED_S = 90 * 86_400.0

_NAME = sa.func.coalesce(
    sa.select(tasks.c.name).where(tasks.c.number == shares.c.task, tasks.c.deleted_at.is_(None)).scalar_subquery(),
    sa.select(batches.c.name).where(batches.c.id == shares.c.batch).scalar_subquery(),
).label("name")
_SHOWN = [column for column in shares.c if column.name != "sha256"]


@dataclass(frozen=True, slots=True)
class Target:
    """What a link shows: a task by its number, or a batch by its UUID, and whose that is."""

    owner: str
    task: int | None = None
    batch: str | None = None


def create_share(write: Write, target: str, expires_in_s: float | None, actor: Actor) -> tuple[ShareRow, str]:
    """Make a link to a task or a batch.

    Parameters
    ----------
    target : str
        A task's number or UUID, or the UUID that a batch's tasks have.
    expires_in_s : float or None
        For how long it is good, in seconds; None: until it is revoked.

    Returns
    -------
    tuple
        What is kept of it, and its token, which cannot be had again.

    Raises
    ------
    NotFound, Forbidden
        If there is no such task or batch, or it is not the actor's to show.
    InvalidTask
        If the time cannot be used.
    """
    if expires_in_s is not None and not 0 < expires_in_s <= MAX_EXPIRY_S:
        raise InvalidTask(f"is {expires_in_s:g}: give more than 0 and at most {MAX_EXPIRY_S:.0f}", "expiresInSeconds")
    found = find_target(write.conn, target, actor.visible_to)
    _check_own(write.conn, found, actor)
    _forget_old(write)
    share_id, token = str(uuid4()), f"{PREFIX}{secrets.token_urlsafe(32)}"
    write.conn.execute(sa.insert(shares).values(
        id=share_id, task=found.task, batch=found.batch, owner=found.owner, created_by=actor.name,
        sha256=hash_token(token), created_at=write.now,
        expires_at=None if expires_in_s is None else write.now + expires_in_s,
    ))
    return _get(write.conn, share_id), token


def revoke_share(write: Write, share_id: str, actor: Actor) -> ShareRow:
    """Make a link worthless, at once; one that is so already stays as it is.

    Raises
    ------
    NotFound, Forbidden
        If there is none with this id, or it is another's.
    """
    where = shares.c.id == share_id.strip().lower()
    row = one_or_none(ShareRow, write.conn.execute(sa.select(*_SHOWN, _NAME).where(where)))
    sight = actor.visible_to or Sight()
    if row is None or sight.owner not in (None, row.owner, row.created_by):
        raise NotFound(f"no link has the id {share_id[:80]}", "NOT_FOUND")
    if actor.own_only and actor.name not in (row.owner, row.created_by):
        raise Forbidden(f"the link {row.id} belongs to {row.owner}; you may revoke your own only", "FORBIDDEN")
    write.conn.execute(
        sa.update(shares).where(where).values(revoked_at=sa.func.coalesce(shares.c.revoked_at, write.now))
    )
    return _get(write.conn, row.id)


def list_shares(conn: Connection, actor: Actor, target: str | None = None) -> list[ShareRow]:
    """The links to what is the actor's, and those that it made; an administrator's are all. The oldest first.

    Parameters
    ----------
    target : str, optional
        Only those to this task or batch.
    """
    query = sa.select(*_SHOWN, _NAME).order_by(shares.c.created_at, shares.c.id)
    if actor.own_only:
        query = query.where(sa.or_(shares.c.owner == actor.name, shares.c.created_by == actor.name))
    if target is not None:
        found = find_target(conn, target, actor.visible_to)
        query = query.where(shares.c.task == found.task if found.batch is None else shares.c.batch == found.batch)
    return rows_of(ShareRow, conn.execute(query))


def share_of(conn: Connection, token: str) -> ShareRow | None:
    """The link that has this token, whether it is still good or not."""
    digest = hash_token(token)
    row: Any = conn.execute(sa.select(shares.c.id, shares.c.sha256).where(shares.c.sha256 == digest)).one_or_none()
    # A hash is looked up, not the token: how long that takes tells nothing about a token.
    return _get(conn, row.id) if row is not None and hmac.compare_digest(row.sha256, digest) else None


def find_target(conn: Connection, target: str, visible_to: Sight | None = None) -> Target:
    """The task, or else the batch, of this id.

    Raises
    ------
    InvalidTask
        If it is neither a UUID nor a number.
    NotFound
        If there is neither, or it is not ``visible_to`` who asks.
    """
    uuids, _, _ = parse_ids([target])
    if uuids:
        batch = _batch(conn, uuids[0], visible_to)
        if batch is not None:
            return batch
    row = find(conn, [target], [tasks.c.id, tasks.c.number, tasks.c.owner], visible_to)[0]
    return Target(row.owner, task=row.number)


def _batch(conn: Connection, batch: str, visible_to: Sight | None) -> Target | None:
    """A batch that is kept, or tasks that were submitted together."""
    kept = sa.select(batches.c.owner).where(batches.c.id == batch, visible(visible_to, batches))
    together = sa.select(tasks.c.owner).where(
        tasks.c.batch == batch, PRESENT, without_index(conn, visible(visible_to, tasks))
    ).limit(1)
    for query in (kept, together):
        owner = conn.execute(query).scalar_one_or_none()
        if owner is not None:
            return Target(owner, batch=batch)
    return None


def _check_own(conn: Connection, found: Target, actor: Actor) -> None:
    if not actor.own_only:
        return
    others = sa.select(tasks.c.owner).where(
        tasks.c.batch == found.batch, tasks.c.owner != actor.name, tasks.c.deleted_at.is_(None)
    ).limit(1)
    foreign = found.owner if found.owner != actor.name else None
    if foreign is None and found.batch is not None:
        foreign = conn.execute(others).scalar_one_or_none()
    if foreign is not None:
        what = f"task {found.task}" if found.batch is None else f"the batch {found.batch}, or some of it,"
        raise Forbidden(f"{what} belongs to {foreign}; you may share your own only", "FORBIDDEN")


def _forget_old(write: Write) -> None:
    over = sa.func.coalesce(shares.c.revoked_at, shares.c.expires_at)
    write.conn.execute(sa.delete(shares).where(over < write.now - REMEMBERED_S))


def _get(conn: Connection, share_id: str) -> ShareRow:
    return one_of(ShareRow, conn.execute(sa.select(*_SHOWN, _NAME).where(shares.c.id == share_id)))
