"""GraphQL types that are read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import graphene
import msgspec
from graphene import Boolean, Field, Float, Int, List, NonNull, ObjectType, String
from graphql import GraphQLResolveInfo

from taskq_kernel.service.schema.enums import Role, TaskKind, TaskStatus, TokenOrigin, ValueKind, WhyKind
from taskq_kernel.service.schema.fields import resolver_of
from taskq_kernel.service.schema.scalars import JSON, BigInt, DateTime
from taskq_kernel.service.why import Reason
from taskq_kernel.store.pages import Page
from taskq_kernel.store.rows import EventRow, FileRow, LogRow, TaskRow
from taskq_kernel.task_fields import ERROR_FIELDS, TASK_FIELDS, TaskField

#: The types of a task's fields, by their names in `taskq_kernel.task_fields`.
_FIELD_TYPES: dict[str, Any] = {
    "ID": graphene.ID, "Int": Int, "Float": Float, "String": String, "BigInt": BigInt, "DateTime": DateTime,
    "JSON": JSON, "Boolean": Boolean, "TaskStatus": TaskStatus, "TaskKind": TaskKind, "ValueKind": ValueKind,
    "[String!]": List(NonNull(String)),
}


def field_type(field: TaskField) -> Any:
    """The type of a task's field, null or not."""
    return _FIELD_TYPES[field.type.removesuffix("!")]


def declared(fields: Iterable[TaskField], whose: str = "") -> Any:
    """A base class with these fields of a task; ``whose`` stands before their descriptions."""
    return type("Declared", (), {
        field.name: Field(field_type(field), required=field.type.endswith("!"), description=whose + field.description)
        for field in fields
    })


_ErrorFields: Any = declared(ERROR_FIELDS)


class TaskError(_ErrorFields, ObjectType):
    """Why a task failed: Julia's exception, or taskq's own reason."""

    class Meta:
        default_resolver = resolver_of("TaskError")


_FIELD_TYPES["TaskError"] = TaskError
_TaskFields: Any = declared(TASK_FIELDS)


class TaskEvent(ObjectType):
    """One change of a task's status."""

    class Meta:
        default_resolver = resolver_of("TaskEvent")

    status = Field(TaskStatus, required=True, description="The status it went to.")
    attempt = Int(required=True, description="The attempt that the change belongs to.")
    worker = String(description="The worker that the change concerns.")
    at = DateTime(required=True, description="When it happened.")
    reason = String(required=True, description="What brought it about.")


class LogChunk(ObjectType):
    """Some of what a task printed."""

    class Meta:
        default_resolver = resolver_of("LogChunk")

    seq = Int(required=True, description="Its place among the chunks of its attempt.")
    attempt = Int(required=True, description="The attempt that printed it.")
    stream = String(required=True, description="stdout or stderr; display, where that was asked for.")
    text = String(required=True, description="The text.")


class TaskFile(ObjectType):
    """A file of a task's folder that is kept."""

    class Meta:
        default_resolver = resolver_of("TaskFile")

    name = String(required=True, description="Its path within the folder.")
    size = BigInt(required=True, description="Its length, in bytes.")
    sha256 = String(required=True, description="SHA-256 of what is in it, which is at GET /blobs/<sha256>.")
    type = String(required=True, description="Its media type, as its name tells.")
    attempt = Int(required=True, description="The attempt that left it; 0: that of the task that its value is from.")


class Why(ObjectType):
    """Why a task stands where it stands."""

    class Meta:
        default_resolver = resolver_of("Why")

    kind = Field(WhyKind, required=True, description="What kind of reason it is.")
    sentence = String(required=True, description="The reason in words, without the times.")
    since = DateTime(description="Since when: every slot is busy, it runs, or it is done.")
    until = DateTime(description="When its next attempt is due.")
    ahead = Int(description="How many tasks of its queue start before it; of a long queue, at least as many.")
    needs = Int(description="The number of the first task that it needs and that is not finished.")


class Task(_TaskFields, ObjectType):
    """A piece of Julia work."""

    class Meta:
        default_resolver = resolver_of("Task")

    waits_for = String(
        description="What keeps it from starting besides its turn, and what to do; null where nothing does."
    )
    why = Field(Why, required=True, description=(
        "Why it waits, since when and where it runs, or how it ended; asked anew for each look."
    ))
    history = List(NonNull(TaskEvent), required=True, description="Its changes of status, oldest first.")
    logs = List(
        NonNull(LogChunk), required=True, description="What its latest attempt printed.",
        after=Int(description="Only chunks with a seq above this."),
        displays=Boolean(default_value=False, description=(
            "Whether what a cell displays comes as a chunk of the stream display, whose text is JSON: what there is to "
            "show, by MIME type. Else it is text among what was printed."
        )),
    )

    files = List(NonNull(TaskFile), required=True, description=(
        "Files of its folder that are kept, by name: of its last attempt that ended, whichever way."
    ))
    series = JSON(description=(
        "What its latest attempt has reported as series of numbers: by name, how many reports (count), and the "
        "steps and values that the curve is made of."
    ))

    manifest = String(description="The text of the Manifest.toml that its last attempt had; null where it is not kept.")

    @staticmethod
    async def resolve_manifest(row: TaskRow, info: GraphQLResolveInfo) -> str | None:
        """Load it together with those of the other tasks of this answer."""
        text: str | None = await info.context.manifests.load(row.number)
        return text

    @staticmethod
    async def resolve_files(row: TaskRow, info: GraphQLResolveInfo) -> Sequence[FileRow]:
        """Load them together with those of the other tasks of this answer."""
        files: Sequence[FileRow] = await info.context.files.load(row.number)
        return files

    @staticmethod
    async def resolve_series(row: TaskRow, info: GraphQLResolveInfo) -> msgspec.Raw | None:
        """Load them together with those of the other tasks of this answer."""
        series: str | None = await info.context.series.load(row.number)
        return None if series is None else msgspec.Raw(series.encode())

    @staticmethod
    async def resolve_waits_for(row: TaskRow, info: GraphQLResolveInfo) -> str | None:
        """What of `why` keeps it from starting."""
        found = await Task.resolve_why(row, info)
        return found.sentence if found.kind.is_obstacle else None

    @staticmethod
    async def resolve_why(row: TaskRow, info: GraphQLResolveInfo) -> Reason:
        """Ask who knows the fleet and the broker."""
        found: Reason = await info.context.runtime.waiting.why(row)
        return found

    @staticmethod
    async def resolve_history(row: TaskRow, info: GraphQLResolveInfo) -> Sequence[EventRow]:
        """Load it together with those of the other tasks of this answer."""
        history: Sequence[EventRow] = await info.context.histories.load(row.number)
        return history

    @staticmethod
    async def resolve_logs(
        row: TaskRow, info: GraphQLResolveInfo, after: int | None = None, displays: bool = False
    ) -> Sequence[LogRow]:
        chunks: Sequence[LogRow] = await info.context.logs_after(row.number, after, displays)
        return chunks


class DefinitionError(ObjectType):
    """Why a definition cannot be used."""

    class Meta:
        default_resolver = resolver_of("DefinitionError")

    name = String(required=True, description="What is wrong: ParseError.")
    message = String(required=True, description="What, with its line and column.")
    line = Int(description="The line at fault, from 1.")


class Definition(ObjectType):
    """Code with a function that tasks call; evaluated once in each Julia process."""

    class Meta:
        default_resolver = resolver_of("Definition")

    id = graphene.ID(required=True, description="SHA-256 of its code and its entry.")
    source = graphene.ID(required=True, description="SHA-256 of its code.")
    code = String(required=True, description="Its Julia code.")
    entry = String(description="The function to call; null: what the code ends with, or its last function.")
    name = String(required=True, description="What people call it.")
    owner = String(required=True, description="Who registered it first.")
    created_at = DateTime(required=True, description="When it was registered.")
    error = Field(DefinitionError, description="Why it cannot be used, as its first task found: it does not parse.")


class CacheExplanation(ObjectType):
    """What the cache says of a task that is submitted now."""

    hit = Int(description="The number of the task that has computed its value; null where it would run.")
    nearest = Int(description="Where it would run: the number of the task that differs least.")
    reasons = List(NonNull(String), required=True, description="What stands in the way; empty for a hit.")


class PageInfo(ObjectType):
    """Where a page lies in its whole (Relay)."""

    has_next_page = Boolean(required=True, description="Whether there is more after it.")
    has_previous_page = Boolean(required=True, description="Whether there is more before it.")
    start_cursor = String(description="The cursor of its first task.")
    end_cursor = String(description="The cursor of its last task.")


class TaskEdge(ObjectType):
    """A task and its place in a list."""

    node = Field(Task, required=True, description="The task.")
    cursor = String(required=True, description="Its place.")


class StatusCount(ObjectType):
    """How many tasks have a status."""

    status = Field(TaskStatus, required=True, description="The status.")
    count = Int(required=True, description="How many have it.")


class TaskConnection(ObjectType):
    """A page of tasks (Relay)."""

    edges = List(NonNull(TaskEdge), required=True, description="The tasks with their cursors.")
    nodes = List(NonNull(Task), required=True, description="The tasks.")
    page_info = Field(PageInfo, required=True, description="Where the page lies.")
    total_count = Int(required=True, description="How many tasks the whole has.")
    counts = List(NonNull(StatusCount), required=True, description=(
        "How many tasks have each status, by the filter's other conditions: what it says of the status does not count."
    ))

    @staticmethod
    def resolve_edges(page: Page, _info: GraphQLResolveInfo) -> list[dict[str, Any]]:
        return [{"node": row, "cursor": page.cursor(row)} for row in page.rows]

    @staticmethod
    def resolve_nodes(page: Page, _info: GraphQLResolveInfo) -> list[TaskRow]:
        return page.rows

    @staticmethod
    def resolve_page_info(page: Page, _info: GraphQLResolveInfo) -> dict[str, Any]:
        """The cursors of its ends."""
        ends = [page.cursor(row) for row in (page.rows[:1] + page.rows[-1:])]
        return {
            "has_next_page": page.has_next, "has_previous_page": page.has_previous,
            "start_cursor": ends[0] if ends else None, "end_cursor": ends[-1] if ends else None,
        }

    @staticmethod
    def resolve_total_count(page: Page, _info: GraphQLResolveInfo) -> int | None:
        """It was counted with the page, because it was asked for."""
        return page.total

    @staticmethod
    def resolve_counts(page: Page, _info: GraphQLResolveInfo) -> list[dict[str, Any]]:
        """They were counted with the page, because they were asked for."""
        return [{"status": status, "count": count} for status, count in (page.counts or {}).items()]


class BulkResult(ObjectType):
    """What became of a change to many tasks."""

    tasks = List(NonNull(Task), required=True, description=(
        "The tasks; after deletion, as they were; after a retry, in the place of a finished one the new task that "
        "repeats it."
    ))
    changed = Int(required=True, description="How many it applied to.")
    unchanged = Int(required=True, description="How many it did not apply to, such as ended ones.")


class Pruned(ObjectType):
    """What was pruned in one go, or would be."""

    tasks = Int(required=True, description="How many tasks.")
    batches = Int(required=True, description="How many batches.")
    tombstones = Int(required=True, description="How many tombstones of tasks that had been deleted.")
    kept = Int(required=True, description=(
        "How many tasks are old enough, and stay: others need them, or their batch is not done or not old."
    ))
    size_bytes = BigInt(required=True, description="About how much went, in bytes.")
    file_bytes = BigInt(required=True, description="How large the database's file is; 0 where that is not known.")
    cursor = String(description="What to ask for next; null: all is done.")


class Minute(ObjectType):
    """What ended in one minute."""

    at = DateTime(required=True, description="When it began.")
    finished = Int(required=True, description="How many tasks became FINISHED.")
    failed = Int(required=True, description="How many became FAILED.")


class Statistics(ObjectType):
    """Where everything stands."""

    counts = List(NonNull(StatusCount), required=True, description="Tasks by status, every status once.")
    total = Int(required=True, description="All tasks.")
    slots = Int(required=True, description="Slots of the workers that are there.")
    busy = Int(required=True, description="Slots in use: of the same state of the database as counts.")
    workers_online = Int(required=True, description="Workers that are there.")
    finished_per_minute = Float(required=True, description="Tasks that ended in the last 60 seconds.")
    last_hour = List(NonNull(Minute), required=True, description="The last 60 minutes, oldest first.")
    broker_connected = Boolean(required=True, description="Whether RabbitMQ answers.")
    broker_blocked = String(description="Why RabbitMQ takes no messages, and what to do; null while it does.")
    unserved_queues = List(
        NonNull(String), required=True, description="Queues in which tasks wait, and that no worker serves.",
    )
    outbox_length = Int(required=True, description="Tasks not yet handed to RabbitMQ.")
    version = BigInt(required=True, description="The version of the last change.")


class Identity(ObjectType):
    """Whom a token stands for."""

    name = String(required=True, description="Its name, the owner of what it submits.")
    role = String(required=True, description="What it may do: admin, user, runner, worker or sink.")


class Token(ObjectType):
    """A bearer token: all of it but the secret, which was shown when it was made."""

    class Meta:
        default_resolver = resolver_of("Token")

    id = graphene.ID(required=True, description="Its UUID; of one of the tokens file its place there, as file:1.")
    name = String(required=True, description="Whom it stands for: the owner of what it submits.")
    role = Field(Role, required=True, description="What it may do.")
    origin = Field(TokenOrigin, required=True, description="Where the service has it from.")
    created_at = DateTime(description="When it was made; null: it is one of the tokens file.")
    expires_at = DateTime(description="From when on it is worthless; null: never.")
    revoked_at = DateTime(description="When it was revoked.")


class NewToken(ObjectType):
    """A token that has just been made."""

    secret = String(required=True, description="The token itself. It is not kept and cannot be had again.")
    token = Field(Token, required=True, description="What is kept of it.")


class TaskChanges(ObjectType):
    """What changed since the last event."""

    version = BigInt(required=True, description="The cursor to resume from.")
    database = graphene.ID(required=True, description="The database that the version is one of.")
    tasks = List(NonNull(Task), required=True, description="Tasks that are new or changed, as they are now.")
    deleted = List(NonNull(graphene.ID), required=True, description="Tasks that are gone.")
