"""Growable columns, and how the fields of a task become their values.

One array per field, all of one length, doubled when full: a thousand new rows cost the
same in a table of ten as in one of a hundred thousand. A row is known by its *slot*, its
place in every array. A missing number is NaN, a missing text the empty string.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

Task = Mapping[str, Any]
Array = NDArray[Any]

#: Statuses in the order of a task's life. A column holds a status as its place in here.
STATUSES = ("QUEUEING", "RUNNING", "FINISHED", "FAILED", "CANCELLED")
_CODES = {status: code for code, status in enumerate(STATUSES)}

_NAN = float("nan")
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eEf][-+]?\d+)?")
_FLOATS = {"NaN": _NAN, "Inf": float("inf"), "Infinity": float("inf"), "-Inf": float("-inf")}


def seconds_of(instant: str | datetime | None) -> float:
    """Return an ISO 8601 instant as seconds since 1970 in UTC, NaN when there is none."""
    if instant is None:
        return _NAN
    moment = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def number_of(value: object, text: str | None, julia_type: str | None) -> float:
    """Return a task's value as a number to sort by, NaN when it is none.

    Parameters
    ----------
    value
        The value as JSON, or ``None`` when it was not asked for.
    text
        Its short text, which stands in for it then.
    julia_type
        Its type in Julia: the text "42" of a ``String`` is no number.
    """
    if isinstance(value, bool):
        return _NAN
    if isinstance(value, int | float):
        return _float(value)
    if isinstance(value, Mapping):
        return _tagged_number(value)
    if value is not None or not text or (julia_type or "").startswith(("String", "Char", "Symbol", "Date")):
        return _NAN
    return _float(text) if _NUMBER.fullmatch(text) else _FLOATS.get(text, _NAN)


def _tagged_number(value: Mapping[str, Any]) -> float:
    """Return the number in a tagged JSON value (``$float``, ``$rational``), NaN when there is none."""
    if "$float" in value:
        return _FLOATS.get(str(value["$float"]).replace("Infinity", "Inf"), _NAN)
    match value.get("$rational"):
        case [int(over), int(under)] if under:
            return _float(over) / under
    return _NAN


def _float(value: str | float) -> float:
    if isinstance(value, str):
        value = value.replace("f", "e")  # Julia writes a Float32 as 1.5f-7
    try:
        return float(value)
    except OverflowError:  # an integer beyond every float sorts after them all
        return float("inf") if value > 0 else float("-inf")  # type: ignore[operator]


def error_text(error: Mapping[str, Any] | None) -> str:
    """Return an error as one text, its name first."""
    if not error:
        return ""
    name, message = error.get("name") or "", error.get("message") or ""
    return message if not name or message.startswith(name) else f"{name}: {message}"


def _or(default: Any) -> Callable[[Any], Any]:
    return lambda value: default if value is None else value


@dataclass(frozen=True)
class Field:
    """One column: where its values come from and how they are kept."""

    source: str
    """Name of the field in GraphQL."""
    dtype: Any
    convert: Callable[[Any], Any]
    """From the field's JSON to the column's value."""


_text = _or("")
_number = _or(_NAN)

#: The columns that hold one field each, by name.
FIELDS: dict[str, Field] = {
    "number": Field("number", np.int64, _or(0)),
    "name": Field("name", object, _text),
    "code": Field("code", object, _text),
    "status": Field("status", np.int8, _CODES.__getitem__),
    "value_text": Field("valueText", object, _text),
    "error": Field("error", object, error_text),
    "progress": Field("progress", np.float64, _number),
    "progress_message": Field("progressMessage", object, _text),
    "seconds": Field("seconds", np.float64, _number),
    "worker": Field("worker", object, _text),
    "attempt": Field("attempt", np.int32, _or(0)),
    "max_attempts": Field("maxAttempts", np.int32, _or(1)),
    "priority": Field("priority", np.int32, _or(1)),
    "queue": Field("queue", object, _text),
    "owner": Field("owner", object, _text),
    "batch": Field("batch", object, _text),
    "created": Field("createdAt", np.float64, seconds_of),
    "started": Field("startedAt", np.float64, seconds_of),
    "finished": Field("finishedAt", np.float64, seconds_of),
    "version": Field("version", np.int64, lambda version: int(version or 0)),
}

#: Columns derived from several fields, or kept by the table itself.
_OWN: dict[str, Any] = {
    "id": object,
    "value_number": np.float64,  # the value where it is a number, to sort by
    "folded": object,  # name and value, case folded, to search in
    "folded_code": object,
    "alive": np.bool_,  # false for a slot whose task was deleted
    "selected": np.bool_,
    "changed": np.int64,  # the table's revision at the row's last change
}


class Columns:
    """Arrays of one length that grow together.

    Attributes
    ----------
    size
        Slots in use, deleted ones included.
    """

    def __init__(self, capacity: int = 1024) -> None:
        self.size = 0
        self._capacity = capacity
        types = {name: field.dtype for name, field in FIELDS.items()} | _OWN
        self._arrays = {name: np.zeros(capacity, dtype) for name, dtype in types.items()}

    def __getitem__(self, name: str) -> Array:
        """Return a column, as a view of its part in use."""
        return self._arrays[name][: self.size]

    def extend(self, count: int) -> range:
        """Append ``count`` slots and return them; their content is undefined until it is set."""
        first, self.size = self.size, self.size + count
        while self._capacity < self.size:
            self._capacity *= 2
        for name, array in self._arrays.items():
            if len(array) < self._capacity:
                grown = np.zeros(self._capacity, array.dtype)
                grown[:first] = array[:first]
                self._arrays[name] = grown
        return range(first, self.size)


def column_values(tasks: Sequence[Task]) -> dict[str, Any]:
    """Turn tasks that all have the same fields into the columns that these give.

    Raises
    ------
    KeyError
        A status is none of `STATUSES`.
    """
    given = tasks[0].keys()
    columns: dict[str, Any] = {}
    for name, field in FIELDS.items():
        if field.source in given:
            convert, source = field.convert, field.source
            columns[name] = as_column([convert(task[source]) for task in tasks], field.dtype)
    if "valueText" in given or "value" in given:
        columns["value_number"] = np.fromiter(map(number_of, *_value_parts(tasks)), np.float64, len(tasks))
    return columns


def _value_parts(tasks: Sequence[Task]) -> tuple[Any, Any, Any]:
    return tuple(  # type: ignore[return-value]  # three of them
        [task[field] for task in tasks] if field in tasks[0] else repeat(None, len(tasks))
        for field in ("value", "valueText", "valueType")
    )


def as_column(values: list[Any], dtype: Any) -> Array:
    """Return a list as an array, without numpy looking into texts or lists inside it."""
    array = np.empty(len(values), dtype)
    array[:] = values
    return array
