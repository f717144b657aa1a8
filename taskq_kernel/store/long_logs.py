"""Output of an attempt that is longer than what is kept of it.

A worker cuts what a task prints before it sends it, so this is for one that was told
another limit. The first chunks are kept and the last ones; the line that says what is
missing stands at the end of the first ones, and is cut away and written anew when more
comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy import Connection

from taskq_kernel import task_log
from taskq_kernel.store.rows import Columns
from taskq_kernel.store.tables import task_logs


def keep_both_ends(conn: Connection, new: Sequence[Columns], printed: int, limit: int) -> None:
    """Store chunks of one attempt, and of all its chunks the beginning and the end alone.

    Parameters
    ----------
    new
        Rows of `task_logs`, of the same task and attempt.
    printed
        Bytes of all its output, those included that are gone already.
    limit
        Bytes that may be kept.
    """
    its = sa.and_(task_logs.c.task == new[0]["task"], task_logs.c.attempt == new[0]["attempt"])
    there = [dict(row._mapping) for row in conn.execute(sa.select(task_logs).where(its))]
    rows = sorted([*there, *new], key=lambda row: row["seq"])
    raws = [row["text"].encode("utf-8", "replace") for row in rows]
    first, last = task_log.shares(limit)
    heads = _up_to(first, raws, task_log.beginning)
    tails = _up_to(last, reversed(raws), task_log.end)[::-1]
    gap = max((place for place, head in enumerate(heads) if head), default=0)
    heads[gap] += task_log.left_out(printed - sum(map(len, heads)) - sum(map(len, tails))).encode()
    kept = [row | {"text": (head + tail).decode()} for row, head, tail in zip(rows, heads, tails, strict=True)]
    conn.execute(sa.delete(task_logs).where(its))
    conn.execute(sa.insert(task_logs), [row for row in kept if row["text"]])


def _up_to(size: int, raws: Iterable[bytes], cut: Callable[[bytes, int], bytes]) -> list[bytes]:
    """Of pieces in a row, what fits into ``size`` bytes together; of the others nothing."""
    taken = []
    for raw in raws:
        part = cut(raw, size) if size > 0 else b""
        size -= len(part)
        taken.append(part)
    return taken
