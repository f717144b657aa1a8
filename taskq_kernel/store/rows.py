"""The rows of the task database, as SQLAlchemy gives them: which columns there are, and of which types.

A row has what its query selected and nothing else. Nobody makes these classes: they tell the
type checker what a row's attributes are, and cost nothing while the service runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar, cast

import sqlalchemy as sa

#: What a column can be given.
Cell = str | int | float | bool | None
#: Columns by their names, as a statement takes them.
Columns = dict[str, Cell]

R = TypeVar("R")


class AskedForRow:
    """What a task asks for besides memory and time, and a batch for all of its tasks."""

    threads: int | None
    env: str | None
    gpus: int | None
    input_files: str | None
    outputs: str | None
    project: str | None
    project_commit: str | None


class TaskRow(AskedForRow):
    """A task, with its code where that was joined; see `taskq_kernel.store.tables.tasks`."""

    number: int
    id: str
    version: int
    status: str
    attempt: int
    failures: int
    lost: int
    max_attempts: int
    kind: str
    queue: str
    priority: int
    timeout_s: float | None
    memory_limit: int | None
    owner: str
    batch: str | None
    worker_id: str | None
    worker: str | None
    created_at: float
    started_at: float | None
    finished_at: float | None
    seconds: float | None
    published_at: float | None
    available_at: float
    deleted_at: float | None
    log_bytes: int
    progress: float | None
    progress_message: str | None
    source: str | None
    entry: str | None
    name: str
    value_kind: str | None
    value_type: str | None
    value_text: str | None
    value_note: str | None
    value_ref: str | None
    value_size: int | None
    error_name: str | None
    error_line: int | None
    error_message: str | None
    error_stacktrace: str | None
    arguments: str | None
    value_json: str | None
    repeats: int | None
    seed: int | None
    definition: str | None
    point: int | None
    timing: str | None
    trimmed_at: float | None
    cache: bool | None
    cache_key: str | None
    cached_from: int | None
    environment: str | None
    recipe: str | None
    manifest_sha256: str | None
    surroundings: str | None
    peak_memory: int | None
    avoid: str | None
    code: str | None


class CountersRow:
    """The one row of the counters."""

    version: int
    number: int
    database: str


class NumberRow:
    """A task's number, and how often it was found, where that was counted."""

    task: int
    times: int


class DefinitionRow:
    """A definition, with its code where that was joined."""

    id: str
    source: str
    entry: str | None
    name: str
    owner: str
    created_at: float
    error_name: str | None
    error_message: str | None
    error_line: int | None
    code: str


class BatchRow(AskedForRow):
    """A batch, with the name and the entry of its definition."""

    id: str
    name: str
    owner: str
    definition: str
    seed: int
    queue: str
    priority: int
    timeout_s: float | None
    memory_limit: int | None
    max_attempts: int
    total: int
    made: int
    created_at: float
    cancelled_at: float | None
    cache: bool | None
    seeds_by_content: bool | None
    recipe: str | None
    definition_name: str
    entry: str | None


class RecipeRow:
    """A recipe of one version, with its code and the function that its tasks call."""

    name: str
    version: int
    definition: str
    project: str | None
    project_commit: str | None
    owner: str
    created_at: float
    retired_at: float | None
    entry: str
    code: str


class DueRow(TaskRow):
    """A row of the outbox with its task, and the Julias that its project takes."""

    outbox_id: int
    julia: str | None


class WaitingRow(TaskRow):
    """A waiting task; ``held`` is its number where it is held back."""

    held: int | None


class HangingRow(TaskRow):
    """As much of a task as its transition needs, and which of the tasks asked about it hangs on."""

    root: int


class EventRow:
    """A line of a task's history."""

    id: int
    task: int
    status: str
    attempt: int
    worker: str | None
    at: float
    cause: str
    reason: str


class LogRow:
    """Some of what an attempt printed."""

    task: int
    attempt: int
    seq: int
    stream: str
    text: str


class FileRow:
    """A file of a task's folder that is kept."""

    task: int
    name: str
    ref: str
    size: int
    attempt: int


class WorkerRow:
    """A worker; ``busy`` is how many tasks it holds, where they were counted."""

    id: str
    name: str
    host: str
    pid: int
    runner: str
    julia_version: str
    queues: str
    slots: int
    state: str
    drain: bool
    joined_at: float
    seen_at: float
    lease_until: float
    manifest: str | None
    cores: int | None
    gpus: int | None
    memory: int | None
    julias: str | None
    bundles: bool | None
    grants: int | None
    busy: int


class TokenRow:
    """A token; its hash is read by nobody."""

    id: str
    name: str
    role: str
    created_at: float
    expires_at: float | None
    revoked_at: float | None


class ShareRow:
    """A link to a task or a batch, with the name of that where it is still there; its hash is read by nobody."""

    id: str
    task: int | None
    batch: str | None
    owner: str
    created_by: str
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    name: str | None


def rows_of(_kind: type[R], result: sa.Result[Any]) -> list[R]:
    """All rows of a result."""
    return cast("list[R]", result.all())


def each_of(_kind: type[R], result: sa.Result[Any]) -> Iterable[R]:
    """The rows of a result one by one, as they are read."""
    return cast("Iterable[R]", result)


def one_of(_kind: type[R], result: sa.Result[Any]) -> R:
    """The one row of a result."""
    return cast("R", result.one())


def one_or_none(_kind: type[R], result: sa.Result[Any]) -> R | None:
    """The row of a result that may have none."""
    return cast("R | None", result.one_or_none())
