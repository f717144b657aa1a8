"""What tasks ran in: Julia, processor, linear algebra, machine.

It is the same for all tasks of a process, so it is kept once, under the hash of its text, and a task
names it. There are a few of these for each worker, however many tasks it runs; so they stay.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256

from taskq_kernel.store.database import Write
from taskq_kernel.store.dialects import insert_new
from taskq_kernel.store.hot import HotStatement
from taskq_kernel.store.rows import Columns
from taskq_kernel.store.tables import surroundings

#: How much of the SHA-256 tells them apart.
_DIGITS = 32


@lru_cache(maxsize=256)
def surroundings_id(facts: str | None) -> str | None:
    """Under which name these facts are kept, JSON as it came."""
    return None if facts is None else sha256(facts.encode()).hexdigest()[:_DIGITS]


def store_surroundings(write: Write, told: Iterable[str | None]) -> None:
    """Keep those of these facts that are not there."""
    rows: list[Columns] = [
        {"id": surroundings_id(facts), "facts": facts} for facts in dict.fromkeys(told) if facts is not None
    ]
    if rows:
        _INSERT.execute(write.conn, rows)


_INSERT = HotStatement(lambda conn: insert_new(conn, surroundings))
