"""The texts of Julia's manifests: which packages tasks have had, each stored once however many had it.

A worker tells a text with some of the outcomes that have it. One that no task names goes a while after it was told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.store.database import Write
from taskq_kernel.store.dialects import upsert
from taskq_kernel.store.tables import manifests, tasks

#: How long a text is kept that no task names, in seconds: longer than a worker waits before it tells it again.
UNUSED_S = 86_400.0


def store_manifests(write: Write, texts: Mapping[str, str]) -> None:
    """Keep texts, by their SHA-256, or note that they were told once more."""
    if texts:
        insert = upsert(write.conn, manifests)
        told_again = insert.on_conflict_do_update(index_elements=["sha256"], set_={"seen_at": write.now})
        rows = [{"sha256": sha256, "text": text, "seen_at": write.now} for sha256, text in sorted(texts.items())]
        write.conn.execute(told_again, rows)


def manifests_of(conn: Connection, numbers: Sequence[int]) -> dict[int, str | None]:
    """The text of each task's manifest, by number; None where it had none, or none was told."""
    query = (
        sa.select(tasks.c.number, manifests.c.text)
        .join(manifests, manifests.c.sha256 == tasks.c.manifest_sha256)
        .where(tasks.c.number.in_(list(numbers)))
    )
    found: dict[int, str | None] = dict.fromkeys(numbers)
    found.update((row.number, row.text) for row in conn.execute(query))
    return found


def forget_unused_manifests(write: Write, before: float) -> None:
    """Forget texts that no task names, and that were told the last time before a point in time."""
    named = sa.exists().where(tasks.c.manifest_sha256 == manifests.c.sha256, tasks.c.deleted_at.is_(None))
    write.conn.execute(sa.delete(manifests).where(manifests.c.seen_at < before, ~named))
