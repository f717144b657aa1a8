"""Points without a task, where tasks are cancelled or deleted by a filter: none is made of them any more."""

from __future__ import annotations

from dataclasses import fields

import sqlalchemy as sa

from taskq_kernel.domain import TaskStatus
from taskq_kernel.store.database import Write
from taskq_kernel.store.filters import TaskFilter
from taskq_kernel.store.tables import batches

#: What a point has before it has a task. A filter that asks for anything else means tasks alone.
_KNOWN = frozenset({"batch", "owner", "queue", "status", "visible_to", "recipe"})


def stop_making(write: Write, task_filter: TaskFilter, owner: str | None) -> None:
    """Make no more tasks of the points that a filter is about; ``owner`` limits it to that owner's."""
    given = {one.name for one in fields(task_filter) if getattr(task_filter, one.name) is not None}
    if given - _KNOWN or (task_filter.status is not None and TaskStatus.QUEUEING not in task_filter.status):
        return
    sight = task_filter.visible_to
    clauses = [batches.c.made < batches.c.total, batches.c.cancelled_at.is_(None)]
    for column, value in (
        (batches.c.id, task_filter.batch), (batches.c.queue, task_filter.queue), (batches.c.owner, task_filter.owner),
        (batches.c.owner, None if sight is None else sight.owner), (batches.c.owner, owner),
        (batches.c.recipe, task_filter.recipe),
    ):
        if value is not None:
            clauses.append(column == value)
    write.conn.execute(sa.update(batches).where(*clauses).values(cancelled_at=write.now))
