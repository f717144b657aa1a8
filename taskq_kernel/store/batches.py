"""Batches: a definition and the grids of its points, found by their name.

A batch keeps what was submitted, not a task for each point: `expansion` makes the tasks, ahead of
the workers. A point has a place in its batch, from 0, which it keeps for ever; its seed follows
from it. Submitting under a name that is there adds the points that are new, and has those run again
that failed; whatever finished stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import Forbidden, InvalidTask, NotFound
from taskq_kernel.grid import MAX_POINTS, Grid, design_hash, new_places, part_of
from taskq_kernel.seeds import draw_seed
from taskq_kernel.store.bulk_actions import Actor, Selection, cancel_tasks, delete_tasks, retry_tasks
from taskq_kernel.store.database import Write
from taskq_kernel.store.definitions import get_definition
from taskq_kernel.store.filters import TaskFilter
from taskq_kernel.store.projects import check_projects
from taskq_kernel.store.rows import BatchRow, DefinitionRow, one_or_none, rows_of
from taskq_kernel.store.sight import Sight, visible
from taskq_kernel.store.submission import NewBatch
from taskq_kernel.store.tables import SHARED, batches, definitions, grids, tasks

#: Grids that one batch may be put together from.
MAX_GRIDS = 1_000
_NOTHING: frozenset[str] = frozenset()
_WHY_NOT = "there never was one, or it was deleted or pruned"


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a submission: the batch, how many points are new in it, and how many run again."""

    batch: BatchRow
    added: int
    again: int


def submit_batch(write: Write, new: NewBatch, actor: Actor) -> Submitted:
    """Store a batch, or add to the one of this name, and have its tasks made.

    Repeating it changes nothing but that what has failed meanwhile runs again.

    Raises
    ------
    NotFound
        If its definition or its project is not there.
    InvalidTask
        If there is a batch of this name with another definition or seed, or it would become too large.
    """
    definition = get_definition(write.conn, new.definition)
    check_projects(write.conn, [new.project])
    row = _by_name(write.conn, new.name, actor.name)
    if row is None:
        row = _insert(write, new, actor.name)
    else:
        _check_same(row, new, definition)
    added = _add_points(write, row, new.design)
    options = {name: getattr(new, name) for name in SHARED}
    write.conn.execute(sa.update(batches).where(batches.c.id == row.id).values(**options))
    again = resume_batch(write, row.id, actor) if new.resume else 0
    if added and not new.resume:
        write.conn.execute(sa.update(batches).where(batches.c.id == row.id).values(cancelled_at=None))
    write.look = True  # there are tasks to be made
    return Submitted(get_batch(write.conn, row.id), added, again)


def _insert(write: Write, new: NewBatch, owner: str) -> BatchRow:
    if write.conn.execute(sa.select(batches.c.id).where(batches.c.id == new.id)).first() is not None:
        raise InvalidTask(f"is {new.id}, which cannot be had for a new batch: give another id", "id")
    by_content = new.cache and new.seed is None
    write.conn.execute(sa.insert(batches).values(
        id=new.id, name=new.name, owner=owner, definition=new.definition,
        seed=(0 if by_content else draw_seed()) if new.seed is None else new.seed, seeds_by_content=by_content,
        total=0, made=0, created_at=write.now, recipe=new.recipe, **{name: getattr(new, name) for name in SHARED},
    ))
    return get_batch(write.conn, new.id)


def _check_same(row: BatchRow, new: NewBatch, definition: DefinitionRow) -> None:
    if row.definition != new.definition:
        raise InvalidTask(
            f"is {row.name!r}, a batch that calls the definition {row.definition[:8]}, and {definition.name} is "
            f"{new.definition[:8]}: its code or its entry is another. Choose another name, or delete that batch",
            "name",
        )
    if row.recipe != new.recipe:
        its, given = (f"of the recipe {one}" if one else "of no recipe" for one in (row.recipe, new.recipe))
        raise InvalidTask(f"is {row.name!r}, a batch {its}, and this is one {given}: choose another name", "name")
    if new.seed is not None and (row.seeds_by_content or new.seed != row.seed):
        its = "seeds that follow from what its points compute" if row.seeds_by_content else f"the seed {row.seed}"
        raise InvalidTask(
            f"is {new.seed}, and the batch {row.name!r} has {its}: leave it out, or choose another name",
            "seed",
        )


def _add_points(write: Write, row: BatchRow, design: str) -> int:
    """Add what is new of a design; how many points that is."""
    there = write.conn.execute(
        sa.select(grids).where(grids.c.batch == row.id).order_by(grids.c.first)
    ).all()
    digest = design_hash(design)
    if any(known.sha256 == digest for known in there):
        return 0
    grid = Grid(design)
    count = len(grid)
    if there:
        places = list(new_places(grid, (Grid(known.design) for known in there)))
        if len(places) != count:
            design, count = part_of(grid, places), len(places)
    if not count:
        return 0
    if row.total + count > MAX_POINTS or len(there) >= MAX_GRIDS:
        raise InvalidTask(
            f"would bring the batch {row.name!r} to {row.total + count:,} points in {len(there) + 1} parts: at "
            f"most {MAX_POINTS:,} in {MAX_GRIDS:,} are possible, begin another one",
            "design",
        )
    write.conn.execute(sa.insert(grids).values(
        batch=row.id, first=row.total, count=count, sha256=digest, design=design
    ))
    write.conn.execute(sa.update(batches).where(batches.c.id == row.id).values(total=row.total + count))
    return count


def resume_batch(write: Write, batch: str, actor: Actor) -> int:
    """Have run what failed, was cancelled or is missing; how many points that is, as far as they had a task."""
    row = own_batch(write.conn, batch, actor)
    hole = first_hole(write.conn, row)
    write.conn.execute(sa.update(batches).where(batches.c.id == row.id).values(cancelled_at=None, made=hole))
    write.look = True
    unlucky = TaskFilter(batch=row.id, status=[TaskStatus.FAILED, TaskStatus.CANCELLED])
    return retry_tasks(write, Selection(filter=unlucky), actor, _NOTHING).changed


def first_hole(conn: Connection, row: BatchRow) -> int:
    """Up to which point every one has a task. Deleted tasks leave holes."""
    query = sa.select(tasks.c.point).where(tasks.c.batch == row.id, tasks.c.point.isnot(None)).order_by(tasks.c.point)
    place = 0
    for point in conn.execute(query).scalars():
        if point != place:
            break
        place += 1
    return place


def cancel_batch(write: Write, batch: str, actor: Actor) -> int:
    """Cancel what is not done, and make no more tasks; how many points that is."""
    row = own_batch(write.conn, batch, actor)
    unmade = count_unmade(write.conn, row) if row.cancelled_at is None else 0
    if unmade:
        write.conn.execute(sa.update(batches).where(batches.c.id == row.id).values(cancelled_at=write.now))
    return unmade + cancel_tasks(write, Selection(filter=TaskFilter(batch=row.id)), actor, _NOTHING).changed


def delete_batch(write: Write, batch: str, actor: Actor) -> int:
    """Delete a batch with its tasks and their values; how many points it had."""
    row = own_batch(write.conn, batch, actor)
    delete_tasks(write, Selection(filter=TaskFilter(batch=row.id)), actor, _NOTHING)
    write.conn.execute(sa.delete(grids).where(grids.c.batch == row.id))
    write.conn.execute(sa.delete(batches).where(batches.c.id == row.id))
    return int(row.total)


# -- reading -------------------------------------------------------------------------------

_SELECT = sa.select(batches, definitions.c.name.label("definition_name"), definitions.c.entry).join(
    definitions, definitions.c.id == batches.c.definition
)


def _by_name(conn: Connection, name: str, owner: str) -> BatchRow | None:
    return one_or_none(BatchRow, conn.execute(_SELECT.where(batches.c.name == name, batches.c.owner == owner)))


def get_batch(conn: Connection, batch: str, visible_to: Sight | None = None) -> BatchRow:
    """One batch, by its id.

    Raises
    ------
    NotFound
        If there is none, or it is not among what ``visible_to`` sees.
    """
    query = _SELECT.where(batches.c.id == batch, visible(visible_to, batches))
    row = one_or_none(BatchRow, conn.execute(query))
    if row is None:
        raise NotFound(f"no batch has the id {batch[:80]}: {_WHY_NOT}", "NOT_FOUND")
    return row


def find_batch(conn: Connection, name: str, asker: str, visible_to: Sight | None = None) -> BatchRow:
    """A batch by its name: the asker's own, else the only one of that name.

    Raises
    ------
    NotFound
        If there is none.
    InvalidTask
        If several others have one of that name.
    """
    query = _SELECT.where(batches.c.name == name, visible(visible_to, batches))
    own = one_or_none(BatchRow, conn.execute(query.where(batches.c.owner == asker)))
    if own is not None:
        return own
    found = rows_of(BatchRow, conn.execute(query.limit(2)))
    if not found:
        raise NotFound(f"no batch is named {name[:80]!r}: {_WHY_NOT}", "NOT_FOUND")
    if len(found) > 1:
        raise InvalidTask(f"several people have a batch named {name[:80]!r}: ask for it by its id")
    return found[0]


def own_batch(conn: Connection, batch: str, actor: Actor) -> BatchRow:
    """A batch that somebody may change.

    Raises
    ------
    NotFound, Forbidden
        If there is none, or it is not theirs to change.
    """
    row = get_batch(conn, batch, actor.visible_to)
    if actor.own_only and row.owner != actor.name:
        raise Forbidden(f"the batch {row.name!r} belongs to {row.owner}; you may change your own only", "FORBIDDEN")
    return row


@dataclass(frozen=True, slots=True)
class BatchPage:
    """Some batches, and how many there are."""

    rows: list[BatchRow] = field(default_factory=list)
    total: int = 0


def list_batches(
    conn: Connection, first: int, offset: int, name: str | None = None, owner: str | None = None,
    visible_to: Sight | None = None,
) -> BatchPage:
    """Batches, the newest first.

    Parameters
    ----------
    name : str, optional
        Only those with this in their name, whatever the case.
    owner : str, optional
        Only this owner's.
    visible_to : Sight, optional
        Only what this sees.
    """
    clauses: list[sa.ColumnElement[bool]] = [visible(visible_to, batches)]
    if name:
        clauses.append(batches.c.name.icontains(name, autoescape=True))
    if owner is not None:
        clauses.append(batches.c.owner == owner)
    query = _SELECT.where(*clauses).order_by(batches.c.created_at.desc(), batches.c.id)
    rows = rows_of(BatchRow, conn.execute(query.limit(first).offset(offset)))
    total = conn.execute(sa.select(sa.func.count()).select_from(batches).where(*clauses)).scalar_one()
    return BatchPage(rows, total)


def read_grids(conn: Connection, batch: str) -> Sequence[Any]:
    """The grids of a batch, in the order of their points."""
    return conn.execute(sa.select(grids).where(grids.c.batch == batch).order_by(grids.c.first)).all()


def count_unmade(conn: Connection, row: BatchRow) -> int:
    """How many points of a batch have no task yet. Above the first that has none, there may be some that have."""
    if row.made >= row.total:
        return 0
    above = sa.select(sa.func.count()).where(tasks.c.batch == row.id, tasks.c.point >= row.made)
    return int(row.total - row.made - conn.execute(above).scalar_one())
