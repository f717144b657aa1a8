"""Which tasks a question is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import InvalidTask
from taskq_kernel.store.ids import id_clause
from taskq_kernel.store.tables import sources, tasks

#: How long a text that is looked for may be.
MAX_SEARCH = 1000


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Conditions on tasks; what is None does not matter. Times are epoch seconds."""

    ids: Sequence[str] | None = None
    status: Sequence[TaskStatus] | None = None
    #: Part of the name, whatever the case.
    name: str | None = None
    #: Part of the name or the code, whatever the case.
    search: str | None = None
    batch: str | None = None
    owner: str | None = None
    queue: str | None = None
    worker: str | None = None
    created_after: float | None = None
    created_before: float | None = None
    finished_after: float | None = None
    finished_before: float | None = None
    #: The only owner whose tasks the asker may see, where tasks are private.
    visible_to: str | None = None

    def clauses(self, dialect: str) -> list[sa.ColumnElement[bool]]:
        """The conditions as SQL; deleted tasks are not excluded by them."""
        made: list[sa.ColumnElement[bool]] = []
        if self.ids is not None:
            made.append(id_clause(self.ids))
        if self.status is not None:
            made.append(tasks.c.status.in_([str(status) for status in self.status]))
        if self.name:
            made.append(contains(tasks.c.name, self.name, dialect))
        if self.search:
            in_code = sa.select(sources.c.sha256).where(contains(sources.c.code, self.search, dialect))
            made.append(sa.or_(contains(tasks.c.name, self.search, dialect), tasks.c.source.in_(in_code)))
        for name in ("batch", "owner", "queue", "worker"):
            value = getattr(self, name)
            if value is not None:
                made.append(tasks.c[name] == value)
        if self.visible_to is not None:
            made.append(tasks.c.owner == self.visible_to)
        for column, after, before in (
            (tasks.c.created_at, self.created_after, self.created_before),
            (tasks.c.finished_at, self.finished_after, self.finished_before),
        ):
            if after is not None:
                made.append(column >= after)
            if before is not None:
                made.append(column < before)
        return made


def contains(column: sa.Column[Any], text: str, dialect: str) -> sa.ColumnElement[bool]:
    """The condition that a text column contains ``text``, whatever the case.

    Raises
    ------
    InvalidTask
        If the text is too long to be looked for.
    """
    if len(text) > MAX_SEARCH:
        raise InvalidTask(f"the text to look for has {len(text)} characters: give at most {MAX_SEARCH}")
    text = text.replace("\0", "")
    pattern = "%" + text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
    if dialect != "sqlite":
        return column.ilike(pattern, escape="\\")
    if text.isascii():
        # SQLite's own LIKE ignores the case of ASCII letters, and is the fastest.
        return column.like(pattern, escape="\\")
    return sa.func.instr(sa.func.taskq_fold(column), text.casefold(), type_=sa.Integer) > 0
