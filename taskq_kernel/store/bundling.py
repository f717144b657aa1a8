"""Several short tasks in one message: which may go together, and what a worker has to be for it.

A message, its delivery and its acknowledgement cost more than a task of a millisecond. A bundle is no
unit of anything else: each of its tasks has its row, its claim, its attempt and its outcome, and what a
worker does not start goes back alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.broker.names import session_of
from taskq_kernel.domain import TaskKind
from taskq_kernel.store.hot import HotQuery
from taskq_kernel.store.rows import DueRow, TaskRow, WorkerRow
from taskq_kernel.store.tables import workers

#: What a task computes, as far as its duration follows from it: the SHA-256 of its code, and its entry.
Work = tuple[str | None, str | None]
#: How many of the waiting tasks like this one, of which there are so many, go into one message.
Most = Callable[[DueRow, int], int]

#: How long the messages of one bundle may be together, in bytes: others come through meanwhile.
BUNDLE_BYTES = 128 << 10
#: About what a message has besides its code and its arguments, in bytes.
_REST_BYTES = 500


def one_each(_row: DueRow, _waiting: int) -> int:
    """Every task has a message of its own."""
    return 1


def work_of(row: TaskRow) -> Work:
    """What a task computes."""
    return row.source, row.entry


def size_of(row: DueRow) -> int:
    """About how long a task's message is, in bytes."""
    return len(row.code or "") + len(row.arguments or "") + len(row.input_files or "") + _REST_BYTES


def in_bundles(rows: Sequence[DueRow], most: Most) -> Iterable[list[DueRow]]:
    """The tasks of one queue, by messages, in their order: a bundle stands where its first one does."""
    alike = Counter(_kind(row) for row in rows)
    made: list[list[DueRow]] = []
    open_ones: dict[tuple[object, ...], tuple[list[DueRow], int]] = {}
    for row in rows:
        kind = _kind(row)
        bundle, size = open_ones.get(kind, ([], 0)) if kind is not None else ([], 0)
        if not bundle or len(bundle) >= most(row, alike[kind]) or size + size_of(row) > BUNDLE_BYTES:
            bundle, size = [], 0
            made.append(bundle)
        bundle.append(row)
        if kind is not None:
            open_ones[kind] = bundle, size + size_of(row)
    return made


def _kind(row: DueRow) -> tuple[object, ...] | None:
    """What tasks have in common that may go together; None for one that goes alone.

    That is whatever asks for more than a core, has files to be fetched, needs its turn in a session, or was lost
    with its worker before: it may have been its fault.
    """
    return (row.kind, row.source, row.entry, row.project, row.timeout_s) if is_plain(row) else None


def is_plain(row: DueRow) -> bool:
    """Whether a task asks for nothing but a core, and for nothing to be ready when it starts but its project."""
    plain = row.kind != TaskKind.SESSION and (row.threads or 1) == 1 and not row.gpus and not row.lost
    special = row.memory_limit or row.env or row.input_files or row.outputs or session_of(row.queue) is not None
    return plain and not special


@dataclass(frozen=True, slots=True)
class Serving:
    """Who serves a queue: how many slots, and whether all of these workers read bundles."""

    slots: int = 0
    bundles: bool = True


def read_serving(conn: Connection) -> dict[str, Serving]:
    """Who serves each queue."""
    found: dict[str, Serving] = {}
    for row in _PRESENT.all(conn):
        for queue in msgspec.json.decode(row.queues):
            before = found.get(queue, Serving())
            found[queue] = Serving(before.slots + row.slots, before.bundles and bool(row.bundles))
    return found


_PRESENT = HotQuery(
    WorkerRow,
    lambda _: sa.select(workers.c.queues, workers.c.slots, workers.c.bundles)
    .where(workers.c.state.in_([sa.literal_column("'ONLINE'"), sa.literal_column("'DRAINING'")])),
)
