"""How each field of a stored row is written in GraphQL.

One table per type. The schema's resolvers use it field by field; `execution` uses it to
write whole lists at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter, itemgetter
from typing import Any

import msgspec

from taskq_kernel.recipe_file import read_recipe
from taskq_kernel.service.schema.scalars import iso
from taskq_kernel.service.security.auth import FileToken
from taskq_kernel.task_fields import ERROR_FIELDS, SHARED_FIELDS, TASK_FIELDS, TaskField
from taskq_kernel.task_files import type_of

Getter = Callable[[Any], Any]


def _same(*names: str) -> dict[str, Getter]:
    """Fields that are written as they are stored."""
    return {name: attrgetter(name) for name in names}


def _getter(field: TaskField) -> Getter:
    """How a task's field is written: as its type wants it, or as it is stored."""
    stored = attrgetter(field.stored_as[0])
    if field.parts:  # the row itself has them; the first is there where there is anything
        return lambda row: None if stored(row) is None else row
    kind = field.type.removesuffix("!")
    if kind == "JSON":
        return _raw_json(stored, field.empty)
    if kind == "[String!]":
        return lambda row: msgspec.json.decode(text) if (text := stored(row)) else None
    if kind == "DateTime":
        return lambda row: iso(stored(row))
    if kind == "Boolean":
        return lambda row: bool(stored(row))
    if kind == "String" and field.empty is not None:
        return lambda row: stored(row) or field.empty
    return stored


def _raw_json(stored: Getter, empty: Any) -> Getter:
    """JSON is passed on as it was stored, every digit of it."""
    nothing = None if empty is None else msgspec.Raw(msgspec.json.encode(empty))

    def getter(row: Any) -> msgspec.Raw | None:
        text = stored(row)
        return msgspec.Raw(text.encode()) if text else nothing

    return getter


def _of_recipe_file(name: str) -> Getter:
    """What a recipe's file says, of a row that has its code."""
    said = attrgetter(name)
    return lambda row: said(read_recipe(row.code))


TASK: Mapping[str, Getter] = {field.name: _getter(field) for field in TASK_FIELDS}

TASK_ERROR: Mapping[str, Getter] = {field.name: _getter(field) for field in ERROR_FIELDS}

DEFINITION: Mapping[str, Getter] = {
    **_same("id", "source", "code", "entry", "name", "owner"),
    "created_at": lambda row: iso(row.created_at),
    "error": lambda row: None if row.error_name is None else row,
}

DEFINITION_ERROR: Mapping[str, Getter] = {
    "name": attrgetter("error_name"), "message": attrgetter("error_message"), "line": attrgetter("error_line"),
}

BATCH: Mapping[str, Getter] = {
    **_same(
        "id", "name", "owner", "definition", "definition_name", "entry", "total", "recipe",
    ),
    "seed": lambda row: None if row.seeds_by_content else row.seed,
    **{field.name: _getter(field) for field in SHARED_FIELDS},
    "created_at": lambda row: iso(row.created_at),
    "cancelled_at": lambda row: iso(row.cancelled_at),
}

#: Of a recipe's row, whose code says the rest.
RECIPE: Mapping[str, Getter] = {
    **_same("name", "version", "definition", "project", "owner"),
    "created_at": lambda row: iso(row.created_at),
    # As it was registered; `recipe_file` reads it the same way each time.
    **{name: _of_recipe_file(name) for name in ("title", "help", "parameters", "show", "entry", "code")},
}

RECIPE_PARAMETER: Mapping[str, Getter] = {
    **_same("name", "label", "unit", "default", "minimum", "maximum", "step", "choices", "help"),
    "type": lambda parameter: parameter.type.upper(),
}

RECIPE_SHOW: Mapping[str, Getter] = {
    **_same("value", "error", "x", "y", "columns", "sweep", "label", "unit", "x_label", "y_label"),
    "kind": lambda show: show.kind.upper(),
}

GRID: Mapping[str, Getter] = {
    "first": lambda row: row.first,
    # A row has a method of that name.
    "count": lambda row: row._mapping["count"],
    "design": lambda row: row.design,
}

TASK_EVENT: Mapping[str, Getter] = {
    **_same("status", "attempt", "worker", "reason"),
    "at": lambda row: iso(row.at),
}

WHY: Mapping[str, Getter] = {
    **_same("kind", "sentence", "ahead", "needs"),
    "since": lambda why: iso(why.since),
    "until": lambda why: iso(why.until),
}

TASK_FILE: Mapping[str, Getter] = {
    **_same("name", "size", "attempt"), "sha256": attrgetter("ref"), "type": lambda row: type_of(row.name),
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

SHARE: Mapping[str, Getter] = {
    **_same("id", "task", "batch", "name", "owner", "created_by"),
    "created_at": lambda row: iso(row.created_at),
    "expires_at": lambda row: iso(row.expires_at),
    "revoked_at": lambda row: iso(row.revoked_at),
}

CLAIM: Mapping[str, Getter] = {name: itemgetter(name) for name in ("id", "attempt")}

TASK_CHANGES: Mapping[str, Getter] = _same("version", "database", "tasks", "deleted")

#: Getters by GraphQL type name.
TABLES: Mapping[str, Mapping[str, Getter]] = {
    "Token": TOKEN, "Definition": DEFINITION, "DefinitionError": DEFINITION_ERROR, "Batch": BATCH, "Grid": GRID,
    "Task": TASK, "TaskError": TASK_ERROR, "TaskEvent": TASK_EVENT, "LogChunk": LOG_CHUNK, "Worker": WORKER,
    "Why": WHY, "TaskFile": TASK_FILE, "Recipe": RECIPE, "RecipeParameter": RECIPE_PARAMETER, "RecipeShow": RECIPE_SHOW,
    "Share": SHARE, "Claim": CLAIM, "TaskChanges": TASK_CHANGES,
}


def resolver_of(type_name: str) -> Callable[..., Any]:
    """Graphene's default resolver for a type of `TABLES`."""
    table = TABLES[type_name]

    def resolve(name: str, _default: Any, row: Any, _info: Any, **_arguments: Any) -> Any:
        return table[name](row)

    return resolve
