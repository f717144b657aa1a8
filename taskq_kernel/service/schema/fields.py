"""How each field of a stored row is written in GraphQL.

One table per type. The schema's resolvers use it field by field; `execution` uses it to
write whole lists at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from taskq_kernel.service.schema.scalars import iso
from taskq_kernel.service.security.auth import FileToken

Getter = Callable[[Any], Any]


def _same(*names: str) -> dict[str, Getter]:
    """Fields that are written as they are stored."""
    def getter(name: str) -> Getter:
        return lambda row: getattr(row, name)

    return {name: getter(name) for name in names}


def _raw(text: str | None) -> msgspec.Raw | None:
    """JSON that is passed on as it was stored, every digit of it."""
    return None if text is None else msgspec.Raw(text.encode())


TASK: Mapping[str, Getter] = {
    **_same(
        "id", "number", "name", "kind", "code", "entry", "queue", "priority", "memory_limit", "max_attempts",
        "attempt", "status", "progress", "progress_message", "value_kind", "value_type", "value_text",
        "value_note", "value_ref", "value_size", "worker", "owner", "batch", "seconds", "lost", "version",
        "repeats", "seed",
    ),
    "timeout_seconds": lambda row: row.timeout_s,
    "arguments": lambda row: _raw(row.arguments or "{}"),
    "value": lambda row: _raw(row.value_json),
    "error": lambda row: None if row.error_name is None else row,
    "created_at": lambda row: iso(row.created_at),
    "started_at": lambda row: iso(row.started_at),
    "finished_at": lambda row: iso(row.finished_at),
}

TASK_ERROR: Mapping[str, Getter] = {
    "name": lambda row: row.error_name,
    "message": lambda row: row.error_message or "",
    "stacktrace": lambda row: row.error_stacktrace or "",
    "line": lambda row: row.error_line,
}

TASK_EVENT: Mapping[str, Getter] = {
    **_same("status", "attempt", "worker", "reason"),
    "at": lambda row: iso(row.at),
}

LOG_CHUNK: Mapping[str, Getter] = _same("seq", "attempt", "stream", "text")

WORKER: Mapping[str, Getter] = {
    **_same("id", "name", "host", "pid", "runner", "julia_version", "slots", "busy", "state"),
    "queues": lambda row: msgspec.json.decode(row.queues),
    "joined_at": lambda row: iso(row.joined_at),
    "last_seen_at": lambda row: iso(row.seen_at),
}

TOKEN: Mapping[str, Getter] = {
    **_same("id", "name", "role"),
    "origin": lambda row: "FILE" if isinstance(row, FileToken) else "DATABASE",
    "created_at": lambda row: iso(row.created_at),
    "expires_at": lambda row: iso(row.expires_at),
    "revoked_at": lambda row: iso(row.revoked_at),
}

#: Getters by GraphQL type name.
TABLES: Mapping[str, Mapping[str, Getter]] = {
    "Token": TOKEN,
    "Task": TASK, "TaskError": TASK_ERROR, "TaskEvent": TASK_EVENT, "LogChunk": LOG_CHUNK, "Worker": WORKER,
}


def resolver_of(type_name: str) -> Callable[..., Any]:
    """Graphene's default resolver for a type of `TABLES`."""
    table = TABLES[type_name]

    def resolve(name: str, _default: Any, row: Any, _info: Any, **_arguments: Any) -> Any:
        return table[name](row)

    return resolve
