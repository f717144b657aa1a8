"""What a task's fields are called and mean, as GraphQL gives them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from taskq_kernel import exact_json

#: A task with GraphQL's field names.
Row = Mapping[str, Any]

#: Statuses in the order of a task's life.
STATUSES = ("QUEUEING", "RUNNING", "FINISHED", "FAILED", "CANCELLED")
#: Statuses of a task that has not ended.
UNENDED = ("QUEUEING", "RUNNING")


def seconds_of(instant: str | datetime | None) -> float:
    """Return an ISO 8601 instant as seconds since 1970 in UTC, NaN when there is none."""
    if instant is None:
        return float("nan")
    moment = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def json_text(value: Any) -> str:
    """Return JSON as a text, with every digit of its numbers."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except TypeError:  # a number that no float has the digits of is a decimal, of which `json` knows nothing
        return exact_json.encode(value).decode()


def error_text(error: Mapping[str, Any] | None) -> str:
    """Return an error as one text, its name first."""
    if not error:
        return ""
    name, message = error.get("name") or "", error.get("message") or ""
    return message if not name or message.startswith(name) else f"{name}: {message}"
