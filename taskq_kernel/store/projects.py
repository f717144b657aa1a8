"""Projects: folders by their content, which tasks name and workers lay out.

The service keeps a project's manifest and its files as it keeps large values. What is noted here is
which files a project has, so that they are kept as long as it is: as long as a task, a batch or a recipe
names it, and for `UNUSED_S` after it was sent the last time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from taskq_kernel.errors import NotFound
from taskq_kernel.project_manifest import ProjectManifest
from taskq_kernel.store.database import Write
from taskq_kernel.store.ids import chunks
from taskq_kernel.store.offers import julias_json
from taskq_kernel.store.tables import batches, project_files, projects, recipes, tasks

#: How long a project is kept that nothing names, in seconds: a notebook may call what it has defined last week.
UNUSED_S = 7 * 86400.0


def register_project(
    write: Write, project: str, manifest: ProjectManifest, owner: str, julia: Sequence[str] = ()
) -> None:
    """Note a project with its files, or that it is there still.

    Parameters
    ----------
    project : str
        The SHA-256 of its manifest.
    manifest : ProjectManifest
        Its files.
    owner : str
        Who has sent it.
    julia : sequence of str
        The versions of Julia of which it takes one; none: any.
    """
    takes = julias_json(julia)
    said = {} if takes is None else {"julia": takes}  # a client of an earlier release did not say
    sent_again = sa.update(projects).where(projects.c.id == project).values(used_at=write.now, **said)
    if write.conn.execute(sent_again).rowcount:
        return  # and its files with it, which are as many as ten thousand
    write.conn.execute(sa.insert(projects).values(
        id=project, owner=owner, created_at=write.now, used_at=write.now, files=len(manifest.files), size=manifest.size,
        julia=takes,
    ))
    for chunk in chunks(sorted(manifest.refs)):
        write.conn.execute(sa.insert(project_files), [{"project": project, "ref": ref} for ref in chunk])


def check_projects(conn: Connection, wanted: Iterable[str | None]) -> None:
    """Look whether projects that new tasks name are there.

    Raises
    ------
    NotFound
        If one is not.
    """
    for chunk in chunks(sorted({one for one in wanted if one is not None})):
        known = set(conn.execute(sa.select(projects.c.id).where(projects.c.id.in_(chunk))).scalars())
        for one in chunk:
            if one not in known:
                raise NotFound(
                    f"no project has the id {one[:80]}: it was never sent, or nothing has named it for "
                    f"{UNUSED_S / 86400:.0f} days; send it again", "NOT_FOUND",
                )


def named_by_projects(refs: list[str]) -> list[sa.Select[tuple[str]]]:
    """What finds those of ``refs`` that are a project's manifest, or in one of its files."""
    return [
        sa.select(projects.c.id).where(projects.c.id.in_(refs)),
        sa.select(project_files.c.ref).where(project_files.c.ref.in_(refs)),
    ]


def forget_unused_projects(write: Write, before: float) -> None:
    """Forget projects that nothing names, and that were sent the last time before a point in time."""
    by_task = sa.exists().where(tasks.c.project == projects.c.id, tasks.c.deleted_at.is_(None))
    by_batch = sa.exists().where(batches.c.project == projects.c.id)
    by_recipe = sa.exists().where(recipes.c.project == projects.c.id, recipes.c.retired_at.is_(None))
    query = sa.select(projects.c.id).where(projects.c.used_at < before, ~by_task, ~by_batch, ~by_recipe)
    for chunk in chunks(write.conn.execute(query).scalars().all()):
        write.conn.execute(sa.delete(project_files).where(project_files.c.project.in_(chunk)))
        write.conn.execute(sa.delete(projects).where(projects.c.id.in_(chunk)))
