"""Recipes: definitions that administrators have registered for those who do not code, in versions."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.errors import NotFound
from taskq_kernel.store.database import Write
from taskq_kernel.store.definitions import NewDefinition, register_definition
from taskq_kernel.store.projects import check_projects
from taskq_kernel.store.rows import RecipeRow, one_or_none, rows_of
from taskq_kernel.store.tables import definitions, recipes, sources

_SELECT = (
    sa.select(recipes, definitions.c.entry, sources.c.code)
    .join(definitions, definitions.c.id == recipes.c.definition)
    .join(sources, sources.c.sha256 == definitions.c.source)
)
_IN_USE = recipes.c.retired_at.is_(None)


def add_recipe(
    write: Write, name: str, new: NewDefinition, owner: str, project: str | None = None,
    project_commit: str | None = None, *, once: bool = False,
) -> tuple[RecipeRow, bool]:
    """Register a recipe, or a new version of it; it, and whether anything is new.

    The same code with the same project is the version that is there; with ``once`` also one that was there, and is
    out of use. What earlier versions made stays as it is.

    Raises
    ------
    NotFound
        If its project is not there.
    """
    check_projects(write.conn, [project])
    made = register_definition(write, new, owner)
    same = (recipes.c.name == name, recipes.c.definition == made.id, recipes.c.project.is_not_distinct_from(project))
    query = _SELECT.where(*same, sa.true() if once else _IN_USE).order_by(recipes.c.version.desc()).limit(1)
    there = one_or_none(RecipeRow, write.conn.execute(query))
    if there is not None:
        return there, False
    _retire(write, name)
    last = sa.select(sa.func.coalesce(sa.func.max(recipes.c.version), 0)).where(recipes.c.name == name)
    write.conn.execute(sa.insert(recipes).values(
        name=name, version=int(write.conn.execute(last).scalar_one()) + 1, definition=made.id, project=project,
        project_commit=project_commit, owner=owner, created_at=write.now,
    ))
    return get_recipe(write.conn, name), True


def remove_recipe(write: Write, name: str) -> RecipeRow:
    """Take a recipe out of use; what it made stays.

    Raises
    ------
    NotFound
        If there is none.
    """
    row = get_recipe(write.conn, name)
    _retire(write, name)
    return row


def list_recipes(conn: Connection) -> list[RecipeRow]:
    """The recipes in use, by name."""
    return rows_of(RecipeRow, conn.execute(_SELECT.where(_IN_USE).order_by(recipes.c.name)))


def get_recipe(conn: Connection, name: str) -> RecipeRow:
    """The recipe of this name.

    Raises
    ------
    NotFound
        If there is none in use.
    """
    row = _in_use(conn, name)
    if row is None:
        raise NotFound(f"no recipe is named {name[:80]!r}: there never was one, or it was removed", "NOT_FOUND")
    return row


def _in_use(conn: Connection, name: str) -> RecipeRow | None:
    return one_or_none(RecipeRow, conn.execute(_SELECT.where(recipes.c.name == name, _IN_USE)))


def _retire(write: Write, name: str) -> None:
    write.conn.execute(sa.update(recipes).where(recipes.c.name == name, _IN_USE).values(retired_at=write.now))
