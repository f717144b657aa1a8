"""Code, kept once however many tasks and definitions have it, and as long as any has."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from taskq_kernel.store.database import Write
from taskq_kernel.store.ids import chunks
from taskq_kernel.store.tables import definitions, sources, tasks


def drop_unused(write: Write, digests: Collection[str]) -> None:
    """Drop those of these sources that no task and no definition has any longer."""
    defined = sa.select(definitions.c.id).where(definitions.c.source == sources.c.sha256).exists()
    still_used = sa.select(tasks.c.number).where(tasks.c.source == sources.c.sha256).exists()
    for chunk in chunks(sorted(digests)):
        write.conn.execute(sa.delete(sources).where(sources.c.sha256.in_(chunk), ~still_used, ~defined))
