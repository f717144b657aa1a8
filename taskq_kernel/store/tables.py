"""The tables of the task database.

Times are seconds since the epoch as double precision: they sort, and mean the same in
SQLite and PostgreSQL. ``number`` is a task's primary key, because short integer keys make
every index and every child table small; ``id`` is what the world sees.

``tasks`` holds what changes and what lists show. Source text lives in ``sources``, keyed
by its hash: a sweep of ten thousand tasks stores its code once, and a change of status
does not rewrite it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from taskq_kernel.task_fields import SHARED_FIELDS, TaskField


class AnyText(sa.TypeDecorator[str]):
    """Text in which NUL is allowed.

    PostgreSQL has no NUL in text, and user code, its output and its error messages may
    hold one. It is stored as ``DLE 0``, and DLE itself as ``DLE DLE``.
    """

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Text as it is stored."""
        if value is None or ("\0" not in value and "\x10" not in value):
            return value
        return value.replace("\x10", "\x10\x10").replace("\0", "\x100")

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Text as it was given."""
        if value is None or "\x10" not in value:
            return value
        parts = value.split("\x10\x10")
        return "\x10".join(part.replace("\x100", "\0") for part in parts)


class Cause(StrEnum):
    """What brought about an event of a task's history."""

    SUBMITTED = "SUBMITTED"
    CLAIMED = "CLAIMED"
    OUTCOME = "OUTCOME"
    LOST = "LOST"
    RELEASED = "RELEASED"
    CANCELLED = "CANCELLED"
    RETRIED = "RETRIED"
    DEPENDENCY = "DEPENDENCY"
    CACHED = "CACHED"


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives only INTEGER, not BIGINT, the fast key that is the row's own number.
_Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_Time = sa.Double

#: One row. Every write locks it first, so that writes happen one after another and a
#: version never becomes visible after a later one.
counters = sa.Table(
    "counters",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    # A UUID that the database gets when it is made. A version means something only together
    # with it: another database may have come as far, with other changes.
    sa.Column("database", sa.Text, nullable=False, server_default=""),
)

sources = sa.Table(
    "sources",
    metadata,
    sa.Column("sha256", AnyText, primary_key=True),
    sa.Column("code", AnyText, nullable=False),
)


def _asked_for() -> list[sa.Column[Any]]:
    """What a task asks for besides memory and time, and a batch for all of its tasks."""
    return [
        # The folder that it has at hand, by its content; and the git commit that this was, as its owner says.
        sa.Column("project", sa.Text),
        sa.Column("project_commit", AnyText),
        # What it asks of the machine; see `taskq_kernel.needs`. NULL: nothing. The variables are JSON.
        sa.Column("threads", sa.Integer),
        sa.Column("env", AnyText),
        sa.Column("gpus", sa.Integer),
        # What it is given in files, and which files of its folder are kept, as JSON; see `task_files`.
        sa.Column("input_files", AnyText),
        sa.Column("outputs", AnyText),
    ]


tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("number", _Key, primary_key=True, autoincrement=False),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("lost", sa.Integer, nullable=False),
    sa.Column("max_attempts", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("queue", AnyText, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("timeout_s", _Time),
    sa.Column("memory_limit", sa.BigInteger),
    sa.Column("owner", AnyText, nullable=False),
    sa.Column("batch", AnyText),
    sa.Column("worker_id", AnyText),
    sa.Column("worker", AnyText),
    sa.Column("created_at", _Time, nullable=False),
    sa.Column("started_at", _Time),
    sa.Column("finished_at", _Time),
    sa.Column("seconds", _Time),
    # When it was last handed to the broker, and from when on it may be (a retry's back-off).
    sa.Column("published_at", _Time),
    sa.Column("available_at", _Time, nullable=False),
    # A deleted task keeps its row, so that the feed can say that it is gone.
    sa.Column("deleted_at", _Time),
    sa.Column("log_bytes", sa.BigInteger, nullable=False),
    sa.Column("progress", _Time),
    sa.Column("progress_message", AnyText),
    sa.Column("source", sa.Text, sa.ForeignKey("sources.sha256")),
    sa.Column("entry", sa.Text),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("value_kind", sa.Text),
    sa.Column("value_type", AnyText),
    sa.Column("value_text", AnyText),
    sa.Column("value_note", AnyText),
    sa.Column("value_ref", sa.Text),
    sa.Column("value_size", sa.BigInteger),
    sa.Column("error_name", AnyText),
    sa.Column("error_line", sa.Integer),
    sa.Column("error_message", AnyText),
    # What may be long stands last: SQLite reads a row only as far as it has to.
    sa.Column("error_stacktrace", AnyText),
    sa.Column("arguments", AnyText),
    sa.Column("value_json", AnyText),
    # The number of the finished task that this one runs again. It came later, and a column can be
    # added at the end only; so it is read where it is asked for, as what is long.
    sa.Column("repeats", sa.BigInteger),
    # What its random numbers start from. NULL: it finished before seeds were kept.
    sa.Column("seed", sa.BigInteger),
    # The definition that it calls, and its place among the points of its batch, from 0.
    sa.Column("definition", AnyText),
    sa.Column("point", sa.BigInteger),
    # Where its time went, as JSON.
    sa.Column("timing", AnyText),
    # When all but its result was taken from it, as the rules of retention have it; see `retention`.
    sa.Column("trimmed_at", _Time),
    # Whether an equal task's value may stand for a run; what is equal (see `cache.cache_key`), once its
    # arguments are known; and who computed its value, where it did not. A tombstone keeps the key.
    sa.Column("cache", sa.Boolean),
    sa.Column("cache_key", sa.Text),
    sa.Column("cached_from", sa.BigInteger),
    # What its latest attempt ran in; see `cache.environment_of`.
    sa.Column("environment", AnyText),
    *_asked_for(),
    # The recipe that it was made of, by its name; which version that was, its definition tells.
    sa.Column("recipe", AnyText),
    # SHA-256 of the Manifest.toml that its last attempt had, which `manifests` holds.
    sa.Column("manifest_sha256", sa.Text),
    # The same in every detail, in a row of `surroundings`; and the most memory that its process had.
    sa.Column("surroundings", AnyText),
    sa.Column("peak_memory", sa.BigInteger),
    # The worker that is not to run it while another serves its queue.
    sa.Column("avoid", AnyText),
)

#: What tasks ran in, by a hash of it: JSON, the same for all tasks of a process.
surroundings = sa.Table(
    "surroundings",
    metadata,
    sa.Column("id", AnyText, primary_key=True),
    sa.Column("facts", AnyText, nullable=False),
)

#: What stands behind fields that a task names and does not hold. They take the names of the task's own columns.
_NAMED: dict[str, sa.Column[Any]] = {
    "code": sources.c.code,
    # Read like a column.
    "surroundings": cast("sa.Column[Any]", sa.select(surroundings.c.facts).where(
        surroundings.c.id == tasks.c.surroundings
    ).scalar_subquery().label("surroundings")),
}


def stored_columns(field: TaskField) -> list[sa.Column[Any]]:
    """The columns that have a task's field."""
    return [_NAMED[name] if name in _NAMED else tasks.c[name] for name in field.stored_as]


#: What a batch gives to all of its tasks: columns of either table.
SHARED = tuple(name for field in SHARED_FIELDS for name in field.stored_as)

_present = tasks.c.deleted_at.is_(None)
sa.Index(None, tasks.c.version, unique=True)
# Lists can be ordered by any of these; a page is read from its index, however many tasks there are.
for _column in ("status", "name", "owner", "queue", "priority", "created_at", "started_at", "finished_at", "seconds"):
    sa.Index(None, tasks.c[_column], tasks.c.number, sqlite_where=_present, postgresql_where=_present)
sa.Index(
    None, tasks.c.batch,
    sqlite_where=tasks.c.batch.isnot(None), postgresql_where=tasks.c.batch.isnot(None),
)
sa.Index(None, tasks.c.source)
# A point of a batch has one task, whoever makes it and however often. A deleted one has given up its place.
_is_point = tasks.c.point.isnot(None)
sa.Index(
    "ix_tasks_batch_point", tasks.c.batch, tasks.c.point, unique=True,
    sqlite_where=_is_point, postgresql_where=_is_point,
)
# How many points of a batch have each status, and when the last ones ended, without a look at the rows.
sa.Index(
    "ix_tasks_batch_status", tasks.c.batch, tasks.c.status, tasks.c.finished_at,
    sqlite_where=_is_point, postgresql_where=_is_point,
)
sa.Index(
    None, tasks.c.value_ref,
    sqlite_where=tasks.c.value_ref.isnot(None), postgresql_where=tasks.c.value_ref.isnot(None),
)

#: Sessions, by their versions: which have ended lately. Written out, for a parameter would not be known to be this.
IS_SESSION = tasks.c.kind == sa.literal_column("'SESSION'")
sa.Index("ix_tasks_sessions", tasks.c.version, sqlite_where=IS_SESSION, postgresql_where=IS_SESSION)

# Tombstones go as well one day; there are few, and nothing else would find them.
_is_gone = tasks.c.deleted_at.isnot(None)
sa.Index(None, tasks.c.deleted_at, tasks.c.number, sqlite_where=_is_gone, postgresql_where=_is_gone)
# What one recipe has made; and what all of them have, which is what some may see, in the order of numbers.
_of_recipe = tasks.c.recipe.isnot(None)
sa.Index("ix_tasks_of_recipes", tasks.c.number, sqlite_where=_of_recipe, postgresql_where=_of_recipe)
sa.Index(None, tasks.c.recipe, tasks.c.number, sqlite_where=_of_recipe, postgresql_where=_of_recipe)
_has_project = tasks.c.project.isnot(None)
sa.Index(None, tasks.c.project, sqlite_where=_has_project, postgresql_where=_has_project)
_has_manifest = tasks.c.manifest_sha256.isnot(None)
sa.Index(None, tasks.c.manifest_sha256, sqlite_where=_has_manifest, postgresql_where=_has_manifest)
_is_cached = tasks.c.cache_key.isnot(None)
sa.Index(None, tasks.c.cache_key, tasks.c.number, sqlite_where=_is_cached, postgresql_where=_is_cached)

#: Code with a function that tasks call, by the SHA-256 of both; see `definitions.definition_id`.
definitions = sa.Table(
    "definitions",
    metadata,
    sa.Column("id", AnyText, primary_key=True),
    sa.Column("source", sa.Text, sa.ForeignKey("sources.sha256"), nullable=False, index=True),
    sa.Column("entry", sa.Text),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("owner", AnyText, nullable=False),
    sa.Column("created_at", _Time, nullable=False),
    # Why it cannot be used, as the first task found that tried: it does not parse.
    sa.Column("error_name", AnyText),
    sa.Column("error_message", AnyText),
    sa.Column("error_line", sa.Integer),
)

#: Sweeps: a definition and a grid of points, of which tasks are made as workers come to them.
batches = sa.Table(
    "batches",
    metadata,
    sa.Column("id", AnyText, primary_key=True),
    sa.Column("name", AnyText, nullable=False),
    sa.Column("owner", AnyText, nullable=False),
    sa.Column("definition", AnyText, sa.ForeignKey("definitions.id"), nullable=False, index=True),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("queue", AnyText, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("timeout_s", _Time),
    sa.Column("memory_limit", sa.BigInteger),
    sa.Column("max_attempts", sa.Integer, nullable=False),
    # How many points it has, and up to which of them tasks were made.
    sa.Column("total", sa.BigInteger, nullable=False),
    sa.Column("made", sa.BigInteger, nullable=False),
    sa.Column("created_at", _Time, nullable=False),
    # From then on no more tasks are made of it, until it is resumed.
    sa.Column("cancelled_at", _Time),
    sa.Column("cache", sa.Boolean),
    # Whether the seed of a point follows from what it computes, and not from `seed` and its place.
    sa.Column("seeds_by_content", sa.Boolean),
    *_asked_for(),
    # The recipe that its points are made of.
    sa.Column("recipe", AnyText),
)
sa.Index("uq_batches_owner_name", batches.c.owner, batches.c.name, unique=True)
sa.Index("ix_batches_created_at", batches.c.created_at)
_with_project = batches.c.project.isnot(None)
sa.Index("ix_batches_project", batches.c.project, sqlite_where=_with_project, postgresql_where=_with_project)
# Those of which tasks are still to be made; few, however many there were.
_unmade = sa.and_(batches.c.made < batches.c.total, batches.c.cancelled_at.is_(None))
sa.Index("ix_batches_unmade", batches.c.id, sqlite_where=_unmade, postgresql_where=_unmade)

#: The points of a batch, in the order in which they were submitted; see `grid.Grid`.
grids = sa.Table(
    "grids",
    metadata,
    sa.Column("batch", sa.Text, sa.ForeignKey("batches.id"), primary_key=True),
    # The place of its first point in the batch.
    sa.Column("first", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    # SHA-256 of what was submitted, of which the design may be the part that was new.
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("design", AnyText, nullable=False),
)

#: Which tasks a task needs: it starts when they are finished.
dependencies = sa.Table(
    "dependencies",
    metadata,
    sa.Column("task", _Key, sa.ForeignKey("tasks.number"), primary_key=True, autoincrement=False),
    sa.Column("needs", _Key, sa.ForeignKey("tasks.number"), primary_key=True, autoincrement=False, index=True),
)

#: Tasks that are not handed to the broker yet, and how many of those that they need are not finished.
held_back = sa.Table(
    "held_back",
    metadata,
    sa.Column("task", _Key, sa.ForeignKey("tasks.number"), primary_key=True, autoincrement=False),
    sa.Column("unmet", sa.Integer, nullable=False),
)

#: Values that the service keeps and that stand among the arguments of tasks: they are kept as long as these are.
given_values = sa.Table(
    "given_values",
    metadata,
    sa.Column("task", _Key, sa.ForeignKey("tasks.number"), primary_key=True, autoincrement=False),
    sa.Column("ref", sa.Text, primary_key=True, index=True),
)

#: Files of a task's folder that are kept, of the last attempt that ended; what is in each is a blob.
task_files = sa.Table(
    "task_files",
    metadata,
    sa.Column("task", _Key, sa.ForeignKey("tasks.number"), primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("ref", sa.Text, nullable=False, index=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
)

#: Folders that tasks have at hand, by the SHA-256 of their manifests; see `taskq_kernel.project_manifest`.
projects = sa.Table(
    "projects",
    metadata,
    sa.Column("id", AnyText, primary_key=True),
    # Who sent it first, and when it was sent first and last.
    sa.Column("owner", AnyText, nullable=False),
    sa.Column("created_at", _Time, nullable=False),
    sa.Column("used_at", _Time, nullable=False),
    sa.Column("files", sa.Integer, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    # The versions of Julia that its manifests were made with, as JSON: it takes one of these. NULL: any.
    sa.Column("julia", sa.Text),
)

#: What is in the files of a project, which the service keeps as it keeps values.
project_files = sa.Table(
    "project_files",
    metadata,
    sa.Column("project", sa.Text, sa.ForeignKey("projects.id"), primary_key=True),
    sa.Column("ref", sa.Text, primary_key=True, index=True),
)

#: What administrators have registered for those who do not code: a definition whose code says what may be set, in
#: versions. One that was removed, or that has a later version, was retired.
recipes = sa.Table(
    "recipes",
    metadata,
    sa.Column("name", AnyText, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("definition", AnyText, sa.ForeignKey("definitions.id"), nullable=False, index=True),
    # The folder that its tasks have at hand; and the git commit that this was.
    sa.Column("project", sa.Text, index=True),
    sa.Column("project_commit", AnyText),
    sa.Column("owner", AnyText, nullable=False),
    sa.Column("created_at", _Time, nullable=False),
    sa.Column("retired_at", _Time),
)
_in_use = recipes.c.retired_at.is_(None)
sa.Index("uq_recipes_in_use", recipes.c.name, unique=True, sqlite_where=_in_use, postgresql_where=_in_use)
#: Which packages tasks have had: the texts of Julia's manifests, each once, and when a worker told it the last time.
manifests = sa.Table(
    "manifests",
    metadata,
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("text", AnyText, nullable=False),
    sa.Column("seen_at", _Time, nullable=False),
)

#: Each task's history: one row per change of status.
task_events = sa.Table(
    "task_events",
    metadata,
    sa.Column("id", _Key, primary_key=True),
    sa.Column("task", _Key, sa.ForeignKey("tasks.number"), nullable=False, index=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("worker", AnyText),
    sa.Column("at", _Time, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("reason", AnyText, nullable=False),
)

#: Outcomes that came too late: from an attempt, or a worker, that no longer held the task.
refused_outcomes = sa.Table(
    "refused_outcomes",
    metadata,
    sa.Column("task", _Key, sa.ForeignKey("tasks.number"), primary_key=True, autoincrement=False),
    sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("worker", AnyText, primary_key=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("at", _Time, nullable=False),
    sa.Column("reason", AnyText, nullable=False),
)

task_logs = sa.Table(
    "task_logs",
    metadata,
    sa.Column("task", _Key, sa.ForeignKey("tasks.number"), primary_key=True, autoincrement=False),
    sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("stream", AnyText, nullable=False),
    sa.Column("text", AnyText, nullable=False),
)

#: What tasks report as series of numbers, as JSON. Apart from their tasks: it comes every few seconds, and is long.
task_series = sa.Table(
    "task_series",
    metadata,
    sa.Column("task", _Key, sa.ForeignKey("tasks.number"), primary_key=True, autoincrement=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("series", AnyText, nullable=False),
)

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("id", AnyText, primary_key=True),
    sa.Column("name", AnyText, nullable=False),
    sa.Column("host", AnyText, nullable=False),
    sa.Column("pid", sa.BigInteger, nullable=False),
    sa.Column("runner", AnyText, nullable=False),
    sa.Column("julia_version", AnyText, nullable=False),
    sa.Column("queues", AnyText, nullable=False),
    sa.Column("slots", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("drain", sa.Boolean, nullable=False),
    sa.Column("joined_at", _Time, nullable=False),
    sa.Column("seen_at", _Time, nullable=False),
    sa.Column("lease_until", _Time, nullable=False),
    # SHA-256 of the manifest of its Julia project; NULL: it has none.
    sa.Column("manifest", AnyText),
    # What its tasks share: cores and devices. NULL: a worker of a release that did not say.
    sa.Column("cores", sa.Integer),
    sa.Column("gpus", sa.Integer),
    # And memory, in bytes; and which versions of Julia projects can have, as JSON.
    sa.Column("memory", sa.BigInteger),
    sa.Column("julias", sa.Text),
    # Whether it reads messages of several tasks. NULL: a worker of a release that did not know of them.
    sa.Column("bundles", sa.Boolean),
    # How many of its slots can be given tasks that it has not asked for. NULL: likewise.
    sa.Column("grants", sa.Integer),
)

#: Tasks to be handed to the broker. A task may stand here twice; claims make that harmless.
outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", _Key, primary_key=True),
    sa.Column("task", _Key, sa.ForeignKey("tasks.number"), nullable=False, index=True),
    sa.Column("available_at", _Time, nullable=False, index=True),
    # A number is never used twice: what was read, published and is now taken out must not
    # have become another row meanwhile.
    sqlite_autoincrement=True,
)

#: How many tasks that are not deleted each owner has in each status. Kept by whoever changes a
#: status, because counting a million rows anew for every look at the board takes too long.
task_counts = sa.Table(
    "task_counts",
    metadata,
    sa.Column("owner", AnyText, primary_key=True),
    sa.Column("status", sa.Text, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
)

#: How many of each owner's tasks ended in each minute, for the overview's last hour.
minutes = sa.Table(
    "minutes",
    metadata,
    sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("owner", AnyText, primary_key=True),
    sa.Column("finished", sa.Integer, nullable=False),
    sa.Column("failed", sa.Integer, nullable=False),
)

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", AnyText, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False, unique=True),
    sa.Column("created_at", _Time, nullable=False),
    sa.Column("expires_at", _Time),
    sa.Column("revoked_at", _Time),
)

#: Links by which others see a task or a batch: the hash of the token that each has in it, as of any other token.
#: What is shared may go; then the link says so, and that is all.
shares = sa.Table(
    "shares",
    metadata,
    sa.Column("id", AnyText, primary_key=True),
    # Exactly one of them: a task's number, or the UUID that a batch's tasks have.
    sa.Column("task", sa.BigInteger),
    sa.Column("batch", AnyText),
    # Whose it is, and who made the link.
    sa.Column("owner", AnyText, nullable=False),
    sa.Column("created_by", AnyText, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False, unique=True),
    sa.Column("created_at", _Time, nullable=False),
    sa.Column("expires_at", _Time),
    sa.Column("revoked_at", _Time),
)
