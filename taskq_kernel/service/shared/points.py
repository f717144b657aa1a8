"""The points of a batch, some at a time: of a point's arguments and value nobody knows beforehand how long they are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.service.shared.reading import BatchRead, read_points
from taskq_kernel.store.rows import TaskRow

#: Points that are read at a time: the first time, and at most; and about how long they are together, in characters.
_FIRST, _MOST = 100, 1_000
_CHARACTERS = 8 << 20
#: How long the points are together that are read for one page, in characters.
PAGE_CHARACTERS = 16 << 20


async def every_point(store: AsyncStore, read: BatchRead, limit: int | None = None) -> AsyncIterator[Sequence[TaskRow]]:
    """All points of a batch, in their order, or as many as ``limit``."""
    after, left, size = -1, limit, _FIRST
    while left is None or left > 0:
        asked = size if left is None else min(left, size)
        rows = await store.read(read_points, read, after, asked)
        if rows:
            yield rows
        if len(rows) < asked:
            return
        after = rows[-1].number if read.row is None else rows[-1].point or 0
        left = None if left is None else left - len(rows)
        size = min(_MOST, max(1, _CHARACTERS * len(rows) // max(1, _length(rows))))


async def first_points(store: AsyncStore, read: BatchRead, count: int) -> list[TaskRow]:
    """The first points of a batch: as many as ``count``, and no more than are read quickly."""
    found: list[TaskRow] = []
    length = 0
    async for rows in every_point(store, read, count):
        found += rows
        length += _length(rows)
        if length > PAGE_CHARACTERS:
            break
    return found


def _length(rows: Sequence[TaskRow]) -> int:
    """How long the texts of points are together that may be long."""
    return sum(len(text or "") for row in rows for text in (
        row.arguments, row.value_json, row.value_text, row.error_message
    ))
