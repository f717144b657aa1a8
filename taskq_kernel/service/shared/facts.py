"""What is told of a task beside its result: its parameters, and how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from taskq_kernel import exact_json
from taskq_kernel.argument_names import is_place
from taskq_kernel.errors import InvalidJSON
from taskq_kernel.printable import one_line
from taskq_kernel.provenance import FIELDS, facts_of
from taskq_kernel.service.schema.fields import TASK
from taskq_kernel.service.schema.version import service_version
from taskq_kernel.store.rows import BatchRow, TaskRow
from taskq_kernel.task_fields import TASK_FIELDS

Facts = list[tuple[str, str]]

#: What the facts are made of; the arguments stand on the page as its parameters.
_TOLD = frozenset(FIELDS.split()) - {"arguments"}
#: How long one of them may be, in characters.
_TEXT = 1_000


def parsed_arguments(task: TaskRow) -> dict[str, Any]:
    """A task's arguments, parsed; none where they cannot be."""
    try:
        found = exact_json.decode_kept((task.arguments or "{}").encode())
    except (InvalidJSON, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def parameter_name(name: str) -> str:
    """What a parameter is called: one that goes by position has a number alone."""
    return f"argument {name}" if is_place(name) else one_line(name)[:200]


def how_made(task: TaskRow) -> Facts:
    """How a task's result was made, in the words in which clients tell it."""
    row = {field.graphql: TASK[field.name](task) for field in TASK_FIELDS if field.graphql in _TOLD}
    found = [(fact.label, str(fact)) for fact in facts_of(row)]
    more = [
        ("Environment variables", _variables(task.env)),
        ("Memory limit", None if task.memory_limit is None else f"{task.memory_limit:,} bytes"),
        ("Type of the value", task.value_type),
        ("Shown by", f"taskq {service_version()}"),
    ]
    return [(name, one_line(text)[:_TEXT]) for name, text in [*found, *more] if text]


def batch_made(row: BatchRow) -> Facts:
    """How a batch was made."""
    said = [
        ("Batch", row.id), ("Submitted by", row.owner), ("Submitted", moment(row.created_at)),
        ("Function", f"{row.definition_name} ({row.definition})"), ("Points", f"{row.total:,}"),
        ("Seed", None if row.seeds_by_content else _text(row.seed)), ("Project (SHA-256)", row.project),
        ("Git commit", row.project_commit), ("Julia's threads", _text(row.threads)),
        ("Environment variables", _variables(row.env)), ("Shown by", f"taskq {service_version()}"),
    ]
    return [(name, one_line(text)[:_TEXT]) for name, text in said if text]


def moment(at: float | None) -> str:
    """A time, the same for readers anywhere."""
    return "" if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _variables(text: str | None) -> str | None:
    if not text:
        return None
    found = msgspec.json.decode(text)
    return ", ".join(f"{name}={value}" for name, value in found.items()) if isinstance(found, Mapping) else None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
