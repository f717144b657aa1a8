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

from taskq_kernel import displays, task_log
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
    rows = [_as_text(row, limit) for row in sorted([*there, *new], key=lambda row: row["seq"])]
    raws = [str(row["text"]).encode("utf-8", "replace") for row in rows]
    if sum(map(len, raws)) > limit:
        rows = _cut(rows, raws, printed, limit)
    conn.execute(sa.delete(task_logs).where(its))
    conn.execute(sa.insert(task_logs), [row for row in rows if row["text"]])


def _cut(rows: Sequence[Columns], raws: Sequence[bytes], printed: int, limit: int) -> list[Columns]:
    """Rows with what is kept of their texts, and the line that says what is missing."""
    first, last = task_log.shares(limit)
    heads = _up_to(first, raws, task_log.beginning)
    tails = _up_to(last, reversed(raws), task_log.end)[::-1]
    gap = max((place for place, head in enumerate(heads) if head), default=0)
    heads[gap] += task_log.left_out(printed - sum(map(len, heads)) - sum(map(len, tails))).encode()
    return [row | {"text": (head + tail).decode()} for row, head, tail in zip(rows, heads, tails, strict=True)]


def _as_text(row: Columns, limit: int) -> Columns:
    """Where there is too much, what was displayed is its text: it cannot be cut itself."""
    if row["stream"] != displays.STREAM:
        return row
    piece = str(row["text"])
    said = task_log.display_left_out(len(piece.encode("utf-8", "replace")), limit)
    return row | {"stream": "stdout", "text": displays.text_of(piece) + said}


def _up_to(size: int, raws: Iterable[bytes], cut: Callable[[bytes, int], bytes]) -> list[bytes]:
    """Of pieces in a row, what fits into ``size`` bytes together; of the others nothing."""
    taken = []
    for raw in raws:
        part = cut(raw, size) if size > 0 else b""
        size -= len(part)
        taken.append(part)
    return taken
