"""From the points of a batch to their tasks: made some at a time, ahead of the workers.

The next point to be made is kept with the batch and moves on in the transaction that makes the
tasks, and no two tasks can have one point; so whatever is killed in between, and however often it is
begun again, no point is missed and none is there twice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.call_name import call_name
from taskq_kernel.domain import TaskKind, TaskStatus
from taskq_kernel.grid import Grid
from taskq_kernel.seeds import point_seed
from taskq_kernel.store.blob_refs import note_given
from taskq_kernel.store.cache import Asked, work_with
from taskq_kernel.store.database import Write
from taskq_kernel.store.ids import chunks
from taskq_kernel.store.tables import SHARED, Cause, batches, definitions, grids, tasks
from taskq_kernel.store.transitions import Transition, answer_from_cache, enqueue, record, transition
from taskq_kernel.task_files import given_files

#: Tasks made in one transaction: others wait meanwhile. And of a batch of which none waits, because workers
#: may wait for it: they begin with these while the others are made.
CHUNK = 500
FIRST_CHUNK = 50
#: How many tasks of one batch wait at most; a batch with half as many gets more. So a batch of a
#: million points keeps nobody else's task waiting behind more than these.
AHEAD = 2_000
#: Grids that are kept decoded.
_KEPT = 4


class Grids:
    """Decoded grids, so that a large one is not read for every few of its tasks."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, float, int], Grid] = OrderedDict()

    def of(self, conn: Connection, batch: str, created_at: float, first: int) -> Grid:
        """The grid of a batch that begins with this point. One that was deleted may have had the same id."""
        key = (batch, created_at, first)
        if key not in self._kept:
            query = sa.select(grids.c.design).where(grids.c.batch == batch, grids.c.first == first)
            self._kept[key] = Grid(conn.execute(query).scalar_one())
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


@dataclass(frozen=True, slots=True)
class Unmade:
    """A batch of which tasks are to be made, and how many of its tasks wait."""

    id: str
    waiting: int


def unmade_batches(conn: Connection) -> list[Unmade]:
    """The batches of which tasks are still to be made, the oldest first."""
    query = sa.select(batches.c.id).where(batches.c.made < batches.c.total, batches.c.cancelled_at.is_(None))
    found = conn.execute(query.order_by(batches.c.created_at)).scalars().all()
    return [Unmade(batch, _waiting(conn, batch)) for batch in found]


def _waiting(conn: Connection, batch: str) -> int:
    some = sa.select(sa.literal(1)).where(
        tasks.c.batch == batch, tasks.c.status == TaskStatus.QUEUEING, tasks.c.point.isnot(None)
    ).limit(AHEAD).subquery()
    return int(conn.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())


def make_next(write: Write, batch: str, known: Grids, count: int = CHUNK) -> tuple[int, bool]:
    """Make the tasks of the next points of a batch; how many of them wait, and whether there are more to make."""
    row = write.conn.execute(_BATCH.where(batches.c.id == batch)).one_or_none()
    if row is None or row.cancelled_at is not None:
        return 0, False
    upto = min(row.made + count, row.total)
    _made, waiting = _make(write, row, range(row.made, upto), known)
    write.conn.execute(sa.update(batches).where(batches.c.id == batch).values(made=upto))
    return waiting, upto < row.total


def make_points(write: Write, batch: str, points: Sequence[int], known: Grids) -> int:
    """Make the tasks of certain points out of turn; those that have one are left alone."""
    row = write.conn.execute(_BATCH.where(batches.c.id == batch)).one_or_none()
    wanted = sorted({point for point in points if row is not None and 0 <= point < row.total})
    return _make(write, row, wanted, known)[0] if wanted else 0


_BATCH = sa.select(
    batches, definitions.c.source, definitions.c.entry, definitions.c.name.label("function"),
    definitions.c.error_name, definitions.c.error_message, definitions.c.error_line,
).join(definitions, definitions.c.id == batches.c.definition)


def _make(write: Write, row: Any, points: Sequence[int], known: Grids) -> tuple[int, int]:
    """Make the tasks of points; how many, and how many of them wait: the others have their values from the cache."""
    points = sorted(set(points) - _there(write.conn, row.id, points))
    if not points:
        return 0, 0
    grids_of = _Lookup(write.conn, row, known)
    rows = [_task(write, row, point, *grids_of.point(point)) for point in points]
    write.conn.execute(sa.insert(tasks), rows)
    reason = f"submitted by {row.owner}, point of the batch {row.name}"
    record(write, TaskStatus.QUEUEING, Cause.SUBMITTED, [
        Transition(task["number"], row.owner, 0, None, reason) for task in rows
    ])
    write.count(row.owner, TaskStatus.QUEUEING, len(rows))
    if row.input_files:
        files = {file.ref for file in given_files(row.input_files).values()}
        note_given(write, ((task["number"], ref) for task in rows for ref in files))
    answered: set[int] = set()
    if row.cancelled_at is not None:
        _cancel(write, row, rows)
    elif row.error_name is None:
        answered = answer_from_cache(write, [
            Asked(task["number"], row.owner, row.queue, task["cache_key"], row.project) for task in rows if row.cache
        ])
        enqueue(write, [task["number"] for task in rows if task["number"] not in answered])
    else:
        _fail(write, row, rows)
    return len(rows), len(rows) - len(answered)


def _there(conn: Connection, batch: str, points: Sequence[int]) -> set[int]:
    found: set[int] = set()
    for chunk in chunks(points):
        query = sa.select(tasks.c.point).where(tasks.c.batch == batch, tasks.c.point.in_(list(chunk)))
        found.update(conn.execute(query).scalars())
    return found


class _Lookup:
    """Finds the grid that a point of a batch stands in."""

    def __init__(self, conn: Connection, row: Any, known: Grids) -> None:
        self._conn, self._row, self._known = conn, row, known
        query = sa.select(grids.c.first).where(grids.c.batch == row.id).order_by(grids.c.first.desc())
        self._firsts = conn.execute(query).scalars().all()

    def point(self, place: int) -> tuple[Grid, int]:
        """The grid, and the point's place in it."""
        first = next(first for first in self._firsts if first <= place)
        return self._known.of(self._conn, self._row.id, self._row.created_at, first), place - first


_shared = attrgetter(*SHARED)


def _task(write: Write, row: Any, point: int, grid: Grid, place: int) -> dict[str, Any]:
    work = work_with(row, TaskKind.CALL, row.source, row.entry, grid[place])
    seed = work.seed() if row.seeds_by_content else point_seed(row.seed, point)
    return {
        "number": write.next_number(), "id": str(uuid4()), "version": write.next_version(),
        "status": TaskStatus.QUEUEING, "attempt": 0, "failures": 0, "lost": 0,
        "kind": TaskKind.CALL, **dict(zip(SHARED, _shared(row), strict=True)),
        "owner": row.owner, "batch": row.id, "created_at": write.now,
        "available_at": write.now, "log_bytes": 0, "source": row.source, "entry": row.entry,
        "name": call_name(row.function, zip(grid.names, grid.cells(place), strict=True)).replace("\0", ""),
        "arguments": work.arguments, "seed": seed, "cache_key": work.key(seed) if row.cache else None,
        "definition": row.definition, "point": point, "recipe": row.recipe,
    }


def _fail(write: Write, row: Any, made: Sequence[dict[str, Any]]) -> None:
    """What they call cannot be used, as an earlier task found: no worker has to find it again."""
    columns = {
        "finished_at": write.now, "error_name": row.error_name, "error_message": row.error_message,
        "error_line": row.error_line,
    }
    reason = f"{row.error_name}: its definition cannot be used, as an earlier task found"
    transition(write, TaskStatus.FAILED, Cause.OUTCOME, [
        Transition(task["number"], row.owner, 0, None, reason, TaskStatus.QUEUEING, dict(columns)) for task in made
    ])


def _cancel(write: Write, row: Any, made: Sequence[dict[str, Any]]) -> None:
    """Whoever looks at a point of a cancelled batch finds it cancelled, and does not start it."""
    transition(write, TaskStatus.CANCELLED, Cause.CANCELLED, [
        Transition(
            task["number"], row.owner, 0, None, "cancelled with its batch", TaskStatus.QUEUEING,
            {"finished_at": write.now},
        )
        for task in made
    ])
